"""Personal access tokens: how programs call in the name of an account without signing in."""

from __future__ import annotations

from collections.abc import AsyncIterator

from automix.auth.v1 import auth_pb2, auth_pb2_grpc
from google.protobuf.duration_pb2 import Duration

from automix_client.pages import pages
from automix_client.session import Session

READ = auth_pb2.TOKEN_SCOPE_READ
WRITE = auth_pb2.TOKEN_SCOPE_WRITE
DAY_SECONDS = 86_400


class PersonalTokens:
    """The caller's personal tokens; only who has signed in makes and revokes them."""

    def __init__(self, auth: auth_pb2_grpc.AuthServiceAsyncStub, session: Session) -> None:
        self._auth = auth
        self._session = session

    async def create(
        self,
        name: str,
        password: str,
        *,
        scope: auth_pb2.TokenScope.ValueType = READ,
        days: int | None = None,
    ) -> auth_pb2.CreatePersonalTokenResponse:
        """A new one, good for `days` (90 unless said otherwise); its `token` is never shown again.

        Raises NotSignedInError (INVALID_CREDENTIALS) when the password is wrong, RefusedError (TOKEN_NAME_TAKEN),
        QuotaError (TOKEN_QUOTA).
        """
        lifetime = Duration(seconds=days * DAY_SECONDS) if days is not None else None
        request = auth_pb2.CreatePersonalTokenRequest(password=password, name=name, scope=scope, lifetime=lifetime)
        return await self._session.call(self._auth.CreatePersonalToken, request, idempotent=False)

    def list(self) -> AsyncIterator[auth_pb2.PersonalToken]:
        """All of them, newest first, without their secrets."""
        request = auth_pb2.ListPersonalTokensRequest()
        return pages(self._session, self._auth.ListPersonalTokens, request, lambda answer: answer.personal_tokens)

    async def revoke(self, token_id: str) -> None:
        """Ends one: no service accepts it a minute later. Raises NotYoursError."""
        request = auth_pb2.RevokePersonalTokenRequest(token_id=token_id)
        await self._session.call(self._auth.RevokePersonalToken, request, idempotent=False)
