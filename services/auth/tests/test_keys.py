"""Signing keys: one that signs, known to everybody before it does and for as long as its tokens live."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import jwt
import pytest
from automix.auth.v1 import auth_pb2 as pb
from automix_auth import keys
from automix_auth.domain import SigningKey
from automix_auth.tokens import AccessTokens
from automix_common.process.ids import new_id
from automix_common.rpc.errors import FailedPrecondition, Unauthenticated
from automix_common.rpc.peer_keys import token_verifier
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kit.refusals import refused

from .harness import Auth, serving

CACHE_SECONDS = 1
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture
async def auth(url: str) -> AsyncIterator[Auth]:
    """A replica whose keys may be cached for a second, beginning with one new key."""
    async with serving(url, jwks_cache_seconds=CACHE_SECONDS) as replica:
        async with replica.database.transaction() as connection:
            await keys.replace_compromised(connection)
        yield replica


async def states(auth: Auth) -> list[str]:
    """What each key is, the oldest first."""
    async with auth.database.read() as connection:
        return [key.state for key in await keys.SigningKeys(connection).all()]


async def rotate(auth: Auth) -> None:
    async with auth.database.transaction() as connection:
        await keys.rotate(connection, cache_lifetime=auth.settings.jwks_cache_lifetime)


async def make_older(auth: Auth, **delta: int) -> None:
    """Shifts every time of every key into the past, which their trigger otherwise forbids."""
    async with auth.database.transaction() as connection:
        await connection.execute("ALTER TABLE signing_keys DISABLE TRIGGER fixed")
        kids = await (await connection.execute("SELECT kid FROM signing_keys ORDER BY active_from")).fetchall()
        for (kid,) in kids:  # the oldest first: two must not meet even for a moment
            await connection.execute(
                "UPDATE signing_keys SET published_at = published_at - %(by)s, active_from = active_from - %(by)s,"
                " retired_at = retired_at - %(by)s WHERE kid = %(kid)s",
                {"by": timedelta(**delta), "kid": kid},
            )
        await connection.execute("ALTER TABLE signing_keys ENABLE TRIGGER fixed")


async def published(auth: Auth) -> list[str]:
    return [key.kid for key in (await auth.stub.GetJwks(pb.GetJwksRequest())).keys]


def kid_of(tokens: pb.Tokens) -> str:
    return str(jwt.get_unverified_header(tokens.access_token)["kid"])


async def test_replicas_that_start_at_once_make_one_key(auth: Auth) -> None:
    await auth.sql("DELETE FROM signing_keys")
    await asyncio.gather(*(auth.upkeep.once() for _ in range(5)))
    assert await states(auth) == ["active"]


async def test_a_rotation_under_traffic_signs_nobody_out(auth: Auth) -> None:
    """Other services know the keys from their caches alone, and no token is refused by any of them at any moment."""
    user, first = await auth.sign_up()
    peers = [token_verifier(auth.channel, auth.settings) for _ in range(3)]
    before, tokens = kid_of(first), first
    await rotate(auth)
    assert await states(auth) == ["active", "next"]
    refreshed, until = 0, time.monotonic() + 30
    while refreshed < 20:
        assert time.monotonic() < until
        tokens = await auth.refresh(tokens.refresh_token)
        for peer in peers:
            assert str((await peer.verify(tokens.access_token)).user_id) == user.id
        refreshed += kid_of(tokens) != before
    assert await states(auth) == ["retired", "active"]
    fresh = token_verifier(auth.channel, auth.settings)
    assert str((await fresh.verify(first.access_token)).user_id) == user.id


async def test_a_new_key_is_published_and_waits_for_every_cache(auth: Auth) -> None:
    before = await published(auth)
    await rotate(auth)
    after = await published(auth)
    assert before == after[:1]
    assert len(after) == 2
    _, tokens = await auth.sign_up()
    assert kid_of(tokens) == before[0]
    waits = await auth.sql("SELECT active_from - published_at FROM signing_keys WHERE kid = %s", after[1])
    assert waits[0][0] >= timedelta(seconds=CACHE_SECONDS)


async def test_a_retired_key_is_accepted_for_one_token_lifetime_and_then_forgotten(auth: Auth) -> None:
    await rotate(auth)
    old = (await published(auth))[0]
    lead = timedelta(seconds=2 * CACHE_SECONDS)
    await make_older(auth, seconds=int(lead.total_seconds()) + auth.settings.access_token_seconds - 30)
    await auth.upkeep.once()
    assert old in await published(auth)
    assert await auth.sql("SELECT private_key FROM signing_keys WHERE kid = %s", old) == [(None,)]
    await make_older(auth, seconds=60)
    assert old not in await published(auth)
    await auth.upkeep.once()
    assert await states(auth) == ["active"]


async def test_a_second_rotation_waits_for_the_first(auth: Auth) -> None:
    await rotate(auth)
    with pytest.raises(FailedPrecondition) as raised:
        await rotate(auth)
    assert raised.value.reason == "ROTATION_UNDER_WAY"


async def test_an_old_key_is_replaced_without_being_asked_for(auth: Auth, url: str) -> None:
    await auth.upkeep.once()
    assert await states(auth) == ["active"]
    await make_older(auth, days=91)
    await asyncio.gather(auth.upkeep.once(), auth.upkeep.once())
    assert await states(auth) == ["active", "next"]


async def test_with_rotation_switched_off_an_old_key_goes_on(url: str, auth: Auth) -> None:
    await make_older(auth, days=9999)
    async with serving(url, key_rotation_days=0) as replica:
        await replica.upkeep.once()
    assert await states(auth) == ["active"]


async def test_a_compromised_key_signs_nothing_and_opens_nothing_any_more(auth: Auth) -> None:
    _, tokens = await auth.sign_up()
    async with auth.database.transaction() as connection:
        await keys.replace_compromised(connection)
    assert kid_of(tokens) not in await published(auth)
    with pytest.raises(Unauthenticated):
        await token_verifier(auth.channel, auth.settings).verify(tokens.access_token)
    renewed = await auth.refresh(tokens.refresh_token)
    await token_verifier(auth.channel, auth.settings).verify(renewed.access_token)


async def test_without_a_key_nothing_is_cached_and_nobody_is_told_that_a_token_is_bad(auth: Auth) -> None:
    _, tokens = await auth.sign_up()
    await auth.sql("DELETE FROM signing_keys")
    with refused(grpc.StatusCode.UNAVAILABLE, "KEYS_UNAVAILABLE"):
        await auth.stub.GetJwks(pb.GetJwksRequest())
    with refused(grpc.StatusCode.UNAVAILABLE, "KEYS_UNAVAILABLE"):
        await auth.refresh(tokens.refresh_token)
    await auth.upkeep.once()
    await auth.refresh(tokens.refresh_token)


@pytest.fixture
async def key(auth: Auth) -> SigningKey:
    """The key that signs, as a thief would have it."""
    async with auth.database.read() as connection:
        return await keys.signing_key(connection)


def test_a_token_says_who_for_whom_and_until_when() -> None:
    key = SigningKey(new_id(), Ed25519PrivateKey.generate().private_bytes_raw())
    user_id = new_id()
    access = AccessTokens("issuer", "audience", timedelta(minutes=10))
    token, expires_at = access.sign(key, user_id)
    another, _ = access.sign(key, user_id)
    public = Ed25519PrivateKey.from_private_bytes(key.private_key).public_key()
    claims = jwt.decode(token, public, algorithms=["EdDSA"], audience="audience", issuer="issuer")
    assert claims["sub"] == str(user_id)
    assert claims["exp"] - claims["iat"] == 600
    assert claims["exp"] == expires_at.timestamp()
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "JWT", "kid": str(key.kid)}
    assert claims["jti"] != jwt.decode(another, options={"verify_signature": False})["jti"]


def forged(tokens: pb.Tokens, signer: bytes | str, *, algorithm: str = "EdDSA", kid: str = "", **claims: Any) -> str:
    """The same token with other claims, signed by `signer`; a claim of None is left out."""
    original = jwt.decode(tokens.access_token, options={"verify_signature": False})
    changed = {name: value for name, value in (original | claims).items() if value is not None}
    secret = Ed25519PrivateKey.from_private_bytes(signer) if isinstance(signer, bytes) else signer
    return jwt.encode(changed, secret, algorithm=algorithm, headers={"kid": kid or kid_of(tokens)})


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "somebody else"},
        {"aud": "something else"},
        {"iss": None},
        {"aud": None},
        {"exp": None},
        {"sub": None},
        {"sub": "no uuid"},
    ],
)
async def test_a_token_with_another_claim_is_refused_however_well_signed(
    auth: Auth, key: SigningKey, claims: dict[str, Any]
) -> None:
    _, tokens = await auth.sign_up()
    await auth.me(forged(tokens, key.private_key))
    with refused(UNAUTHENTICATED, "TOKEN_INVALID"):
        await auth.me(forged(tokens, key.private_key, **claims))


async def test_a_token_expires(auth: Auth, key: SigningKey) -> None:
    _, tokens = await auth.sign_up()
    with refused(UNAUTHENTICATED, "TOKEN_EXPIRED"):
        await auth.me(forged(tokens, key.private_key, exp=int(time.time()) - 1))


async def test_a_token_signed_by_another_key_or_by_none_is_refused(auth: Auth) -> None:
    _, tokens = await auth.sign_up()
    mine = Ed25519PrivateKey.generate().private_bytes_raw()
    jwks = await auth.stub.GetJwks(pb.GetJwksRequest())
    header, claims, signature = tokens.access_token.split(".")
    forgeries = [
        forged(tokens, mine),
        forged(tokens, mine, kid=str(new_id())),
        forged(tokens, "", algorithm="none"),
        # the public key, which everybody has, as the secret of a symmetric algorithm
        forged(tokens, jwks.keys[0].x, algorithm="HS256"),
        f"{header}.{claims}.",
        f"{header}.{claims}.{signature[:-4]}AAAA",
        f"{claims}.{header}.{signature}",
        "no token",
    ]
    for forgery in forgeries:
        with refused(UNAUTHENTICATED, "TOKEN_INVALID"):
            await auth.me(forgery)
    with refused(UNAUTHENTICATED, "TOKEN_MISSING"):
        await auth.stub.GetMe(pb.GetMeRequest())
    await auth.me(tokens.access_token)
