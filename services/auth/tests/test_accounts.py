"""An account from its creation to its deletion."""

import asyncio
import uuid

import grpc
import pytest
from automix.auth.v1 import auth_pb2 as pb
from automix.events.v1 import events_pb2
from automix_auth.hashing import hash_password
from automix_auth.repository import Accounts
from kit.refusals import reason_of, refused

from .harness import COST, PASSWORD, Auth, bearer, hashes_computed, new_email, serving

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
INVALID = grpc.StatusCode.INVALID_ARGUMENT


async def test_a_new_account_is_signed_in_and_can_sign_in_again(auth: Auth) -> None:
    name = uuid.uuid4().hex
    created = await auth.stub.SignUp(pb.SignUpRequest(email=f"{name}@EXAMPLE.org", password=PASSWORD))
    assert created.user.email == f"{name}@example.org"
    assert uuid.UUID(created.user.id).version == 7
    assert await auth.me(created.tokens.access_token) == created.user
    tokens = await auth.sign_in(f"{name.upper()}@Example.ORG")
    assert await auth.me(tokens.access_token) == created.user


@pytest.mark.parametrize("password", ["\0" * 8, "nul\0inside", "x" * 200, "ü" * 512, "       8"])
async def test_any_password_within_the_limits_works(auth: Auth, password: str) -> None:
    email = new_email()
    await auth.stub.SignUp(pb.SignUpRequest(email=email, password=password))
    await auth.sign_in(email, password)
    with refused(UNAUTHENTICATED, "INVALID_CREDENTIALS"):
        await auth.sign_in(email, password[:-1] + "?")


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@example.org", "1234567"),
        ("ada@example.org", ""),
        ("ada@example.org", "x" * 1025),
        ("ada@example.org", "ü" * 513),
        ("", PASSWORD),
        ("ada", PASSWORD),
        ("ada\N{ZERO WIDTH SPACE}@example.org", PASSWORD),
        ("a" * 288 + "@example.org", PASSWORD),
        ("ada\0@example.org", PASSWORD),
    ],
)
async def test_what_cannot_be_an_account_is_refused_before_hashing(auth: Auth, email: str, password: str) -> None:
    before = hashes_computed()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.stub.SignUp(pb.SignUpRequest(email=email, password=password))
    assert raised.value.code() is INVALID
    assert hashes_computed() == before


async def test_sign_ups_at_once_with_one_email_make_one_account(auth: Auth) -> None:
    email = new_email()
    calls = [auth.stub.SignUp(pb.SignUpRequest(email=case, password=PASSWORD)) for case in (email, email.upper()) * 4]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [outcome for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)]
    assert len(refusals) == len(calls) - 1
    assert {(error.code(), reason_of(error)) for error in refusals} == {(grpc.StatusCode.ALREADY_EXISTS, "EMAIL_TAKEN")}
    assert await auth.sql("SELECT count(*) FROM users WHERE email = %s", email) == [(1,)]


async def test_an_unknown_email_and_a_wrong_password_get_the_same_answer_for_the_same_work(auth: Auth) -> None:
    user, _ = await auth.sign_up()
    answers = []
    for email in (user.email, new_email(), "no email", "nobody\0@example.org"):
        before = hashes_computed()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await auth.sign_in(email, "wrong password", via="198.51.100.20")
        answers.append(
            (raised.value.code(), raised.value.details(), reason_of(raised.value), hashes_computed() - before)
        )
    assert answers == [(UNAUTHENTICATED, "email or password is wrong", "INVALID_CREDENTIALS", 1)] * 4


async def test_a_hash_of_another_cost_is_renewed_at_sign_in(auth: Auth, url: str) -> None:
    user, _ = await auth.sign_up()
    async with serving(url, bcrypt_cost=COST + 1) as costlier:
        await costlier.sign_in(user.email)
        before = hashes_computed(COST + 1)
        await costlier.sign_in(user.email)
        assert hashes_computed(COST + 1) == before + 1
    found = await auth.sql("SELECT password_hash FROM users WHERE email = %s", user.email)
    assert found[0][0].startswith(f"$2b$0{COST + 1}$")


async def test_nothing_that_proves_an_identity_is_stored_as_it_is(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    rows = await auth.sql("SELECT u::text, t::text FROM users u, refresh_tokens t WHERE u.email = %s", user.email)
    stored = "".join(text for row in rows for text in row)
    assert PASSWORD not in stored
    assert tokens.refresh_token not in stored
    assert tokens.refresh_token.encode().hex() not in stored


async def test_a_changed_password_ends_every_sign_in_but_this_one(auth: Auth) -> None:
    user, first = await auth.sign_up()
    second = await auth.sign_in(user.email)
    request = pb.ChangePasswordRequest(current_password=PASSWORD, new_password="another password")
    changed = (await auth.stub.ChangePassword(request, metadata=bearer(second.access_token))).tokens
    for old in (first, second):
        with refused(UNAUTHENTICATED, "INVALID_REFRESH_TOKEN"):
            await auth.refresh(old.refresh_token)
    with refused(UNAUTHENTICATED, "INVALID_CREDENTIALS"):
        await auth.sign_in(user.email)
    await auth.refresh(changed.refresh_token)
    await auth.sign_in(user.email, "another password")


async def test_a_stolen_access_token_changes_no_password_and_deletes_no_account(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    change = pb.ChangePasswordRequest(current_password="wrong password", new_password="another password")
    with refused(UNAUTHENTICATED, "INVALID_CREDENTIALS"):
        await auth.stub.ChangePassword(change, metadata=bearer(tokens.access_token))
    with refused(UNAUTHENTICATED, "INVALID_CREDENTIALS"):
        await auth.stub.DeleteAccount(
            pb.DeleteAccountRequest(password="wrong password"), metadata=bearer(tokens.access_token)
        )
    await auth.sign_in(user.email)


async def test_of_two_password_changes_at_once_one_takes_effect(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    requests = [
        pb.ChangePasswordRequest(current_password=PASSWORD, new_password=new)
        for new in ("password one", "password two")
    ]
    calls = [auth.stub.ChangePassword(request, metadata=bearer(tokens.access_token)) for request in requests]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    won = [request for request, outcome in zip(requests, outcomes, strict=True) if not isinstance(outcome, Exception)]
    assert len(won) == 1
    await auth.sign_in(user.email, won[0].new_password)
    assert (await auth.sql(LIVE_FAMILIES, user.id))[0][0] == 2


LIVE_FAMILIES = "SELECT count(*) FROM token_families WHERE user_id = %s AND revoked_at IS NULL"


async def test_a_sign_in_that_a_password_change_overtakes_gets_no_tokens(auth: Auth) -> None:
    """Its password was right when it was checked, and is not when the tokens are due."""
    user, _ = await auth.sign_up()
    async with auth.database.transaction() as connection:
        accounts = Accounts(connection)
        checked = await accounts.by_email(user.email)
        assert checked is not None
        assert await accounts.hold(checked)
        assert await accounts.set_password(checked, hash_password("another password", COST))
        assert not await accounts.hold(checked)
        assert not await accounts.delete(checked)


async def test_a_deleted_account_is_gone_and_the_others_are_told_in_the_same_transaction(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    await auth.stub.DeleteAccount(pb.DeleteAccountRequest(password=PASSWORD), metadata=bearer(tokens.access_token))
    events = await auth.sql("SELECT subject, payload FROM outbox WHERE aggregate_id = %s", user.id)
    assert [subject for subject, _ in events] == ["automix.auth.user.deleted"]
    event = events_pb2.Event.FromString(events[0][1])
    assert (event.user_deleted.user_id, event.aggregate_id, event.version) == (user.id, user.id, 1)
    assert await auth.sql("SELECT count(*) FROM token_families WHERE user_id = %s", user.id) == [(0,)]
    with refused(UNAUTHENTICATED, "INVALID_CREDENTIALS"):
        await auth.sign_in(user.email)
    with refused(UNAUTHENTICATED, "INVALID_REFRESH_TOKEN"):
        await auth.refresh(tokens.refresh_token)


async def test_the_live_token_of_a_deleted_account_opens_nothing_here(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    delete = pb.DeleteAccountRequest(password=PASSWORD)
    await auth.stub.DeleteAccount(delete, metadata=bearer(tokens.access_token))
    change = pb.ChangePasswordRequest(current_password=PASSWORD, new_password="another password")
    with refused(UNAUTHENTICATED, "ACCOUNT_DELETED"):
        await auth.me(tokens.access_token)
    with refused(UNAUTHENTICATED, "ACCOUNT_DELETED"):
        await auth.stub.ChangePassword(change, metadata=bearer(tokens.access_token))
    with refused(UNAUTHENTICATED, "ACCOUNT_DELETED"):
        await auth.stub.DeleteAccount(delete, metadata=bearer(tokens.access_token))
    again = await auth.stub.SignUp(pb.SignUpRequest(email=user.email, password=PASSWORD))
    assert again.user.id != user.id


async def test_an_account_deleted_twice_at_once_is_deleted_once(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    calls = [
        auth.stub.DeleteAccount(pb.DeleteAccountRequest(password=PASSWORD), metadata=bearer(tokens.access_token))
        for _ in range(2)
    ]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(outcome, pb.DeleteAccountResponse) for outcome in outcomes) == 1
    assert await auth.sql("SELECT count(*) FROM outbox WHERE aggregate_id = %s", user.id) == [(1,)]


async def test_two_hundred_sign_ins_at_once_leave_room_for_other_calls(url: str) -> None:
    async with serving(url, bcrypt_cost=8, hashing_slots=1, hashing_waiting=20, sign_in_failures=1000) as auth:
        user, tokens = await auth.sign_up()
        answered = 0
        crowd = asyncio.gather(*(auth.sign_in(user.email) for _ in range(200)), return_exceptions=True)
        while not crowd.done():
            assert await auth.me(tokens.access_token) == user
            answered += 1
        outcomes = await crowd
    refusals = {reason_of(outcome) for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)}
    assert refusals == {"HASHING_BUSY"}
    assert sum(isinstance(outcome, pb.Tokens) for outcome in outcomes) >= 21
    assert answered > 3
