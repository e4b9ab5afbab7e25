"""Projects and accounts deleted while a job renders, with each consumer down in turn: nothing is left anywhere."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import grpc
import pytest
from automix.mixer.v1 import mixer_pb2, mixer_pb2_grpc
from automix.projects.v1 import projects_pb2, projects_pb2_grpc
from automix_client.assets import BEAT
from automix_client.client import AsyncClient
from automix_client.errors import NotReachableError, NotYoursError
from automix_client.tokens import Credentials
from kit import audio
from kit.jobs import processing, render_child, settle
from kit.people import PASSWORD, Person, Studio
from kit.refusals import reason_of
from kit.stack import WORKERS, Stack
from kit.strikes import Strikes
from kit.waiting import until

OWNED = {
    "auth.users": "id",
    "auth.token_families": "user_id",
    "projects.projects": "owner_id",
    "projects.request_answers": "user_id",
    "media.uploads": "owner_id",
    "media.assets": "owner_id",
    "media.request_answers": "user_id",
    "mixer.jobs": "owner_id",
    "mixer.renders": "owner_id",
    "mixer.request_answers": "user_id",
}


async def left_of(stack: Stack, user_id: str) -> dict[str, int]:
    """Rows that belong to the user, by table."""
    counts = {
        table: (await stack.query(f"SELECT count(*) FROM {table} WHERE {column} = %s", user_id))[0][0]
        for table, column in OWNED.items()
    }
    return {table: count for table, count in counts.items() if count}


async def objects_of(stack: Stack, user_id: str) -> set[str]:
    """Keys that the user's rows name, or their running job may write."""
    rows = await stack.query(
        "SELECT storage_key FROM media.assets WHERE owner_id = %s UNION ALL"
        " SELECT 'renders/' || id FROM mixer.jobs WHERE owner_id = %s",
        user_id,
        user_id,
    )
    return {key for (key,) in rows}


async def gone(stack: Stack, prefixes: set[str]) -> bool:
    bucket = stack.bucket()
    found = [
        await asyncio.to_thread(lambda prefix=prefix: list(bucket.list_objects("automix", prefix, recursive=True)))
        for prefix in prefixes
    ]
    return not any(found)


@pytest.mark.parametrize("consumer", ["media", "mixer"])
async def test_a_project(stack: Stack, consumer: str) -> None:
    async with Studio.open(stack) as studio:
        finished = await studio.job()
        await studio.client.jobs.wait(finished)
        prefixes = await _render_while(stack, studio, consumer, studio.client.projects.delete(studio.project_id))
        await until(lambda: gone(stack, prefixes), what="a bucket without the project's objects")
        await settle(stack)
        left = await left_of(stack, studio.person.id)
        # What is the account's own stays, and so do the answers to its calls.
        assert set(left) <= {"auth.users", "auth.token_families", *(t for t in OWNED if t.endswith("answers"))}


@pytest.mark.parametrize("consumer", ["projects", "media", "mixer"])
async def test_an_account(stack: Stack, consumer: str) -> None:
    async with Studio.open(stack) as studio:
        user_id = studio.person.id
        prefixes = await _render_while(stack, studio, consumer, studio.client.account.delete(PASSWORD))
        await until(lambda: gone(stack, prefixes), what="a bucket without the user's objects")
        await settle(stack)
        assert await left_of(stack, user_id) == {}


async def _render_while(stack: Stack, studio: Studio, consumer: str, deletion) -> set[str]:
    """Deletes while a render child is at work and the consumer is down; returns where objects were or could be."""
    job = await studio.job()
    await processing(stack, job)
    child = await render_child(stack, *WORKERS)
    child.suspend()
    prefixes = await objects_of(stack, studio.person.id)
    async with stack.without(consumer):
        await deletion
        child.resume()
    return prefixes


async def test_a_deleted_users_live_token_is_refused_by_services_that_knew_it(stack: Stack) -> None:
    async with Studio.open(stack) as studio:
        person = studio.person
        await studio.client.account.delete(PASSWORD)
        await settle(stack)
        projects = projects_pb2_grpc.ProjectsServiceStub(stack.channel("projects"))
        mixer = mixer_pb2_grpc.MixerServiceStub(stack.channel("mixer"))
        for call, request in (
            (projects.CreateProject, projects_pb2.CreateProjectRequest(name="Ghost")),
            (mixer.CreateJob, mixer_pb2.CreateJobRequest(project_id=studio.project_id)),
        ):
            told = partial(_refusal, call, request, person.metadata)
            # It was let in some seconds ago, so it is not looked up yet; what it would create is refused all the same.
            assert await told() in {"NOT_YOURS", "ACCOUNT_DELETED"}
            await until(lambda told=told: _is(told, "ACCOUNT_DELETED"), what="a token refused")
        assert await left_of(stack, person.id) == {}


async def _refusal(call, request, metadata) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(request, metadata=metadata, timeout=20)
    return reason_of(refused.value)


async def _is(told: Callable[[], Awaitable[str]], reason: str) -> bool:
    return await told() == reason


async def test_what_is_created_before_the_news_arrives_goes_with_it(stack: Stack, strikes: Strikes) -> None:
    """The auth service dies with the deletion committed and unpublished; meanwhile the live token goes on creating."""
    point = "relay.before_publish"
    person = await Person.sign_up(stack)
    async with stack.told(strikes.armed(point), "auth"):
        async with person.client() as client:
            credentials = client.session.credentials()
            # Every service has the keys of sign-in at hand when the auth service goes.
            project = await client.projects.create("Before")
            assert [one async for one in client.assets.list(project.id)] == []
            assert [one async for one in client.jobs.list(project.id)] == []
            strikes.order(point)
            # The service may be gone before its answer has left.
            with suppress(NotReachableError):
                await client.account.delete(PASSWORD)
            await until(lambda: strikes.struck(point), what="a relay struck")
            await stack.stop("auth")
        assert not {"auth.users", "auth.token_families"} & set(await left_of(stack, person.id))
        async with AsyncClient(stack.endpoints) as ghost:
            ghost.session.store.save(credentials)
            prefixes = await _create_everything(stack, ghost)
        assert set(await left_of(stack, person.id)) >= {"projects.projects", "media.assets", "mixer.jobs"}
        await stack.start("auth")
    await until(lambda: gone(stack, prefixes), what="a bucket without the ghost's objects")
    await settle(stack)
    assert await left_of(stack, person.id) == {}


async def _create_everything(stack: Stack, client: AsyncClient) -> set[str]:
    project = await client.projects.create("Ghost")
    with tempfile.TemporaryDirectory() as folder:
        await client.assets.upload(project.id, audio.beat(Path(folder) / "beat.wav"), BEAT)
    await client.jobs.create(project.id)
    credentials: Credentials = client.session.credentials()
    return await objects_of(stack, credentials.user_id)


async def test_creating_and_deleting_at_once(stack: Stack) -> None:
    """Some of the creations come before the deletion, some after; none survives it."""
    people = [await Person.sign_up(stack) for _ in range(8)]

    async def create(client: AsyncClient) -> None:
        with suppress(NotYoursError):
            for number in range(5):
                await client.projects.create(f"Ghost {number}")

    async def live(person: Person) -> None:
        async with person.client() as creating, person.client() as deleting:
            await asyncio.gather(create(creating), deleting.account.delete(PASSWORD))

    await asyncio.gather(*(live(person) for person in people))
    await settle(stack)
    assert [await left_of(stack, person.id) for person in people] == [{}] * len(people)
