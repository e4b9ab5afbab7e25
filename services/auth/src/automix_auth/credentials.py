"""Checks passwords: slowly, a limited number of times, and in the same time whether or not the account exists."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from automix_common.database.pool import Connection, Database
from automix_common.rpc.errors import ServiceError

from automix_auth.addresses import Network
from automix_auth.domain import Account, too_many_attempts, too_many_sign_ups
from automix_auth.emails import account_key
from automix_auth.hashing import Hashing, Turn
from automix_auth.repository import Accounts, Failures

ALL_ACCOUNTS = hashlib.sha256(b"all accounts").digest()
SIGN_UPS = hashlib.sha256(b"sign-ups").digest()
"""Keys of what is counted for a network as a whole. No email has them: they are hashes of texts without an @."""


@dataclass(frozen=True)
class Throttle:
    """How much one network may try, and for how long an attempt counts."""

    most: int
    """Wrong passwords for one account."""
    most_of_network: int
    """Wrong passwords for all accounts together."""
    window: timedelta
    sign_ups: int
    """Sign-ups, successful or not."""
    sign_up_window: timedelta


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
        """Runs the block when the password is right, while it still holds its turn at hashing.

        Raises `refusal` when it is wrong or there is no account, after the same work; ResourceExhausted
        (TOO_MANY_ATTEMPTS, HASHING_BUSY) before any hashing.
        """
        await self._refuse_too_many(attempt)
        async with self._hashing.turn(attempt.network) as turn:
            # The throttle is asked again: attempts that waited in line together must not all get their try.
            await self._refuse_too_many(attempt)
            if not await turn.matches(attempt.password, account.password_hash if account else None):
                async with self._database.read() as connection:
                    await self._failures(connection, attempt).count(self._throttle.window)
                    await Failures(connection, ALL_ACCOUNTS, attempt.network).count(self._throttle.window)
                raise refusal
            yield turn

    async def forgive(self, connection: Connection, attempt: Attempt) -> None:
        """Forgets the wrong passwords that came before this right one."""
        await self._failures(connection, attempt).forget()

    async def renew_hash(self, turn: Turn, account: Account, password: str) -> None:
        """Stores a new hash when the account's has another cost than the present one, so that all checks take
        equally long."""
        if turn.is_outdated(account.password_hash):
            renewed = await turn.hash(password)
            async with self._database.read() as connection:
                await Accounts(connection).rehash(account, renewed)

    async def new_hash(self, password: str, network: Network) -> str:
        """A hash for a new account.

        Raises ResourceExhausted (TOO_MANY_SIGN_UPS, HASHING_BUSY).
        """
        await self._refuse_too_many_sign_ups(network)
        async with self._hashing.turn(network) as turn:
            await self._refuse_too_many_sign_ups(network)
            async with self._database.read() as connection:
                await Failures(connection, SIGN_UPS, network).count(self._throttle.sign_up_window)
            return await turn.hash(password)

    async def _refuse_too_many_sign_ups(self, network: Network) -> None:
        async with self._database.read() as connection:
            counted = Failures(connection, SIGN_UPS, network)
            wait = await counted.wait(self._throttle.sign_ups, self._throttle.sign_up_window)
        if wait is not None:
            raise too_many_sign_ups(wait)

    async def _refuse_too_many(self, attempt: Attempt) -> None:
        throttle = self._throttle
        async with self._database.read() as connection:
            wait = await self._failures(connection, attempt).wait(throttle.most, throttle.window)
            if wait is None:
                everybody = Failures(connection, ALL_ACCOUNTS, attempt.network)
                wait = await everybody.wait(throttle.most_of_network, throttle.window)
        if wait is not None:
            raise too_many_attempts(wait)

    def _failures(self, connection: Connection, attempt: Attempt) -> Failures:
        return Failures(connection, account_key(attempt.email), attempt.network)
