"""Personal tokens at every RPC of the platform: one reads, one writes, neither touches the account."""

import dataclasses
import uuid

import grpc
import pytest
from automix.auth.v1 import auth_pb2
from automix_client.client import AsyncClient
from automix_client.errors import NotSignedInError, NotYoursError
from automix_client.personal_tokens import READ, WRITE
from automix_common.rpc.identity import PERSONAL_SECONDS
from automix_common.rpc.personal_tokens import new_personal_token
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from kit.people import PASSWORD, Person, Possessions
from kit.rpcs import methods, refusal
from kit.stack import Stack

from .test_strangers import TABLE, Public, requests_of

RPCS = [(f"{method.containing_service.name}.{method.name}", service, method) for service, method in methods()]
ALL = pytest.mark.parametrize(("name", "service", "method"), RPCS, ids=[name for name, _, _ in RPCS])
OF_THE_ACCOUNT = {
    f"AuthService.{name}" for name in ("ChangePassword", "DeleteAccount", "CreatePersonalToken", "RevokePersonalToken")
}
NOWHERE = Possessions(**{field.name: str(uuid.uuid4()) for field in dataclasses.fields(Possessions)})


@pytest.fixture(scope="module")
async def person(stack: Stack) -> Person:
    """The owner of the tokens."""
    return await Person.sign_up(stack)


@pytest.fixture(scope="module")
async def tokens(person: Person) -> dict[str, str]:
    """A token of each scope."""
    async with person.client() as client:
        return {
            name: (await client.tokens.create(name, PASSWORD, scope=scope)).token
            for name, scope in (("read", READ), ("write", WRITE))
        }


def reads(method: MethodDescriptor) -> bool:
    return method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS


@ALL
def test_what_is_got_has_no_side_effects_and_only_links_are_made_without_any(name, service, method) -> None:
    verb = method.GetOptions().Extensions[annotations_pb2.http].WhichOneof("pattern")
    assert reads(method) == (verb == "get" or name.endswith("DownloadUrl"))


@ALL
async def test_a_token_does_what_its_scope_says(stack, tokens, name, service, method) -> None:
    requests = requests_of(TABLE[name], NOWHERE)
    for scope, token in tokens.items():
        _, reason, _ = await refusal(stack.channel(service), method, requests, token)
        public = isinstance(TABLE[name], Public)
        allowed = public or reads(method) or (scope == "write" and name not in OF_THE_ACCOUNT)
        assert (reason != "TOKEN_SCOPE") == allowed, (scope, reason)
        assert not reason.startswith("TOKEN_") or reason == "TOKEN_SCOPE" or public, (scope, reason)


@ALL
async def test_no_rpc_takes_a_token_that_nobody_made(stack, name, service, method) -> None:
    if isinstance(TABLE[name], Public):
        return
    code, reason, _ = await refusal(
        stack.channel(service), method, requests_of(TABLE[name], NOWHERE), new_personal_token()
    )
    assert (code, reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")


async def test_a_write_token_mixes_through_every_service_and_dies_everywhere_within_a_minute(
    stack: Stack, person: Person
) -> None:
    """Services remember a token for half a minute, and pass on what lives for one; both are said in one place."""
    assert PERSONAL_SECONDS <= 30
    async with person.client() as owner:
        made = await owner.tokens.create("program", PASSWORD, scope=WRITE)
        async with AsyncClient(stack.endpoints, token=made.token) as program:
            project = await program.projects.create("By a program")
            assert [one.id async for one in program.jobs.list(project.id)] == []  # through mixer to projects
            with pytest.raises(NotYoursError) as refused:
                await program.tokens.create("another", PASSWORD)
            assert refused.value.reason == "TOKEN_SCOPE"
        await owner.tokens.revoke(made.personal_token.id)
        assert "program" not in [one.name async for one in owner.tokens.list()]
    async with AsyncClient(stack.endpoints, token=made.token) as program:
        with pytest.raises(NotSignedInError):
            async for _ in program.assets.list(project.id):  # media has not met it before
                pass
    method = next(method for name, _, method in RPCS if name == "AuthService.ExchangePersonalToken")
    request = auth_pb2.ExchangePersonalTokenRequest(token=made.token)
    assert (await refusal(stack.channel("auth"), method, [request], None))[1] == "TOKEN_INVALID"
