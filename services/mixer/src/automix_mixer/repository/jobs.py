"""The jobs of one owner."""

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

from automix_common.database.pool import Connection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from automix_mixer.domain import Job, JobInput, JobStatus, NewJob, Usage
from automix_mixer.repository import events

COLUMNS: LiteralString = (
    "id, project_id, requested_by, status, progress, stage, attempt, settings, error_reason, error_message, retry_of,"
    " cancel_requested, created_at, started_at, ended_at,"
    " (SELECT id FROM renders WHERE job_id = jobs.id) AS render_id,"
    " (SELECT json_agg(json_build_array(asset_id, role) ORDER BY position) FROM job_inputs WHERE job_id = jobs.id)"
    " AS inputs"
)
INPUT_COLUMNS: LiteralString = "asset_id, role, storage_key, sha256, filename, size, duration"


class Jobs:
    """The jobs of one owner, in an open transaction when something is written."""

    def __init__(self, connection: Connection, owner_id: UUID) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def _many(self, query: LiteralString, values: tuple[object, ...]) -> list[Job]:
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, values)
            return [_job(row) for row in await cursor.fetchall()]

    async def usage_exclusively(self) -> Usage:
        """What the owner has; no other transaction queues a job of theirs until this one ends."""
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('mixer.queue ' || %s::text, 0))", (self._owner_id,)
        )
        cursor = await self._connection.execute(
            "SELECT (SELECT count(*) FROM jobs WHERE owner_id = %(owner)s AND status = 'queued'),"
            " (SELECT count(*) FROM jobs WHERE owner_id = %(owner)s),"
            " (SELECT coalesce(sum(size), 0) FROM renders WHERE owner_id = %(owner)s)"
            " + (SELECT coalesce(sum(render_files.size), 0) FROM renders JOIN render_files ON render_id = renders.id"
            " WHERE owner_id = %(owner)s)",
            {"owner": self._owner_id},
        )
        row = await cursor.fetchone()
        return Usage(*map(int, row)) if row else Usage(0, 0, 0)

    async def add(self, job_id: UUID, new: NewJob) -> Job | None:
        """Writes a queued job with its inputs and announces it; the database refuses it when a parent is gone."""
        await self._connection.execute(
            "INSERT INTO jobs (id, project_id, owner_id, requested_by, retry_of, input_count, settings, plan)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (
                job_id,
                new.project_id,
                self._owner_id,
                self._owner_id,
                new.retry_of,
                len(new.inputs),
                Jsonb(new.settings),
                None if new.plan is None else Jsonb(new.plan),
            ),
        )
        async with self._connection.cursor() as cursor:
            await cursor.executemany(
                f"INSERT INTO job_inputs (job_id, position, {INPUT_COLUMNS})"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (
                        job_id,
                        position,
                        track.asset_id,
                        track.role,
                        track.storage_key,
                        track.sha256,
                        track.filename,
                        track.size,
                        track.duration,
                    )
                    for position, track in enumerate(new.inputs)
                ],
            )
        await events.job_queued(self._connection, job_id)
        return await self.get(job_id)

    async def get(self, job_id: UUID) -> Job | None:
        """The job of this id, None when it is not the owner's."""
        found = await self._many(
            f"SELECT {COLUMNS} FROM jobs WHERE id = %s AND owner_id = %s", (job_id, self._owner_id)
        )
        return found[0] if found else None

    async def page(self, project_id: UUID, before: UUID, limit: int) -> list[Job]:
        """A project's next jobs below an id, newest first."""
        return await self._many(
            f"SELECT {COLUMNS} FROM jobs WHERE project_id = %s AND owner_id = %s AND id < %s ORDER BY id DESC LIMIT %s",
            (project_id, self._owner_id, before, limit),
        )

    async def blueprint(self, job_id: UUID) -> NewJob | None:
        """What an existing job was made of, for one that repeats it."""
        cursor = await self._connection.execute(
            "SELECT project_id, settings, plan FROM jobs WHERE id = %s AND owner_id = %s", (job_id, self._owner_id)
        )
        row = await cursor.fetchone()
        if row is None:
            return None
        return NewJob(row[0], row[1], row[2], await inputs_of(self._connection, job_id), retry_of=job_id)

    async def cancel(self, job_id: UUID) -> Job | None:
        """Cancels a queued job and flags a running one; one that has ended stays. None when it is not the owner's."""
        cursor = await self._connection.execute(
            "SELECT status, project_id FROM jobs WHERE id = %s AND owner_id = %s FOR UPDATE", (job_id, self._owner_id)
        )
        row = await cursor.fetchone()
        if row is None:
            return None
        status = JobStatus(row[0])
        if status is JobStatus.QUEUED:
            await self._connection.execute(
                "UPDATE jobs SET status = 'cancelled', cancel_requested = true,"
                " ended_at = greatest(clock_timestamp(), created_at, started_at) WHERE id = %s",
                (job_id,),
            )
            await events.job_cancelled(self._connection, job_id, project_id=row[1], owner_id=self._owner_id)
        elif status is JobStatus.PROCESSING:
            await self._connection.execute("UPDATE jobs SET cancel_requested = true WHERE id = %s", (job_id,))
        return await self.get(job_id)


async def inputs_of(connection: Connection, job_id: UUID) -> Sequence[JobInput]:
    """A job's tracks in their order."""
    async with connection.cursor(row_factory=class_row(JobInput)) as cursor:
        await cursor.execute(f"SELECT {INPUT_COLUMNS} FROM job_inputs WHERE job_id = %s ORDER BY position", (job_id,))
        return await cursor.fetchall()


def _job(row: dict[str, Any]) -> Job:
    return Job(**{**row, "status": JobStatus(row["status"])})
