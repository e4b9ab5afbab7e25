"""Is this the password? Asked slowly, seldom and always in the same way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from automix_common.database.pool import Connection, Database
from automix_common.rpc.errors import ServiceError

from automix_auth.addresses import Network
from automix_auth.domain import Account, too_many_attempts
from automix_auth.emails import account_key
from automix_auth.hashing import Hashing, Turn
from automix_auth.repository import Accounts, Failures


@dataclass(frozen=True)
class Throttle:
    """How many wrong passwords an account may get from one network, and for how long they count."""

    most: int
    window: timedelta


@dataclass(frozen=True)
class Attempt:
    """A password for an email, and where it comes from."""

    email: str
    password: str
    network: Network


class Credentials:
    """Checks passwords and counts wrong ones."""

    def __init__(self, database: Database, hashing: Hashing, throttle: Throttle) -> None:
        self._database = database
        self._hashing = hashing
        self._throttle = throttle

    @asynccontextmanager
    async def proven(self, attempt: Attempt, account: Account | None, refusal: ServiceError) -> AsyncIterator[Turn]:
        """The block runs, with the turn at hashing still held, when the password is the account's.

        Raises `refusal` when it is not or there is no account, after the same work; ResourceExhausted
        (TOO_MANY_ATTEMPTS, HASHING_BUSY) before any hashing.
        """
        await self._refuse_too_many(attempt)
        async with self._hashing.turn() as turn:
            # Again: those that waited in the line together must not all get their try.
            await self._refuse_too_many(attempt)
            if not await turn.matches(attempt.password, account.password_hash if account else None):
                async with self._database.read() as connection:
                    await self._failures(connection, attempt).count(self._throttle.window)
                raise refusal
            yield turn

    async def forgive(self, connection: Connection, attempt: Attempt) -> None:
        """Forgets the wrong passwords before this right one."""
        await self._failures(connection, attempt).forget()

    async def renew_hash(self, turn: Turn, account: Account, password: str) -> None:
        """Stores a hash of the present cost when the account's has another, so that all take the same time."""
        if turn.is_outdated(account.password_hash):
            renewed = await turn.hash(password)
            async with self._database.read() as connection:
                await Accounts(connection).rehash(account, renewed)

    async def hash(self, password: str) -> str:
        """A hash of a new password; waits for a turn or raises ResourceExhausted (HASHING_BUSY)."""
        async with self._hashing.turn() as turn:
            return await turn.hash(password)

    async def _refuse_too_many(self, attempt: Attempt) -> None:
        async with self._database.read() as connection:
            wait = await self._failures(connection, attempt).wait(self._throttle.most, self._throttle.window)
        if wait is not None:
            raise too_many_attempts(wait)

    def _failures(self, connection: Connection, attempt: Attempt) -> Failures:
        return Failures(connection, account_key(attempt.email), attempt.network)
