"""Jobs that take longer than they should. Read-only: the mixer's own sweeper ends what nobody will end."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from automix_common.database.pool import connect
from psycopg.rows import class_row

STUCK = """
SELECT id, owner_id, status::text, attempt, failures, worker_id, coalesce(started_at, created_at) AS since,
    CASE
        WHEN status = 'queued' THEN 'waits for a worker'
        WHEN lease_expires_at < now() - %(lapsed)s THEN 'its worker is gone and nobody took over'
        WHEN cancel_requested THEN 'was cancelled and has not stopped'
        ELSE 'is worked on for long'
    END AS why
FROM mixer.jobs
WHERE (status = 'queued' AND created_at < now() - %(queued)s)
    OR (status = 'processing' AND (started_at < now() - %(processing)s OR lease_expires_at < now() - %(lapsed)s))
ORDER BY created_at
"""


@dataclass(frozen=True)
class Patience:
    """How long a job may wait, be worked on, and lie under a lease that has expired."""

    queued: timedelta
    processing: timedelta
    lapsed: timedelta


@dataclass(frozen=True)
class StuckJob:
    """A job that needs somebody's eyes; `since` is when it was taken first, or accepted when nobody took it."""

    id: UUID
    owner_id: UUID
    status: str
    attempt: int
    failures: int
    worker_id: str | None
    since: datetime
    why: str


async def stuck_jobs(database_url: str, patience: Patience) -> list[StuckJob]:
    """The jobs beyond patience, the oldest first. Changes nothing."""
    async with await connect(database_url, "automix-stuck") as connection:
        await connection.set_read_only(True)
        async with connection.cursor(row_factory=class_row(StuckJob)) as cursor:
            await cursor.execute(STUCK, vars(patience))
            return await cursor.fetchall()
