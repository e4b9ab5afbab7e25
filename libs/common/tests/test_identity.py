"""Tokens are accepted only from the platform's own keys, while they are valid, under the one algorithm."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from automix_common.process.ids import new_id
from automix_common.rpc.errors import Unauthenticated, Unavailable
from automix_common.rpc.identity import KeyCache, KeySet, TokenVerifier
from automix_common.rpc.personal_tokens import new_personal_token
from automix_common.rpc.scopes import Scope
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

USER = new_id()


class Keys:
    """An auth service whose keys and presence the test decides."""

    def __init__(self) -> None:
        self.private = {"a": Ed25519PrivateKey.generate()}
        self.fetches = 0
        self.away = False
        self.now = 1000.0
        self.answers = asyncio.Event()
        self.answers.set()

    async def fetch(self) -> KeySet:
        self.fetches += 1
        await self.answers.wait()
        if self.away:
            raise Unavailable("PEER_UNAVAILABLE", "away")
        return KeySet({kid: key.public_key() for kid, key in self.private.items()}, max_age_seconds=300)

    def token(self, kid: str = "a", key: Ed25519PrivateKey | None = None, **changes: Any) -> str:
        now = int(time.time())
        claims = {"sub": str(USER), "iss": "automix", "aud": "automix", "iat": now, "exp": now + 600} | changes
        given = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(given, key or self.private[kid], algorithm="EdDSA", headers={"kid": kid})

    def verifier(self) -> TokenVerifier:
        return TokenVerifier(KeyCache(self.fetch, lambda: self.now), "automix", "automix")


@pytest.fixture
def keys() -> Keys:
    return Keys()


async def test_a_good_token_names_its_user(keys: Keys) -> None:
    assert (await keys.verifier().verify(keys.token())).user_id == USER


def unsigned(keys: Keys) -> str:
    header, claims, _ = keys.token().split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "a"}).encode()).rstrip(b"=").decode()
    assert header != none
    return f"{none}.{claims}."


def by_public_key_as_secret(keys: Keys) -> str:
    secret = keys.private["a"].public_key().public_bytes_raw()
    claims = jwt.decode(keys.token(), options={"verify_signature": False})
    return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": "a"})


@pytest.mark.parametrize(
    "forge",
    [
        lambda keys: keys.token(key=Ed25519PrivateKey.generate()),
        lambda keys: keys.token(iss="somebody"),
        lambda keys: keys.token(aud="somebody"),
        lambda keys: keys.token(sub=None),
        lambda keys: keys.token(sub="not a uuid"),
        lambda keys: keys.token(exp=None),
        lambda keys: keys.token(exp=int(time.time()) - 1),
        unsigned,
        by_public_key_as_secret,
        lambda keys: "x.y.z",
        lambda keys: "",
        lambda keys: "\x00" * 100,
    ],
)
async def test_any_other_token_is_refused(keys: Keys, forge: Callable[[Keys], str]) -> None:
    with pytest.raises(Unauthenticated):
        await keys.verifier().verify(forge(keys))


async def test_an_expired_token_is_refused_although_it_was_verified_before(keys: Keys) -> None:
    verifier = keys.verifier()
    token = keys.token(exp=int(time.time()) + 2)
    principal = await verifier.verify(token)
    assert await verifier.verify(token) is principal
    while time.time() <= principal.expires_at:
        await asyncio.sleep(0.01)
    with pytest.raises(Unauthenticated):
        await verifier.verify(token)


async def test_a_new_key_is_found_and_unknown_ones_are_asked_for_once_in_ten_seconds(keys: Keys) -> None:
    verifier = keys.verifier()
    await verifier.verify(keys.token())
    keys.private["b"] = Ed25519PrivateKey.generate()
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await verifier.verify(keys.token("b"))
    assert keys.fetches == 1
    keys.now += 11
    assert (await verifier.verify(keys.token("b"))).user_id == USER
    assert keys.fetches == 2


async def test_known_keys_serve_while_the_auth_service_is_away(keys: Keys) -> None:
    verifier = keys.verifier()
    await verifier.verify(keys.token())
    keys.away = True
    keys.now += 1000
    assert (await verifier.verify(keys.token())).user_id == USER


async def test_nobody_waits_for_an_auth_service_that_does_not_answer(keys: Keys) -> None:
    verifier = keys.verifier()
    await verifier.verify(keys.token())
    keys.answers.clear()
    keys.now += 301
    assert (await verifier.verify(keys.token())).user_id == USER
    asked = asyncio.ensure_future(verifier.verify(keys.token("b", Ed25519PrivateKey.generate())))
    assert (await verifier.verify(keys.token())).user_id == USER
    keys.answers.set()
    with pytest.raises(Unauthenticated):
        await asked
    assert keys.fetches == 2


async def test_an_unknown_key_is_not_called_wrong_while_nobody_can_be_asked(keys: Keys) -> None:
    verifier = keys.verifier()
    await verifier.verify(keys.token())
    keys.away = True
    keys.now += 11
    with pytest.raises(Unavailable):
        await verifier.verify(keys.token("b", Ed25519PrivateKey.generate()))


async def test_callers_that_need_the_same_key_ask_once(keys: Keys) -> None:
    verifier = keys.verifier()
    tokens = [keys.token(jti=str(number)) for number in range(5)]
    keys.answers.clear()
    asked = asyncio.gather(*(verifier.verify(token) for token in tokens))
    await asyncio.sleep(0)
    keys.answers.set()
    assert len(await asked) == 5
    assert keys.fetches == 1


async def test_a_token_verified_before_is_refused_once_its_key_has_gone(keys: Keys) -> None:
    verifier = keys.verifier()
    token = keys.token()
    await verifier.verify(token)
    del keys.private["a"]
    keys.now += 301
    await verifier.verify(token)
    async with asyncio.timeout(5):
        while keys.fetches < 2:
            await asyncio.sleep(0)
    with pytest.raises(Unauthenticated):
        await verifier.verify(token)


async def test_without_any_key_the_answer_is_unavailable(keys: Keys) -> None:
    keys.away = True
    with pytest.raises(Unavailable):
        await keys.verifier().verify(keys.token())


class Auth:
    """Where personal tokens are exchanged, as the test wants it."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.exchanges = 0
        self.error: Exception | None = None
        self.claims: dict[str, Any] = {"scope": "read"}
        self.answers = asyncio.Event()
        self.answers.set()

    async def exchange(self, _token: str) -> str:
        self.exchanges += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return self.keys.token(**({"exp": int(time.time()) + 60} | self.claims))

    def verifier(self) -> TokenVerifier:
        return TokenVerifier(KeyCache(self.keys.fetch), "automix", "automix", self.exchange)


@pytest.fixture
def auth(keys: Keys) -> Auth:
    return Auth(keys)


async def test_a_personal_token_is_exchanged_once_however_many_wait(auth: Auth) -> None:
    verifier, token = auth.verifier(), new_personal_token()
    auth.answers.clear()
    waiting = [asyncio.ensure_future(verifier.verify(token)) for _ in range(5)]
    while not auth.exchanges:
        await asyncio.sleep(0)
    waiting.pop().cancel()
    auth.answers.set()
    found = await asyncio.gather(*waiting)
    assert {(one.user_id, one.scope) for one in found} == {(USER, Scope.READ)}
    assert (await verifier.verify(token)).token != token
    assert auth.exchanges == 1


async def test_a_personal_token_is_asked_for_again_when_its_access_token_is_over(auth: Auth) -> None:
    verifier, token = auth.verifier(), new_personal_token()
    auth.claims["exp"] = int(time.time()) + 2
    principal = await verifier.verify(token)
    auth.error = Unauthenticated("TOKEN_INVALID", "revoked")
    while time.time() <= principal.expires_at:
        await asyncio.sleep(0.01)
    with pytest.raises(Unauthenticated):
        await verifier.verify(token)


async def test_a_personal_token_that_cannot_be_exchanged_is_not_called_invalid(auth: Auth) -> None:
    auth.error = Unavailable("PEER_UNAVAILABLE", "away")
    verifier, token = auth.verifier(), new_personal_token()
    with pytest.raises(Unavailable):
        await verifier.verify(token)
    auth.error = None
    assert (await verifier.verify(token)).user_id == USER


async def test_a_mistyped_personal_token_is_refused_without_asking(auth: Auth) -> None:
    token = new_personal_token()
    for wrong in (token[:-1], token + "0", token[:20] + ("A" if token[20] != "A" else "B") + token[21:]):
        with pytest.raises(Unauthenticated):
            await auth.verifier().verify(wrong)
    assert auth.exchanges == 0


async def test_a_scope_that_is_unknown_here_is_none(auth: Auth) -> None:
    auth.claims["scope"] = "everything"
    with pytest.raises(Unauthenticated):
        await auth.verifier().verify(new_personal_token())
