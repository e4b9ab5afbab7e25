"""Personal tokens: made by their owners, exchanged by services for access tokens that soon expire."""

from datetime import datetime, timedelta
from uuid import UUID

from automix_common.database.pool import LOST, Connection, Database, unavailable
from automix_common.process.ids import new_id
from automix_common.rpc.errors import not_yours
from automix_common.rpc.personal_tokens import new_personal_token

from automix_auth.domain import (
    PersonalToken,
    expired_personal_token,
    invalid_personal_token,
    require_token_room,
    token_name_taken,
)
from automix_auth.keys import signing_key
from automix_auth.repository import PersonalTokens
from automix_auth.tokens import AccessTokens, hash_token

LIFETIME = timedelta(days=90)
EXCHANGED_LIFETIME = timedelta(seconds=60)
"""Lifetime of the access token: a revoked personal token is accepted for as long at most."""


class Personal:
    """Makes, lists, revokes and exchanges personal tokens."""

    def __init__(self, database: Database, access: AccessTokens, quota: int) -> None:
        self._database = database
        self._access = access
        self._quota = quota

    async def make(
        self, connection: Connection, user_id: UUID, name: str, scope: str, lifetime: timedelta
    ) -> tuple[PersonalToken, str]:
        """A new personal token and its secret, made in the transaction that checked the password.

        Raises AlreadyExists (TOKEN_NAME_TAKEN), ResourceExhausted (TOKEN_QUOTA).
        """
        tokens = PersonalTokens(connection)
        require_token_room(await tokens.count_exclusively(user_id), self._quota)
        secret = new_personal_token()
        made = await tokens.add(new_id(), user_id, name, hash_token(secret), scope, lifetime)
        if made is None:
            raise token_name_taken()
        return made, secret

    async def page(self, user_id: UUID, before: UUID, limit: int) -> list[PersonalToken]:
        """The next page of a user's tokens: those below an id."""
        async with self._database.read() as connection:
            return await PersonalTokens(connection).page(user_id, before, limit)

    async def revoke(self, user_id: UUID, token_id: UUID) -> None:
        """Revokes a token. Raises PermissionDenied (NOT_YOURS)."""
        async with self._database.read() as connection:
            if not await PersonalTokens(connection).revoke(user_id, token_id):
                raise not_yours("personal token")

    async def exchange(self, secret: str) -> tuple[str, datetime]:
        """An access token of the same scope and its expiry, which is never later than that of the personal token.

        Raises Unauthenticated (TOKEN_INVALID, TOKEN_EXPIRED).
        """
        token_hash = hash_token(secret)
        async with self._database.read() as connection:
            tokens = PersonalTokens(connection)
            found = await tokens.find(token_hash)
            if found is None:
                raise invalid_personal_token()
            left = found.expires_at - found.now
            if left <= timedelta():
                raise expired_personal_token()
            if found.is_used_anew:
                await tokens.note_use(token_hash)
            key = await signing_key(connection)
        return self._access.sign(key, found.user_id, scope=found.scope, lifetime=min(left, EXCHANGED_LIFETIME))

    async def exchange_here(self, secret: str) -> str:
        """The same for the verifier of this process."""
        try:
            return (await self.exchange(secret))[0]
        except LOST:
            raise unavailable() from None
