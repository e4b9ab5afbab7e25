"""Wrong passwords: counted by account and address, in the database, and never against everybody."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from automix.auth.v1 import auth_pb2 as pb
from kit.refusals import reason_of, refused

from .harness import PASSWORD, Auth, bearer, hashes_computed, new_email, serving

MOST = 5
HERE, ELSEWHERE = "198.51.100.1", "198.51.100.2"
WRONG = (grpc.StatusCode.UNAUTHENTICATED, "INVALID_CREDENTIALS")
THROTTLED = (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS")


@pytest.fixture(scope="module")
async def strict(url: str) -> AsyncIterator[Auth]:
    async with serving(url, sign_in_failures=MOST, hashing_slots=2) as replica:
        yield replica


@pytest.fixture
async def email(strict: Auth) -> str:
    user, _ = await strict.sign_up()
    return user.email


async def use_up(auth: Auth, email: str, via: str = HERE) -> None:
    for _ in range(MOST):
        with refused(*WRONG):
            await auth.sign_in(email, "wrong password", via=via)


async def test_twenty_wrong_passwords_in_a_row_are_not_all_hashed(strict: Auth, email: str) -> None:
    before = hashes_computed()
    outcomes = []
    for _ in range(20):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await strict.sign_in(email, "wrong password", via=HERE)
        outcomes.append((raised.value.code(), reason_of(raised.value)))
    assert outcomes == [WRONG] * MOST + [THROTTLED] * (20 - MOST)
    assert hashes_computed() == before + MOST


async def test_a_refusal_says_how_long_to_wait(strict: Auth, email: str) -> None:
    await use_up(strict, email)
    with refused(*THROTTLED) as refusal:
        await strict.sign_in(email, via=HERE)
    assert refusal.retry_after_seconds is not None
    assert 0 < refusal.retry_after_seconds <= strict.settings.sign_in_window_seconds


async def test_the_account_stays_open_from_elsewhere(strict: Auth, email: str) -> None:
    await use_up(strict, email)
    with refused(*THROTTLED):
        await strict.sign_in(email, via=HERE)
    await strict.sign_in(email, via=ELSEWHERE)
    with refused(*THROTTLED):
        await strict.sign_in(email, via=HERE)


async def test_other_accounts_stay_open_from_the_same_address(strict: Auth, email: str) -> None:
    await use_up(strict, email)
    other, _ = await strict.sign_up()
    await strict.sign_in(other.email, via=HERE)


async def test_replicas_count_together(strict: Auth, email: str, url: str) -> None:
    await use_up(strict, email)
    async with serving(url, sign_in_failures=MOST) as replica:
        with refused(*THROTTLED):
            await replica.sign_in(email, via=HERE)


async def test_an_email_without_an_account_is_throttled_alike(strict: Auth) -> None:
    email = new_email()
    await use_up(strict, email)
    with refused(*THROTTLED):
        await strict.sign_in(email, "wrong password", via=HERE)


async def test_another_way_to_write_the_email_gives_no_other_tries(strict: Auth) -> None:
    email = f"sisyphos.{new_email()}"
    await strict.stub.SignUp(pb.SignUpRequest(email=email, password=PASSWORD))
    await use_up(strict, email)
    for spelling in (email.upper(), email.replace("s", "ſ")):
        with refused(*THROTTLED):
            await strict.sign_in(spelling, via=HERE)
        await strict.sign_in(spelling, via=ELSEWHERE)


async def test_an_address_of_the_same_site_gives_no_other_tries(strict: Auth, email: str) -> None:
    await use_up(strict, email, via="2001:db8:2:3::1")
    with refused(*THROTTLED):
        await strict.sign_in(email, via="2001:db8:2:3:4::5")
    await strict.sign_in(email, via="2001:db8:2:4::1")


async def test_a_claimed_address_counts_only_from_a_known_proxy(url: str, email: str) -> None:
    async with serving(url, sign_in_failures=MOST, trusted_proxies="192.0.2.0/24") as replica:
        for number in range(MOST):
            with refused(*WRONG):
                await replica.sign_in(email, "wrong password", via=f"198.51.100.{number}")
        with refused(*THROTTLED):
            await replica.sign_in(email, via="198.51.100.200")


async def test_the_right_password_forgives_the_wrong_ones_before_it(strict: Auth, email: str) -> None:
    for _ in range(3):
        for _ in range(MOST - 1):
            with refused(*WRONG):
                await strict.sign_in(email, "wrong password", via=HERE)
        await strict.sign_in(email, via=HERE)


async def test_wrong_passwords_count_for_a_while_only(strict: Auth, email: str) -> None:
    await use_up(strict, email)
    await strict.sql("UPDATE sign_in_failures SET since = since - interval '1 hour'")
    await use_up(strict, email)
    with refused(*THROTTLED):
        await strict.sign_in(email, via=HERE)


async def test_guesses_at_once_get_no_more_tries_than_guesses_in_a_row(strict: Auth, email: str) -> None:
    before = hashes_computed()
    guesses = (strict.sign_in(email, f"wrong password {n}", via=HERE) for n in range(40))
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    reasons = {reason_of(outcome) for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)}
    assert reasons == {"INVALID_CREDENTIALS", "TOO_MANY_ATTEMPTS"}
    assert hashes_computed() - before <= MOST + strict.settings.hashing_slots - 1


async def test_the_password_of_a_signed_in_caller_cannot_be_guessed_either(strict: Auth) -> None:
    _, tokens = await strict.sign_up()
    metadata = [*bearer(tokens.access_token), ("x-forwarded-for", HERE)]
    wrong = pb.DeleteAccountRequest(password="wrong password")
    for _ in range(MOST):
        with refused(*WRONG):
            await strict.stub.DeleteAccount(wrong, metadata=metadata)
    change = pb.ChangePasswordRequest(current_password=PASSWORD, new_password="another password")
    with refused(*THROTTLED):
        await strict.stub.ChangePassword(change, metadata=metadata)


async def test_one_address_cannot_try_a_password_on_everybody(url: str) -> None:
    site = "203.0.113.7"
    async with serving(url, sign_in_failures_of_address=MOST, hashing_slots=1) as replica:
        for _ in range(MOST):
            with refused(*WRONG):
                await replica.sign_in(new_email(), "wrong password", via=site)
        with refused(*THROTTLED):
            await replica.sign_in(new_email(), "wrong password", via=site)
        with refused(*WRONG):
            await replica.sign_in(new_email(), "wrong password", via="203.0.113.8")


async def test_one_address_cannot_ask_for_any_number_of_accounts(url: str) -> None:
    metadata = [("x-forwarded-for", "203.0.113.9")]
    email = new_email()

    async def sign_up(auth: Auth, email: str, metadata: list[tuple[str, str]]) -> None:
        await auth.stub.SignUp(pb.SignUpRequest(email=email, password=PASSWORD), metadata=metadata)

    async with serving(url, sign_ups=3) as replica, serving(url, sign_ups=3) as other:
        await sign_up(replica, email, metadata)
        for auth in (replica, other):  # a refusal that tells of an account counts, too
            before = hashes_computed()
            with refused(grpc.StatusCode.ALREADY_EXISTS, "EMAIL_TAKEN"):
                await sign_up(auth, email, metadata)
            assert hashes_computed() == before + 1
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_SIGN_UPS") as refusal:
            await sign_up(replica, new_email(), metadata)
        assert refusal.retry_after_seconds
        await sign_up(replica, new_email(), [("x-forwarded-for", "203.0.113.10")])


async def test_a_crowd_from_one_address_keeps_nobody_else_from_signing_in(url: str, email: str) -> None:
    async with serving(url, hashing_slots=1, hashing_waiting=8) as replica:
        crowd = [
            asyncio.ensure_future(replica.sign_in(new_email(), "wrong password", via="203.0.113.11"))
            for _ in range(100)
        ]
        await asyncio.gather(*(replica.sign_in(email, via=f"203.0.113.{number}") for number in range(20, 26)))
        outcomes = await asyncio.gather(*crowd, return_exceptions=True)
    reasons = {reason_of(outcome) for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)}
    assert "HASHING_BUSY" in reasons
