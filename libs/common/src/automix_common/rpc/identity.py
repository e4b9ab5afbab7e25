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
from automix_common.rpc.personal_tokens import is_personal, is_well_formed
from automix_common.rpc.scopes import CLAIMS, Scope

log = logger(__name__)

UNKNOWN_KEY_SECONDS = 10
FAILED_FETCH_SECONDS = 1
CACHED_TOKENS = 10_000
PERSONAL_SECONDS = 30.0
"""Seconds for which a personal token is accepted without asking the auth service again. The access token that it is
exchanged for lives for a minute, so that a minute after it was revoked neither this service nor a peer accepts it."""

Exchange = Callable[[str], Awaitable[str]]
"""Exchanges a personal token for an access token. Raises Unauthenticated when it is not valid, and another ServiceError
when nobody can tell."""


@dataclass(frozen=True)
class KeySet:
    """Public keys by key id, good for `max_age_seconds`."""

    keys: Mapping[str, Ed25519PublicKey]
    max_age_seconds: float


def account_deleted() -> Unauthenticated:
    """The answer to a token that outlived its account."""
    return Unauthenticated("ACCOUNT_DELETED", "this account was deleted")


def public_key(x: str) -> Ed25519PublicKey:
    """The key of a JWK's `x` member (RFC 8037)."""
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))


class KeyCache:
    """The auth service's keys, kept. An unknown key makes it fetch at once, at most every 10 s. Old keys are fetched
    again while they still serve, so that no call waits for an auth service that is away."""

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
        """Whether the key is among those that were fetched last. When that is long ago, a new fetch begins in the
        background."""
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
            # A call that waited for the fetch of another takes its result.
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
    """Turns a bearer token into a Principal. The result is kept until the token expires or its key is withdrawn."""

    def __init__(self, keys: KeyCache, issuer: str, audience: str, exchange: Exchange | None = None) -> None:
        """Without `exchange` no personal token is accepted."""
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._exchange = exchange
        self._verified: OrderedDict[str, tuple[Principal, str]] = OrderedDict()
        self._exchanged: OrderedDict[str, tuple[Principal, float]] = OrderedDict()
        self._exchanging: dict[str, asyncio.Future[Principal]] = {}

    async def verify(self, token: str) -> Principal:
        """The caller that the token names.

        Raises Unauthenticated (TOKEN_EXPIRED, TOKEN_INVALID) and Unavailable.
        """
        if is_personal(token):
            return await self._verify_personal(token)
        known = self._verified.get(token)
        if known is not None and known[0].expires_at > time.time() and self._keys.holds(known[1]):
            return known[0]
        principal, kid = await self._decode(token)
        self._verified[token] = principal, kid
        if len(self._verified) > CACHED_TOKENS:
            self._verified.popitem(last=False)
        return principal

    async def _verify_personal(self, token: str) -> Principal:
        known = self._exchanged.get(token)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        if self._exchange is None or not is_well_formed(token):
            raise Unauthenticated("TOKEN_INVALID", "this is no personal token: it may have been cut off")
        exchanging = self._exchanging.get(token)
        if exchanging is None:
            exchanging = asyncio.ensure_future(self._exchange_now(token, self._exchange))
            self._exchanging[token] = exchanging
            exchanging.add_done_callback(lambda done: self._forget_exchange(token, done))
        # A caller that gives up waiting must not end the exchange that others wait for.
        return await asyncio.shield(exchanging)

    def _forget_exchange(self, token: str, done: "asyncio.Future[Principal]") -> None:
        del self._exchanging[token]
        if not done.cancelled():
            done.exception()  # looked at, though everybody who waited may have gone

    async def _exchange_now(self, token: str, exchange: Exchange) -> Principal:
        asked_at = time.monotonic()
        self._exchanged.pop(token, None)
        try:
            principal, _ = await self._decode(await exchange(token))
        except Unauthenticated:
            raise
        except ServiceError as error:
            log.warning("a personal token cannot be exchanged", error=str(error))
            raise Unavailable("KEYS_UNAVAILABLE", "personal tokens cannot be verified now: try again") from None
        self._exchanged[token] = principal, asked_at + min(PERSONAL_SECONDS, principal.expires_at - time.time())
        if len(self._exchanged) > CACHED_TOKENS:
            self._exchanged.popitem(last=False)
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
            principal = Principal(
                user_id=UUID(claims["sub"]), token=token, expires_at=float(claims["exp"]), scope=_scope(claims)
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("TOKEN_EXPIRED", "the access token has expired: refresh it") from None
        except (jwt.InvalidTokenError, ValueError):
            raise Unauthenticated("TOKEN_INVALID", "the access token is not valid: sign in again") from None
        return principal, kid


def _scope(claims: Mapping[str, object]) -> Scope:
    """What the token may do. Raises ValueError for a scope that is unknown here."""
    if "scope" not in claims:
        return Scope.ACCOUNT
    if (scope := CLAIMS.get(str(claims["scope"]))) is None:
        raise ValueError("unknown scope")
    return scope
