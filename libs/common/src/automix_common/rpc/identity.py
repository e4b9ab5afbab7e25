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

from automix_common.process.logs import logger
from automix_common.rpc.context import Principal
from automix_common.rpc.errors import ServiceError, Unauthenticated, Unavailable

log = logger(__name__)

UNKNOWN_KEY_SECONDS = 10
FAILED_FETCH_SECONDS = 1
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
    """Keys fetched when they are needed: an unknown one at once, at most every 10 s; old ones while they still serve,
    so that no call waits for an auth service that is away."""

    def __init__(self, fetch: Callable[[], Awaitable[KeySet]], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known: KeySet | None = None
        self._fetched_at = float("-inf")
        self._failed_at = float("-inf")
        self._fetching = asyncio.Lock()
        self._renewal: asyncio.Future[None] | None = None

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """The key of this id, None when the auth service does not know it.

        Raises Unavailable when the id is not among the keys known and none can be fetched.
        """
        if not self.holds(kid) and self._may_ask():
            await self._refetch()
            if not self.holds(kid) and self._may_ask():
                raise Unavailable("KEYS_UNAVAILABLE", "sign-in keys cannot be fetched: try again")
        return None if self._known is None else self._known.keys.get(kid)

    def holds(self, kid: str) -> bool:
        """Whether the key is among those last fetched; when that is long ago, they are fetched again meanwhile."""
        known = self._known
        if known is None:
            return False
        if self._clock() - self._fetched_at > known.max_age_seconds and (self._renewal is None or self._renewal.done()):
            self._renewal = asyncio.ensure_future(self._refetch())
        return kid in known.keys

    def _may_ask(self) -> bool:
        known = self._known
        pause = UNKNOWN_KEY_SECONDS if known is None else min(UNKNOWN_KEY_SECONDS, known.max_age_seconds)
        return self._clock() - self._fetched_at > pause

    async def _refetch(self) -> None:
        asked_at = self._clock()
        async with self._fetching:
            # Who waited for another's fetch takes what came of it.
            if self._fetched_at >= asked_at or self._clock() - self._failed_at < FAILED_FETCH_SECONDS:
                return
            try:
                fetched = await self._fetch()
            except ServiceError as error:
                self._failed_at = self._clock()
                log.warning("sign-in keys cannot be fetched", error=str(error))
            else:
                self._known, self._fetched_at = fetched, self._clock()


class TokenVerifier:
    """Turns a bearer token into a Principal; a token verified once costs nothing until it expires or its key goes."""

    def __init__(self, keys: KeyCache, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._verified: OrderedDict[str, tuple[Principal, str]] = OrderedDict()

    async def verify(self, token: str) -> Principal:
        """The caller that the token names.

        Raises Unauthenticated (TOKEN_EXPIRED, TOKEN_INVALID) and Unavailable.
        """
        known = self._verified.get(token)
        if known is not None and known[0].expires_at > time.time() and self._keys.holds(known[1]):
            return known[0]
        principal, kid = await self._decode(token)
        self._verified[token] = principal, kid
        if len(self._verified) > CACHED_TOKENS:
            self._verified.popitem(last=False)
        return principal

    async def _decode(self, token: str) -> tuple[Principal, str]:
        try:
            kid = str(jwt.get_unverified_header(token).get("kid"))
            key = await self._keys.key(kid)
            if key is None:
                raise Unauthenticated("TOKEN_INVALID", "the access token is not valid: sign in again")
            claims = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                issuer=self._issuer,
                audience=self._audience,
                # iat is not judged: a clock a little behind the auth service's would refuse new tokens.
                options={"require": ["sub", "iss", "aud", "exp", "iat"], "verify_iat": False},
            )
            return Principal(user_id=UUID(claims["sub"]), token=token, expires_at=float(claims["exp"])), kid
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("TOKEN_EXPIRED", "the access token has expired: refresh it") from None
        except (jwt.InvalidTokenError, ValueError):
            raise Unauthenticated("TOKEN_INVALID", "the access token is not valid: sign in again") from None
