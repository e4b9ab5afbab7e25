"""Calls in the name of an account: tokens, deadlines, retries, errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import grpc
from automix.auth.v1 import auth_pb2, auth_pb2_grpc

from automix_client.errors import (
    AutomixError,
    BusyError,
    ErrorDetails,
    NotReachableError,
    NotSignedInError,
    error_of,
    not_signed_in,
)
from automix_client.retry import Backoff
from automix_client.settings import Patience
from automix_client.tokens import Credentials, TokenStore

Request = TypeVar("Request")
Response = TypeVar("Response")
Headers = tuple[tuple[str, str], ...]

# Reasons of UNAUTHENTICATED that are about a password in the request: a fresh access token would change nothing.
ABOUT_A_PASSWORD = frozenset({"INVALID_CREDENTIALS"})
LASTING = frozenset({"DISK_FULL"})
"""Reasons of UNAVAILABLE that somebody has to do something about: whoever calls hears of them at once."""
BROKEN = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED})


class Session:
    """Knows who is signed in and makes calls for them.

    Retries are for UNAVAILABLE of calls that say they are idempotent, save for a full disk. An access token is renewed
    shortly before it expires and when a service does not accept it; only one task of one process renews at a time, the
    others use what it got.
    """

    def __init__(
        self, auth: auth_pb2_grpc.AuthServiceAsyncStub, store: TokenStore, patience: Patience, token: str = ""
    ) -> None:
        """`token`: a personal token to call with, whoever is signed in."""
        self.store = store
        self.patience = patience
        self.token = token
        self._auth = auth

    def credentials(self) -> Credentials:
        """Who is signed in. Raises NotSignedInError when nobody is."""
        credentials = self.store.load()
        if credentials is None:
            raise not_signed_in("nobody is signed in")
        return credentials

    async def headers(self, rejected: Headers = ()) -> Headers:
        """Metadata with an access token that is good for a while, and is not the one in `rejected`.

        A personal token is sent as it is: nobody can renew it.

        Raises NotSignedInError when nobody is signed in or the refresh token is no longer accepted.
        """
        if self.token:
            return _bearer(self.token)
        credentials = self.credentials()
        if not self._usable(credentials, rejected):
            credentials = await self._renew(rejected)
        return _bearer(credentials.access_token)

    async def call(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        *,
        idempotent: bool,
        anonymous: bool = False,
        deadline: float | None = None,
    ) -> Response:
        """One unary call, each attempt of which has `deadline` seconds; raises the AutomixError of its status."""
        backoff = Backoff(self.patience)
        rejected: Headers = ()
        while True:
            headers = () if anonymous else await self.headers(rejected)
            try:
                return await method(request, timeout=deadline or self.patience.unary, metadata=headers)
            except grpc.aio.AioRpcError as cause:
                error = error_of(cause)
                if renewable(error) and headers and not rejected:
                    rejected = headers
                elif (
                    error.code is grpc.StatusCode.UNAVAILABLE
                    and error.reason not in LASTING
                    and idempotent
                    and backoff.failures + 1 < self.patience.attempts
                ):
                    await backoff.wait()
                else:
                    raise error from cause

    def _usable(self, credentials: Credentials, rejected: Headers) -> bool:
        if _bearer(credentials.access_token) == rejected:
            return False
        return time.time() < credentials.access_expires_at - self.patience.refresh_ahead

    async def _renew(self, rejected: Headers) -> Credentials:
        async with self.store.lock():
            credentials = self.credentials()
            if self._usable(credentials, rejected):
                return credentials
            request = auth_pb2.RefreshTokenRequest(refresh_token=credentials.refresh_token)
            try:
                # A token sent twice within seconds is answered again, so a lost answer may be asked for again.
                answer = await self.call(self._auth.RefreshToken, request, idempotent=True, anonymous=True)
            except NotSignedInError as error:
                self.store.clear()
                raise not_signed_in("the sign-in has expired or was revoked") from error
            credentials = credentials.renewed(answer.tokens)
            self.store.save(credentials)
            return credentials


def renewable(error: AutomixError) -> bool:
    """Whether a fresh access token may turn this failure into an answer."""
    return isinstance(error, NotSignedInError) and error.reason not in ABOUT_A_PASSWORD


def resumable(error: AutomixError) -> bool:
    """Whether a stream that ended so can be taken up again: the connection broke, or there was no room for it."""
    return isinstance(error, NotReachableError) or (isinstance(error, BusyError) and error.reason != "")


@contextmanager
def stream_errors() -> Iterator[None]:
    """Turns what a stream can raise into an AutomixError.

    A connection that is reset reaches the caller as INTERNAL or UNKNOWN, and one whose server stops as CANCELLED,
    without the reason that services give.
    """
    try:
        yield
    except grpc.aio.AioRpcError as cause:
        error = error_of(cause)
        if error.code in BROKEN and not error.reason:
            raise _cut("the connection broke off and could not be taken up again") from cause
        raise error from cause
    except TimeoutError as cause:
        raise _cut("the transfer has come to a stop: AutoMix or its storage does not answer") from cause
    except asyncio.InvalidStateError as cause:
        raise _cut("the stream ended early") from cause


def _cut(message: str) -> NotReachableError:
    details = ErrorDetails(reason="STREAM_BROKEN")
    return NotReachableError(message, code=grpc.StatusCode.UNAVAILABLE, details=details)


def _bearer(token: str) -> Headers:
    return (("authorization", f"Bearer {token}"),)
