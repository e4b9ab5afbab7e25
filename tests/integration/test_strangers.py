"""What a stranger gets from every RPC: the same refusal for what is another's and for what does not exist."""

import dataclasses
import time
import uuid

import grpc
import pytest
from automix.auth.v1 import auth_pb2 as auth
from automix.media.v1 import media_pb2 as media
from automix.mixer.v1 import mixer_pb2 as mixer
from automix_client.client import AsyncClient
from kit import tokens
from kit.calls import NAMES, RPCS, TABLE, Named, Own, Public, Row, requests_of
from kit.people import PASSWORD, Person, Possessions
from kit.rpcs import invoke, refusal
from kit.stack import Stack
from kit.waiting import until

SCHEMAS = ("projects", "media", "mixer")
"""Those that hear of deleted accounts."""
DENIED = grpc.StatusCode.PERMISSION_DENIED
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


def nowhere() -> Possessions:
    """Ids of what does not exist."""
    return Possessions(**{field.name: str(uuid.uuid4()) for field in dataclasses.fields(Possessions)})


@pytest.fixture(scope="session")
async def owner(stack: Stack) -> Person:
    """Somebody who has one of everything."""
    return await Person.sign_up(stack)


@pytest.fixture(scope="session")
async def victim(owner: Person) -> Possessions:
    """What they have."""
    return await owner.own_everything()


@pytest.fixture(scope="session")
async def stranger(stack: Stack) -> str:
    """The access token of somebody else."""
    return (await Person.sign_up(stack)).token


def test_every_rpc_has_a_row() -> None:
    assert sorted(NAMES) == sorted(TABLE)


def each(*kinds: type[Row]) -> pytest.MarkDecorator:
    """Runs a test for every RPC whose row is of these kinds."""
    chosen = [rpc for rpc in RPCS if isinstance(TABLE.get(rpc[0]), kinds)]
    return pytest.mark.parametrize(("name", "service", "method"), chosen, ids=[name for name, _, _ in chosen])


@each(Named)
async def test_a_stranger_learns_nothing(stack, victim, stranger, name, service, method) -> None:
    row = TABLE[name]
    channel = stack.channel(service)
    code, reason, message = await refusal(channel, method, row.requests(victim), stranger)
    assert (code, reason) == (DENIED, "NOT_YOURS")
    assert await refusal(channel, method, row.requests(nowhere()), stranger) == (code, reason, message)


@each(Named, Own)
async def test_a_token_is_needed(stack, victim, name, service, method) -> None:
    code, reason, _ = await refusal(stack.channel(service), method, requests_of(TABLE[name], victim), None)
    assert (code, reason) == (UNAUTHENTICATED, "TOKEN_MISSING")


@each(Public)
async def test_no_token_is_needed(stack, victim, name, service, method) -> None:
    code, reason, _ = await refusal(stack.channel(service), method, requests_of(TABLE[name], victim), None)
    assert code is not DENIED
    assert reason != "TOKEN_MISSING"


@each(Named, Own)
async def test_only_a_genuine_live_token_is_accepted(
    stack, victim, stranger, signing_key, name, service, method
) -> None:
    false = {
        "expired": (tokens.expired(stranger, signing_key), "TOKEN_EXPIRED"),
        "another key": (tokens.signed_by_another_key(stranger), "TOKEN_INVALID"),
        "alg none": (tokens.unsigned(stranger), "TOKEN_INVALID"),
        "another's name": (tokens.tampered(stranger, sub=victim.owner_id), "TOKEN_INVALID"),
        "not a token": ("x", "TOKEN_INVALID"),
    }
    for kind, (token, expected) in false.items():
        code, reason, _ = await refusal(stack.channel(service), method, requests_of(TABLE[name], victim), token)
        assert (kind, code, reason) == (kind, UNAUTHENTICATED, expected)


@pytest.fixture(scope="session")
async def deleted(stack: Stack) -> str:
    """The live access token of somebody whose account is deleted, which every service has heard."""
    person = await Person.sign_up(stack)
    async with person.client() as client:
        await client.account.delete(PASSWORD)
    buried = " AND ".join(f"EXISTS (SELECT FROM {schema}.tombstones WHERE id = %s)" for schema in SCHEMAS)

    async def heard() -> bool:
        return (await stack.query(f"SELECT {buried}", *[person.id] * len(SCHEMAS)))[0][0]

    await until(heard, what="every service told of the deletion")
    return person.token


@each(Named, Own)
async def test_a_deleted_accounts_token_is_good_for_nothing(stack, deleted, name, service, method) -> None:
    code, reason, _ = await refusal(stack.channel(service), method, requests_of(TABLE[name], nowhere()), deleted)
    assert (code, reason) == (UNAUTHENTICATED, "ACCOUNT_DELETED")


async def test_an_expired_token_was_once_good(stack, stranger, signing_key) -> None:
    """The tokens above are refused for their age alone: the same forgery with time left is accepted."""
    alive = tokens.expired(stranger, signing_key, seconds_ago=-60)
    _, service, method = next(rpc for rpc in RPCS if rpc[0] == "AuthService.GetMe")
    (answer,) = await invoke(stack.channel(service), method, [auth.GetMeRequest()], alive)
    assert answer.user.id == tokens.user_of(stranger)
    assert tokens.claims_of(alive)["exp"] > time.time()


async def test_lists_show_only_ones_own(stack, victim) -> None:
    other = await Person.sign_up(stack)
    mine = await other.own_everything()
    async with other.client() as client:
        assert [project.id async for project in client.projects.list()] == [mine.project_id]
        listed = await _all_ids(client, mine.project_id)
    assert listed == {mine.asset_id, mine.job_id, mine.render_id}
    assert not listed & set(dataclasses.asdict(victim).values())


async def test_another_users_asset_is_no_input(stack, victim) -> None:
    person = await Person.sign_up(stack)
    async with person.client() as client:
        project = await client.projects.create("Mine")
        method = next(method for name, _, method in RPCS if name == "MixerService.CreateJob")
        refused = [
            await refusal(
                stack.channel("mixer"),
                method,
                [mixer.CreateJobRequest(project_id=project.id, inputs=[mixer.JobInput(asset_id=asset_id)])],
                person.token,
            )
            for asset_id in (victim.asset_id, str(uuid.uuid4()))
        ]
    assert refused[0][:2] == (DENIED, "NOT_YOURS")
    assert refused[1] == refused[0]


async def test_the_owner_has_lost_nothing(stack, owner, victim) -> None:
    """Runs last of this file: after every attempt above everything is as its owner left it."""
    async with owner.client() as client:
        project = await client.projects.get(victim.project_id)
        assert (project.name, project.no_of_renders) == ("Everything", 1)
        assert await _all_ids(client, victim.project_id) == {victim.asset_id, victim.job_id, victim.render_id}
        assert (await client.assets.get(victim.asset_id)).filename == "beat.wav"
        method = next(method for name, _, method in RPCS if name == "MediaService.GetUpload")
        request = media.GetUploadRequest(upload_id=victim.upload_id)
        (answer,) = await invoke(stack.channel("media"), method, [request], client.session.credentials().access_token)
        assert (answer.upload.state, answer.upload.received) == (media.UPLOAD_STATE_OPEN, 0)


async def _all_ids(client: AsyncClient, project_id: str) -> set[str]:
    return {
        *[one.id async for one in client.assets.list(project_id)],
        *[one.id async for one in client.jobs.list(project_id)],
        *[one.id async for one in client.renders.list(project_id)],
    }
