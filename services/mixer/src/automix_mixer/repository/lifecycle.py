"""The steps of a job's life, each fenced by the attempt that takes it. All of them run in an open transaction."""

from typing import LiteralString
from uuid import UUID

from automix_common.database.pool import Connection
from psycopg.rows import class_row
from psycopg.types.json import Json

from automix_mixer.domain import MOST_FAILURES, Claim, Held, JobError, JobStatus, NewRender, status_after_failure
from automix_mixer.repository import events
from automix_mixer.repository.jobs import inputs_of
from automix_mixer.repository.slots import announce_next, lock_slots, lock_slots_of_job

HELD: LiteralString = "id, project_id, owner_id, attempt, failures, cancel_requested"
RELEASED: LiteralString = "worker_id = NULL, lease_expires_at = NULL, stage = ''"
ENDED: LiteralString = f"{RELEASED}, ended_at = greatest(clock_timestamp(), created_at, started_at)"


async def claim(
    connection: Connection, job_id: UUID, *, worker_id: str, lease_seconds: float, slots: int
) -> Claim | None:
    """Takes the job for a worker; None when it is held, has ended, is gone, or its owner has no slot free.

    A lease that has expired may be taken over, which costs the job one failure: its worker was lost.
    """
    await lock_slots_of_job(connection, job_id)
    claimed = await connection.execute(
        "UPDATE jobs SET status = 'processing', attempt = attempt + 1,"
        " failures = failures + (status = 'processing')::int, worker_id = %(worker)s,"
        " lease_expires_at = clock_timestamp() + make_interval(secs => %(lease)s),"
        " started_at = coalesce(started_at, greatest(clock_timestamp(), created_at)), progress = 0, stage = ''"
        " WHERE id = %(job)s AND NOT cancel_requested"
        " AND (status = 'queued' OR status = 'processing' AND lease_expires_at < clock_timestamp())"
        " AND failures + (status = 'processing')::int < %(failures)s"
        " AND (SELECT count(*) FROM jobs AS other WHERE other.owner_id = jobs.owner_id"
        "      AND other.status = 'processing' AND other.id <> jobs.id) < %(slots)s"
        " RETURNING owner_id, attempt, settings, plan",
        {"job": job_id, "worker": worker_id, "lease": lease_seconds, "failures": MOST_FAILURES, "slots": slots},
    )
    inputs = await inputs_of(connection, job_id)
    row = await claimed.fetchone()
    return None if row is None else Claim(job_id, row[0], row[1], row[2], row[3], inputs)


async def reclaim(connection: Connection, job_id: UUID, *, worker_id: str, lease_seconds: float) -> Claim | None:
    """The job again that this worker has taken without knowing it, because the claim's COMMIT went unanswered."""
    cursor = await connection.execute(
        "UPDATE jobs SET lease_expires_at = clock_timestamp() + make_interval(secs => %s)"
        " WHERE id = %s AND status = 'processing' AND worker_id = %s RETURNING owner_id, attempt, settings, plan",
        (lease_seconds, job_id, worker_id),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return Claim(job_id, row[0], row[1], row[2], row[3], await inputs_of(connection, job_id))


async def extend(
    connection: Connection, job_id: UUID, attempt: int, *, lease_seconds: float, progress: float, stage: str
) -> bool | None:
    """Extends the lease and says whether a cancel was asked for; None when the job is no longer this attempt's."""
    cursor = await connection.execute(
        "UPDATE jobs SET lease_expires_at = clock_timestamp() + make_interval(secs => %s), progress = %s, stage = %s"
        " WHERE id = %s AND attempt = %s AND status = 'processing' RETURNING cancel_requested",
        (lease_seconds, progress, stage, job_id, attempt),
    )
    row = await cursor.fetchone()
    return None if row is None else bool(row[0])


async def hold(connection: Connection, job_id: UUID, attempt: int, *, expired: bool = False) -> Held | None:
    """Locks a job that this attempt is working on, with its owner's slots; None when it is no longer this attempt's.

    With `expired` only a job whose lease is over.
    """
    await lock_slots_of_job(connection, job_id)
    async with connection.cursor(row_factory=class_row(Held)) as cursor:
        await cursor.execute(
            f"SELECT {HELD} FROM jobs WHERE id = %s AND attempt = %s AND status = 'processing'"
            " AND (NOT %s OR lease_expires_at < clock_timestamp()) FOR UPDATE",
            (job_id, attempt, expired),
        )
        return await cursor.fetchone()


async def succeed(connection: Connection, claimed: Claim, render: NewRender) -> bool:
    """Ends the job in its render; False, and nothing is written, when it is no longer this attempt's or cancelled."""
    await lock_slots(connection, claimed.owner_id)
    cursor = await connection.execute(
        f"UPDATE jobs SET status = 'succeeded', progress = 1, {ENDED}"
        " WHERE id = %s AND attempt = %s AND status = 'processing' AND NOT cancel_requested RETURNING project_id",
        (claimed.job_id, claimed.attempt),
    )
    row = await cursor.fetchone()
    if row is None:
        return False
    project_id: UUID = row[0]
    await _add_render(connection, claimed, project_id, render)
    await events.job_succeeded(
        connection, claimed.job_id, project_id=project_id, owner_id=claimed.owner_id, render_id=render.id
    )
    await announce_next(connection, claimed.owner_id)
    return True


async def _add_render(connection: Connection, claimed: Claim, project_id: UUID, render: NewRender) -> None:
    await connection.execute(
        "INSERT INTO renders (id, project_id, owner_id, job_id, storage_key, filename, filetype, duration, size,"
        " sha256, loudness, true_peak, plan, report) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            render.id,
            project_id,
            claimed.owner_id,
            claimed.job_id,
            render.storage_key,
            render.filename,
            render.filetype,
            render.duration,
            render.size,
            render.sha256,
            render.loudness,
            render.true_peak,
            Json(render.plan),
            Json(render.report),
        ),
    )
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO render_files (id, render_id, kind, storage_key, filename, size, sha256)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                (file.id, render.id, file.kind, file.storage_key, file.filename, file.size, file.sha256)
                for file in render.files
            ],
        )


async def fail(connection: Connection, held: Held, error: JobError) -> JobStatus:
    """Ends the job in a reason that trying again will not change; in a cancel when one was asked for."""
    status = JobStatus.CANCELLED if held.cancel_requested else JobStatus.FAILED
    await _end(connection, held, status, failures=held.failures, error=error)
    return status


async def count_failure(connection: Connection, held: Held, error: JobError) -> JobStatus:
    """Counts an attempt that crashed, hung or was lost: the job is queued again, or ends when its budget is spent."""
    status = status_after_failure(held)
    if status is JobStatus.QUEUED:
        await _queue_again(connection, held, failures=held.failures + 1)
    else:
        spent = held.failures + (status is JobStatus.FAILED)
        await _end(connection, held, status, failures=spent, error=error)
    return status


async def hand_back(connection: Connection, held: Held) -> JobStatus:
    """Gives the job to whoever takes it next, without a failure; ends it when a cancel was asked for."""
    if held.cancel_requested:
        await _end(connection, held, JobStatus.CANCELLED, failures=held.failures, error=None)
        return JobStatus.CANCELLED
    await _queue_again(connection, held, failures=held.failures)
    return JobStatus.QUEUED


async def _queue_again(connection: Connection, held: Held, *, failures: int) -> None:
    await connection.execute(
        f"UPDATE jobs SET status = 'queued', failures = %s, progress = 0, {RELEASED},"
        " last_announced_at = greatest(clock_timestamp(), created_at) WHERE id = %s",
        (failures, held.id),
    )
    await events.job_queued(connection, held.id)


async def _end(connection: Connection, held: Held, status: JobStatus, *, failures: int, error: JobError | None) -> None:
    failed = error if status is JobStatus.FAILED else None
    await connection.execute(
        f"UPDATE jobs SET status = %s, failures = %s, error_reason = %s, error_message = %s, {ENDED} WHERE id = %s",
        (status.value, failures, failed and failed.reason, failed and failed.message, held.id),
    )
    parents = {"project_id": held.project_id, "owner_id": held.owner_id}
    if failed is not None:
        await events.job_failed(connection, held.id, **parents, reason=failed.reason)
    else:
        await events.job_cancelled(connection, held.id, **parents)
    await announce_next(connection, held.owner_id)


async def standing(connection: Connection, job_id: UUID) -> tuple[JobStatus, int] | None:
    """The job's status and attempt, None when it is gone."""
    cursor = await connection.execute("SELECT status, attempt FROM jobs WHERE id = %s", (job_id,))
    row = await cursor.fetchone()
    return None if row is None else (JobStatus(row[0]), row[1])
