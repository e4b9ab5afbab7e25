"""Gives tokens to a proven identity, and newer tokens for older ones."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from automix_common.database.pool import Connection, Database
from automix_common.process.ids import new_id
from automix_common.process.logs import logger

from automix_auth.domain import TokenPair, Verdict, invalid_refresh_token, judge
from automix_auth.keys import signing_key
from automix_auth.repository import RefreshTokens
from automix_auth.tokens import AccessTokens, hash_token, new_refresh_token

log = logger(__name__)


@dataclass(frozen=True)
class RefreshRules:
    """How long a refresh token is good for, and for how long after its use it may be used again."""

    lifetime: timedelta
    reuse: timedelta


class Sessions:
    """Issues, exchanges and revokes tokens."""

    def __init__(self, database: Database, access: AccessTokens, rules: RefreshRules) -> None:
        self._database = database
        self._access = access
        self._rules = rules

    async def begin(self, connection: Connection, user_id: UUID) -> TokenPair:
        """The first tokens of a sign-in, issued in the transaction that proved who it is."""
        family_id = new_id()
        await RefreshTokens(connection).start_family(family_id, user_id)
        return await self._issue(connection, family_id, user_id)

    async def exchange(self, refresh_token: str) -> TokenPair:
        """New tokens for a refresh token. Raises Unauthenticated (INVALID_REFRESH_TOKEN)."""
        token_hash = hash_token(refresh_token)
        async with self._database.transaction() as connection:
            tokens = RefreshTokens(connection)
            found = await tokens.take(token_hash)
            verdict = Verdict.REFUSE if found is None else judge(found, self._rules.reuse)
            if found is not None and verdict in {Verdict.ROTATE, Verdict.REPEAT}:
                if verdict is Verdict.ROTATE:
                    await tokens.spend(token_hash)
                return await self._issue(connection, found.family_id, found.user_id)
            if found is not None and verdict is Verdict.STOLEN:
                log.warning("spent refresh token used again: its sign-in is revoked", user_id=str(found.user_id))
                await tokens.revoke(found.family_id, "reused")
        # Raised outside the transaction, which must keep the revocation.
        raise invalid_refresh_token()

    async def end(self, refresh_token: str) -> None:
        """Revokes the sign-in that a refresh token belongs to; an unknown one belongs to none."""
        async with self._database.transaction() as connection:
            tokens = RefreshTokens(connection)
            found = await tokens.take(hash_token(refresh_token))
            if found is not None:
                await tokens.revoke(found.family_id, "signed_out")

    async def _issue(self, connection: Connection, family_id: UUID, user_id: UUID) -> TokenPair:
        access_token, access_expires_at = self._access.sign(await signing_key(connection), user_id)
        refresh_token = new_refresh_token()
        refresh_expires_at = await RefreshTokens(connection).add(
            hash_token(refresh_token), family_id, self._rules.lifetime
        )
        return TokenPair(access_token, access_expires_at, refresh_token, refresh_expires_at)
