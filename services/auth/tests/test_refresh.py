"""Refresh tokens: spent at each use, forgiving for a moment, merciless afterwards."""

import asyncio

import grpc
from automix.auth.v1 import auth_pb2 as pb
from kit.refusals import refused

from .harness import Auth, serving

INVALID = (grpc.StatusCode.UNAUTHENTICATED, "INVALID_REFRESH_TOKEN")

AGE_TOKENS = """
UPDATE refresh_tokens t SET created_at = t.created_at - %s::interval, rotated_at = t.rotated_at - %s::interval,
    expires_at = t.expires_at - %s::interval
FROM token_families f WHERE f.id = t.family_id AND f.user_id = %s
"""


async def age(auth: Auth, user: pb.User, interval: str) -> None:
    """Makes every refresh token of the user older."""
    await auth.sql(AGE_TOKENS, interval, interval, interval, user.id)


async def test_a_chain_of_refreshes_goes_on(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    seen = {tokens.refresh_token}
    for _ in range(3):
        tokens = await auth.refresh(tokens.refresh_token)
        assert await auth.me(tokens.access_token) == user
        seen.add(tokens.refresh_token)
        await age(auth, user, "10 min")
    assert len(seen) == 4
    assert all(len(token) >= 43 for token in seen)


async def test_a_token_used_twice_at_once_answers_both_times_and_both_answers_work(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    first, second = await asyncio.gather(auth.refresh(tokens.refresh_token), auth.refresh(tokens.refresh_token))
    assert first.refresh_token != second.refresh_token
    await age(auth, user, "1 min")
    await auth.refresh(first.refresh_token)
    await auth.refresh(second.refresh_token)


async def test_a_token_used_again_after_a_minute_ends_the_sign_in_and_no_other(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    other = await auth.sign_in(user.email)
    child = await auth.refresh(tokens.refresh_token)
    await age(auth, user, "1 min")
    with refused(*INVALID):
        await auth.refresh(tokens.refresh_token)
    with refused(*INVALID):
        await auth.refresh(child.refresh_token)
    await auth.refresh(other.refresh_token)
    because = await auth.sql(
        "SELECT revoked_because FROM token_families WHERE user_id = %s AND revoked_at IS NOT NULL", user.id
    )
    assert because == [("reused",)]


async def test_a_token_expires(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    lifetime = tokens.refresh_expires_at.ToDatetime() - user.created_at.ToDatetime()
    assert lifetime.days == 30
    await age(auth, user, "29 days 23 hours")
    tokens = await auth.refresh(tokens.refresh_token)
    await age(auth, user, "30 days 1 min")
    with refused(*INVALID):
        await auth.refresh(tokens.refresh_token)


async def test_sign_out_ends_the_sign_in_and_every_token_of_it(auth: Auth) -> None:
    user, tokens = await auth.sign_up()
    other = await auth.sign_in(user.email)
    child = await auth.refresh(tokens.refresh_token)
    await auth.stub.SignOut(pb.SignOutRequest(refresh_token=tokens.refresh_token))
    for token in (tokens, child):
        with refused(*INVALID):
            await auth.refresh(token.refresh_token)
    await auth.refresh(other.refresh_token)
    await auth.stub.SignOut(pb.SignOutRequest(refresh_token=tokens.refresh_token))
    await auth.stub.SignOut(pb.SignOutRequest(refresh_token="unknown"))


async def test_an_unknown_token_is_refused_like_a_revoked_one(auth: Auth) -> None:
    with refused(*INVALID):
        await auth.refresh("unknown")
    with refused(*INVALID):
        await auth.refresh("nul\0ü")


async def test_a_refresh_that_a_revocation_overtakes_leaves_no_live_token(auth: Auth) -> None:
    for _ in range(5):
        _, tokens = await auth.sign_up()
        outcomes = await asyncio.gather(
            auth.refresh(tokens.refresh_token),
            auth.stub.SignOut(pb.SignOutRequest(refresh_token=tokens.refresh_token)),
            auth.refresh(tokens.refresh_token),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, pb.Tokens):
                with refused(*INVALID):
                    await auth.refresh(outcome.refresh_token)


async def test_another_replica_knows_the_token(auth: Auth, url: str) -> None:
    user, tokens = await auth.sign_up()
    async with serving(url) as replica:
        tokens = await replica.refresh(tokens.refresh_token)
        assert await replica.me(tokens.access_token) == user
    assert await auth.me(tokens.access_token) == user


async def test_what_has_expired_is_forgotten_and_nothing_else(auth: Auth) -> None:
    old, old_tokens = await auth.sign_up()
    fresh, fresh_tokens = await auth.sign_up()
    await auth.refresh(old_tokens.refresh_token)
    await age(auth, old, "31 days")
    await auth.sql(
        "INSERT INTO sign_in_failures (account, network, failures, since) VALUES"
        " (sha256('a'), '203.0.113.1/32', 1, now() - interval '1 hour'), (sha256('a'), '203.0.113.2/32', 1, now())"
    )
    await auth.upkeep.once()
    count = "SELECT count(*) FROM token_families WHERE user_id = %s"
    assert await auth.sql(count, old.id) == [(0,)]
    assert await auth.sql(count, fresh.id) == [(1,)]
    assert await auth.sql("SELECT host(network) FROM sign_in_failures WHERE account = sha256('a')") == [
        ("203.0.113.2",)
    ]
    await auth.sign_in(old.email)
    await auth.refresh(fresh_tokens.refresh_token)
