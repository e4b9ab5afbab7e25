"""A user's simultaneous jobs: they are counted at the claim, under a lock of the user's own.

Whoever ends one of a user's jobs takes the lock first as well. So a claim that finds no room has found every other job
still running, and the transaction that ends one of them sees the refused job and announces it.

A process that freezes while it holds the lock would hold up all of the user's jobs, and the sweeper: the server ends
its transaction instead.
"""

from typing import LiteralString
from uuid import UUID

from automix_common.database.pool import Connection

from automix_mixer.repository import events

CUT_OFF: LiteralString = "set_config('idle_in_transaction_session_timeout', '5s', true)"


async def lock_slots(connection: Connection, owner_id: UUID) -> None:
    """Holds the user's slots until the transaction ends. Always taken before any row of jobs."""
    await connection.execute(
        f"SELECT {CUT_OFF}, pg_advisory_xact_lock(hashtextextended('mixer.slots ' || %s::text, 0))", (owner_id,)
    )


async def lock_slots_of_job(connection: Connection, job_id: UUID) -> None:
    """The same, by one of the user's jobs; nothing is held when there is no such job."""
    await connection.execute(
        f"SELECT {CUT_OFF}, pg_advisory_xact_lock(hashtextextended('mixer.slots ' || owner_id::text, 0))"
        " FROM jobs WHERE id = %s",
        (job_id,),
    )


async def announce_next(connection: Connection, owner_id: UUID) -> None:
    """Announces the user's job that has waited longest for a word, if there is one: a slot is free now."""
    cursor = await connection.execute(
        "UPDATE jobs SET last_announced_at = greatest(clock_timestamp(), created_at) WHERE id = ("
        "  SELECT id FROM jobs WHERE owner_id = %s AND status = 'queued'"
        "  ORDER BY last_announced_at LIMIT 1 FOR UPDATE SKIP LOCKED"
        ") RETURNING id",
        (owner_id,),
    )
    row = await cursor.fetchone()
    if row is not None:
        await events.job_queued(connection, row[0])
