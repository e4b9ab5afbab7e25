"""Jobs that nobody looks after: queued without a worker's notice, or held by a worker that is lost."""

from uuid import UUID

from automix_common.database.pool import Connection

from automix_mixer.repository import events

BATCH = 100
LONGEST_SILENCE = 10
"""A job that waits long is announced at doubling intervals, up to this many times the first."""


async def lock_sweep(connection: Connection) -> bool:
    """Whether this transaction is the one that sweeps; the others let it."""
    cursor = await connection.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('mixer.sweep', 0))")
    row = await cursor.fetchone()
    return bool(row and row[0])


async def announce_stale(connection: Connection, stale_seconds: float) -> list[UUID]:
    """Announces queued jobs again that were last announced longer ago than that; returns which."""
    # statement_timestamp() and not clock_timestamp(), which no index can serve.
    cursor = await connection.execute(
        "UPDATE jobs SET last_announced_at = statement_timestamp() WHERE id IN ("
        "  SELECT id FROM jobs WHERE status = 'queued'"
        "  AND last_announced_at < statement_timestamp() - make_interval(secs => %(stale)s)"
        "  AND last_announced_at < statement_timestamp()"
        "      - least(last_announced_at - created_at, make_interval(secs => %(longest)s))"
        "  ORDER BY last_announced_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED"
        ") RETURNING id",
        {"stale": stale_seconds, "longest": stale_seconds * LONGEST_SILENCE, "batch": BATCH},
    )
    announced = [row[0] for row in await cursor.fetchall()]
    for job_id in announced:
        await events.job_queued(connection, job_id)
    return announced


async def expired_leases(connection: Connection) -> list[tuple[UUID, int]]:
    """Jobs and attempts whose lease is over, longest first."""
    cursor = await connection.execute(
        "SELECT id, attempt FROM jobs WHERE status = 'processing' AND lease_expires_at < statement_timestamp()"
        " ORDER BY lease_expires_at LIMIT %s",
        (BATCH,),
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]
