"""Password hashing: bcrypt in threads, as many as there are cores, with a waiting line of limited length."""

import asyncio
import base64
import hashlib
import unicodedata
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import bcrypt
from automix_common.rpc.errors import ResourceExhausted
from automix_common.rpc.turns import Turns
from prometheus_client import Counter

from automix_auth.addresses import Network

NOBODYS_DIGEST = "." * 31
"""A digest of zeros, which no password is known to have: to compare with it costs what any comparison costs."""

HASHES = Counter("automix_password_hashes_total", "Passwords hashed", ["cost"])


def prehash(password: str) -> bytes:
    """64 characters that stand for the whole password: bcrypt stops at 72 bytes and at a NUL byte.

    The password is taken in NFC, so that it does not matter how a keyboard composes an accent (RFC 8265).
    """
    return base64.b64encode(hashlib.sha384(unicodedata.normalize("NFC", password).encode()).digest())


def hash_password(password: str, cost: int) -> str:
    """A new bcrypt hash; takes 2^cost rounds."""
    HASHES.labels(cost=cost).inc()
    return bcrypt.hashpw(prehash(password), bcrypt.gensalt(cost)).decode()


def password_matches(password: str, password_hash: str) -> bool:
    """Whether the hash is of this password; takes as long as the hash's own cost says."""
    HASHES.labels(cost=cost_of(password_hash)).inc()
    return bcrypt.checkpw(prehash(password), password_hash.encode())


def cost_of(password_hash: str) -> int:
    """The cost that a bcrypt hash was made with."""
    return int(password_hash.split("$")[2])


class Hashing:
    """Turns at hashing for calls that come at the same time."""

    def __init__(self, *, cost: int, slots: int, waiting: int) -> None:
        """`slots` hashes are computed at once; `waiting` calls more may wait for a turn."""
        self._cost = cost
        # A network that sends many waits behind all others, and is refused first.
        self._turns = Turns(slots, whole=True, waiting=waiting, refusal=_busy)
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="bcrypt")
        self._nobodys = bcrypt.gensalt(cost).decode() + NOBODYS_DIGEST

    def close(self) -> None:
        """Waits for the hashes under way."""
        self._threads.shutdown(cancel_futures=True)

    @asynccontextmanager
    async def turn(self, network: Network) -> AsyncIterator["Turn"]:
        """Waits for a turn and holds it for the block; networks take turns, however many calls of each wait.

        Raises ResourceExhausted (HASHING_BUSY) when the waiting line is full and this network has most of it.
        """
        async with self._turns.held(network):
            yield Turn(self._threads, self._cost, self._nobodys)


def _busy() -> ResourceExhausted:
    return ResourceExhausted("HASHING_BUSY", "too many people sign in at this moment: try again", retry_after_seconds=2)


class Turn:
    """The right to hash now, one password at a time."""

    def __init__(self, threads: ThreadPoolExecutor, cost: int, nobodys: str) -> None:
        self._threads = threads
        self._cost = cost
        self._nobodys = nobodys

    async def hash(self, password: str) -> str:
        """A new hash of the password."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, hash_password, password, self._cost)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether the hash is of this password. Without a hash: False, after the same work."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, password_matches, password, password_hash or self._nobodys
        )

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with another cost than new ones are."""
        return cost_of(password_hash) != self._cost
