"""Who is signed in: sign-up, sign-in, sign-out, passwords."""

from __future__ import annotations

from automix.auth.v1 import auth_pb2, auth_pb2_grpc

from automix_client.errors import AutomixError
from automix_client.session import Session
from automix_client.tokens import Credentials


class Account:
    """The caller's account; what a sign-in answers is kept in the session's token store."""

    def __init__(self, auth: auth_pb2_grpc.AuthServiceAsyncStub, session: Session) -> None:
        self._auth = auth
        self._session = session

    async def sign_up(self, email: str, password: str) -> auth_pb2.User:
        """Creates an account and signs it in. Raises RefusedError (EMAIL_TAKEN)."""
        request = auth_pb2.SignUpRequest(email=email, password=password)
        answer = await self._session.call(self._auth.SignUp, request, idempotent=False, anonymous=True)
        await self._keep(Credentials.of(answer.user, answer.tokens))
        return answer.user

    async def sign_in(self, email: str, password: str) -> auth_pb2.User:
        """Signs an account in. Raises NotSignedInError (INVALID_CREDENTIALS)."""
        request = auth_pb2.SignInRequest(email=email, password=password)
        answer = await self._session.call(self._auth.SignIn, request, idempotent=True, anonymous=True)
        await self._keep(Credentials.of(answer.user, answer.tokens))
        return answer.user

    async def sign_out(self) -> None:
        """Ends this sign-in and forgets its tokens, also when the service cannot be told (then it raises)."""
        async with self._session.store.lock():
            credentials = self._session.store.load()
            self._session.store.clear()
        if credentials:
            request = auth_pb2.SignOutRequest(refresh_token=credentials.refresh_token)
            await self._session.call(self._auth.SignOut, request, idempotent=True, anonymous=True)

    async def me(self) -> auth_pb2.User:
        """The account that is signed in."""
        return (await self._session.call(self._auth.GetMe, auth_pb2.GetMeRequest(), idempotent=True)).user

    async def change_password(self, current: str, new: str) -> None:
        """Sets a new password; every other sign-in of the account ends.

        Raises NotSignedInError (INVALID_CREDENTIALS) when `current` is wrong.
        """
        request = auth_pb2.ChangePasswordRequest(current_password=current, new_password=new)
        answer = await self._session.call(self._auth.ChangePassword, request, idempotent=False)
        await self._keep(self._session.credentials().renewed(answer.tokens))

    async def delete(self, password: str) -> None:
        """Deletes the account and everything that belongs to it; nobody is signed in afterwards."""
        request = auth_pb2.DeleteAccountRequest(password=password)
        await self._session.call(self._auth.DeleteAccount, request, idempotent=False)
        async with self._session.store.lock():
            self._session.store.clear()

    async def _keep(self, credentials: Credentials) -> None:
        async with self._session.store.lock():
            self._session.store.save(credentials)
        self._session.token = ""


def is_wrong_password(error: AutomixError) -> bool:
    """Whether a sign-in was refused because no account has this email and password."""
    return error.reason == "INVALID_CREDENTIALS"
