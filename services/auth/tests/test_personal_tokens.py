"""Personal tokens: made by who knows the password, good for what they say, gone at once."""

import asyncio
from datetime import timedelta

import grpc
import pytest
from automix.auth.v1 import auth_pb2 as pb
from automix_common.rpc.personal_tokens import is_well_formed, new_personal_token
from google.protobuf.duration_pb2 import Duration
from kit import tokens as claims
from kit.refusals import refused

from .harness import PASSWORD, Auth, bearer, serving

INVALID = (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")
SCOPE = (grpc.StatusCode.PERMISSION_DENIED, "TOKEN_SCOPE")


async def made(auth: Auth, access_token: str, name: str = "ci", **fields: object) -> pb.CreatePersonalTokenResponse:
    """A new personal token of the signed-in account."""
    request = pb.CreatePersonalTokenRequest(**({"password": PASSWORD, "name": name} | fields))
    return await auth.stub.CreatePersonalToken(request, metadata=bearer(access_token))


async def listed(auth: Auth, token: str) -> list[pb.PersonalToken]:
    answer = await auth.stub.ListPersonalTokens(pb.ListPersonalTokensRequest(), metadata=bearer(token))
    return list(answer.personal_tokens)


async def exchanged(auth: Auth, token: str) -> str:
    return (await auth.stub.ExchangePersonalToken(pb.ExchangePersonalTokenRequest(token=token))).access_token


async def test_a_token_calls_in_the_name_of_its_account_and_only_its_hash_is_kept(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    answer = await made(auth, tokens.access_token, scope=pb.TOKEN_SCOPE_WRITE)
    assert is_well_formed(answer.token)
    assert await auth.me(answer.token) == user
    (row,) = await listed(auth, answer.token)
    assert row.HasField("last_used_at")
    assert (row.id, row.name, row.scope) == (answer.personal_token.id, "ci", pb.TOKEN_SCOPE_WRITE)
    assert row.expires_at.ToDatetime() - row.created_at.ToDatetime() == timedelta(days=90)
    stored = await auth.sql("SELECT personal_tokens::text FROM personal_tokens WHERE user_id = %s", user.id)
    assert answer.token[12:] not in stored[0][0]


async def test_what_it_is_exchanged_for_says_its_scope_and_is_over_in_a_minute(auth: Auth) -> None:
    _, tokens = await auth.sign_up()
    answer = await made(auth, tokens.access_token)
    said = claims.claims_of(await exchanged(auth, answer.token))
    assert said["scope"] == "read"
    assert said["exp"] - said["iat"] <= 60
    assert "scope" not in claims.claims_of(tokens.access_token)


async def test_a_revoked_token_is_exchanged_no_more(auth: Auth) -> None:
    _, tokens = await auth.sign_up()
    answer = await made(auth, tokens.access_token)
    revoke = pb.RevokePersonalTokenRequest(token_id=answer.personal_token.id)
    _, other = await auth.sign_up()
    with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS"):
        await auth.stub.RevokePersonalToken(revoke, metadata=bearer(other.access_token))
    await exchanged(auth, answer.token)
    await auth.stub.RevokePersonalToken(revoke, metadata=bearer(tokens.access_token))
    assert await listed(auth, tokens.access_token) == []
    with refused(*INVALID):
        await exchanged(auth, answer.token)


@pytest.mark.parametrize("token", ["unknown", "automix_pat_", "automix_pat_" + 49 * "0", "x"])
async def test_what_is_no_token_is_exchanged_for_nothing(auth: Auth, token: str) -> None:
    token = new_personal_token() if token == "unknown" else token
    with refused(*INVALID):
        await exchanged(auth, token)
    with refused(*INVALID):
        await auth.me(token)


async def test_a_changed_password_ends_every_personal_token(auth: Auth, url: str) -> None:
    user, tokens = await auth.sign_up()
    answer = await made(auth, tokens.access_token)
    change = pb.ChangePasswordRequest(current_password=PASSWORD, new_password="another good one")
    await auth.stub.ChangePassword(change, metadata=bearer(tokens.access_token))
    async with serving(url) as replica:
        with refused(*INVALID):
            await replica.me(answer.token)
    assert await auth.sql("SELECT count(*) FROM personal_tokens WHERE user_id = %s", user.id) == [(0,)]


async def test_a_deleted_account_takes_its_tokens_along(auth: Auth) -> None:
    _, tokens = await auth.sign_up()
    answer = await made(auth, tokens.access_token)
    await auth.stub.DeleteAccount(pb.DeleteAccountRequest(password=PASSWORD), metadata=bearer(tokens.access_token))
    with refused(*INVALID):
        await exchanged(auth, answer.token)


async def test_no_personal_token_changes_the_account(auth: Auth) -> None:
    _, tokens = await auth.sign_up()
    answer = await made(auth, tokens.access_token, scope=pb.TOKEN_SCOPE_WRITE)
    with refused(*SCOPE):
        await made(auth, answer.token, "another")
    with refused(*SCOPE):
        await auth.stub.RevokePersonalToken(
            pb.RevokePersonalTokenRequest(token_id=answer.personal_token.id), metadata=bearer(answer.token)
        )
    with refused(*SCOPE):
        await auth.stub.ChangePassword(
            pb.ChangePasswordRequest(current_password=PASSWORD, new_password=PASSWORD), metadata=bearer(answer.token)
        )
    with refused(*SCOPE):
        await auth.stub.DeleteAccount(pb.DeleteAccountRequest(password=PASSWORD), metadata=bearer(answer.token))


async def test_a_token_needs_the_password_and_a_name_of_its_own(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    with refused(grpc.StatusCode.UNAUTHENTICATED, "INVALID_CREDENTIALS"):
        await made(auth, tokens.access_token, password="not the password")
    await made(auth, tokens.access_token)
    with refused(grpc.StatusCode.ALREADY_EXISTS, "TOKEN_NAME_TAKEN"):
        await made(auth, tokens.access_token)
    await auth.sql(
        "INSERT INTO personal_tokens (id, user_id, name, token_hash, scope, created_at, expires_at) VALUES"
        " (gen_random_uuid(), %s, 'old', sha256(%s), 'read', now() - interval '2 days', now() - interval '1 day')",
        user.id,
        user.id.encode(),
    )
    await made(auth, tokens.access_token, "old")  # an expired one gives its name up


async def test_an_expired_token_says_so(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    secret = new_personal_token()
    await auth.sql(
        "INSERT INTO personal_tokens (id, user_id, name, token_hash, scope, created_at, expires_at) VALUES"
        " (gen_random_uuid(), %s, 'old', sha256(%s), 'read', now() - interval '2 days', now() - interval '1 day')",
        user.id,
        secret.encode(),
    )
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED"):
        await auth.me(secret)
    await auth.upkeep.once()
    assert len(await listed(auth, tokens.access_token)) == 1


async def test_a_user_has_so_many_tokens_and_no_more_however_they_are_asked_for(url: str) -> None:
    async with serving(url, max_personal_tokens=3) as auth:
        _, tokens = await auth.sign_up()
        asked = [made(auth, tokens.access_token, f"token {number}") for number in range(5)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(outcome, pb.CreatePersonalTokenResponse) for outcome in outcomes) == 3
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOKEN_QUOTA"):
            await made(auth, tokens.access_token, "one more")


async def test_a_token_lives_for_what_is_asked_up_to_a_year(auth: Auth) -> None:
    _, tokens = await auth.sign_up()
    day = await made(auth, tokens.access_token, lifetime=Duration(seconds=86_400))
    row = day.personal_token
    assert row.expires_at.ToDatetime() - row.created_at.ToDatetime() == timedelta(days=1)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"):
        await made(auth, tokens.access_token, "for ever", lifetime=Duration(seconds=10 * 366 * 86_400))
