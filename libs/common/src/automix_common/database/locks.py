"""Advisory locks: every key has its place here, so that no two things share one by accident.

PostgreSQL keeps advisory locks for the whole database, which all schemas are in. A key is therefore the hash of the
schema, of what the lock guards, and of whose it is. Three more are not taken from here: `migrations` locks before
anything of a schema exists, triggers lock the ids of parents as schema and id alone (see `tombstones`), and whoever
provisions locks the administrators' database, which holds no schema (`roles` of libs/ops).
"""

from enum import StrEnum

from automix_common.database.pool import Connection
from automix_common.database.statements import Command, Scalar


class Lock(StrEnum):
    """What a lock guards. Each member names what its key is made of, if there is more than one such lock."""

    ANSWER = "answer"
    """The first answer to a request: user, RPC and request id."""
    QUOTA = "quota"
    """What a user has, while it is counted and added to: user."""
    SWEEP = "sweep"
    """Abandoned jobs: one sweeper at a time."""
    SENDERS = "senders"
    """Due deliveries to webhooks: one sender at a time chooses the next."""
    SIGNING_KEYS = "signing_keys"
    """The signing keys: one new key at a time."""
    STREAM = "stream"
    """The event stream: relays that publish hold it shared, and the one that finds the stream new holds it alone."""
    UPKEEP = "upkeep"
    """What is deleted by age: one process at a time."""


_KEY = "hashtextextended(current_schema() || ':' || %(lock)s || ':' || %(whose)s, 0)"
_TAKE = Command(f"SELECT pg_advisory_xact_lock({_KEY})")
_SHARE = Command(f"SELECT pg_advisory_xact_lock_shared({_KEY})")
_TRY = Scalar(bool, f"SELECT pg_try_advisory_xact_lock({_KEY})")


async def take(connection: Connection, lock: Lock, whose: object = "") -> None:
    """Waits for the lock and holds it until the transaction ends."""
    await _TAKE.run(connection, lock=str(lock), whose=str(whose))


async def share(connection: Connection, lock: Lock, whose: object = "") -> None:
    """Takes the lock in shared mode: waits while somebody holds it alone, and keeps it until the transaction ends."""
    await _SHARE.run(connection, lock=str(lock), whose=str(whose))


async def try_take(connection: Connection, lock: Lock, whose: object = "") -> bool:
    """Holds the lock until the transaction ends; False when somebody else does."""
    return await _TRY.value(connection, lock=str(lock), whose=str(whose))
