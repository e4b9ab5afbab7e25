"""Local verification of access tokens against the auth service's public keys."""

import asyncio
import base64
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from automix_common.context import Principal
from automix_common.errors import ServiceError, Unauthenticated, Unavailable

UNKNOWN_KEY_SECONDS = 10
CACHED_TOKENS = 10_000


@dataclass(frozen=True)
class KeySet:
    """Public keys by key id, good for `max_age_seconds`."""

    keys: Mapping[str, Ed25519PublicKey]
    max_age_seconds: float


def public_key(x: str) -> Ed25519PublicKey:
    """The key of a JWK's `x` member (RFC 8037)."""
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))


class KeyCache:
    """Keys fetched when they are needed: by age, and for an unknown key id at most every 10 s."""

    def __init__(self, fetch: Callable[[], Awaitable[KeySet]], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known: KeySet | None = None
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """The key of this id, None when the auth service does not know it.

        Raises Unavailable when no keys were ever fetched and none can be.
        """
        async with self._asking:
            known = self._known
            if known is None or self._is_due(known, kid):
                known = await self._refetch()
        return known.keys.get(kid)

    def _is_due(self, known: KeySet, kid: str) -> bool:
        age = self._clock() - self._asked_at
        return age > UNKNOWN_KEY_SECONDS and (kid not in known.keys or age > known.max_age_seconds)

    async def _refetch(self) -> KeySet:
        try:
            self._known = await self._fetch()
        except ServiceError:
            if self._known is None:
                raise Unavailable("KEYS_UNAVAILABLE", "sign-in keys cannot be fetched: try again") from None
        self._asked_at = self._clock()
        return self._known


class TokenVerifier:
    """Turns a bearer token into a Principal; a token verified once costs nothing until it expires."""

    def __init__(self, keys: KeyCache, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._verified: OrderedDict[str, Principal] = OrderedDict()

    async def verify(self, token: str) -> Principal:
        """The caller that the token names.

        Raises Unauthenticated (TOKEN_EXPIRED, TOKEN_INVALID) and Unavailable.
        """
        known = self._verified.get(token)
        if known is not None and known.expires_at > time.time():
            return known
        principal = await self._decode(token)
        self._verified[token] = principal
        if len(self._verified) > CACHED_TOKENS:
            self._verified.popitem(last=False)
        return principal

    async def _decode(self, token: str) -> Principal:
        try:
            header = jwt.get_unverified_header(token)
            key = await self._keys.key(str(header.get("kid")))
            if key is None:
                raise Unauthenticated("TOKEN_INVALID", "the access token is not valid: sign in again")
            claims = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                issuer=self._issuer,
                audience=self._audience,
                options={"require": ["sub", "iss", "aud", "exp", "iat"]},
            )
            return Principal(user_id=UUID(claims["sub"]), token=token, expires_at=float(claims["exp"]))
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("TOKEN_EXPIRED", "the access token has expired: refresh it") from None
        except (jwt.InvalidTokenError, ValueError):
            raise Unauthenticated("TOKEN_INVALID", "the access token is not valid: sign in again") from None
