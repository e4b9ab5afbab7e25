"""The jobs of one owner."""

from collections.abc import Sequence
from uuid import UUID

from automix_common.database.locks import Lock, take
from automix_common.database.pool import Connection
from automix_common.rpc.context import current_call
from psycopg.types.json import Jsonb

from automix_mixer.domain import Job, JobInput, JobStatus, NewJob, Usage
from automix_mixer.repository import events
from automix_mixer.statements import jobs as statements


class Jobs:
    """The jobs of one owner, in an open transaction when something is written."""

    def __init__(self, connection: Connection, owner_id: UUID) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def usage_exclusively(self) -> Usage:
        """What the owner has; no other transaction queues a job of theirs until this one ends."""
        await take(self._connection, Lock.QUOTA, self._owner_id)
        return await statements.USAGE.one(self._connection, owner=self._owner_id) or Usage(0, 0, 0)

    async def add(self, job_id: UUID, new: NewJob) -> Job | None:
        """Writes a queued job with its inputs and announces it; the database refuses it when a parent is gone."""
        await statements.ADD_JOB.run(
            self._connection,
            job=job_id,
            project=new.project_id,
            owner=self._owner_id,
            called=new.project_name,
            repeated=new.retry_of,
            tracks=len(new.inputs),
            options=Jsonb(new.settings),
            mix=None if new.plan is None else Jsonb(new.plan),
            trace=current_call().traceparent,
        )
        await statements.ADD_INPUT.run_each(
            self._connection,
            [{"job_id": job_id, "position": position, **vars(track)} for position, track in enumerate(new.inputs)],
        )
        await events.job_queued(self._connection, job_id)
        return await self.get(job_id)

    async def get(self, job_id: UUID) -> Job | None:
        """The job of this id, None when it is not the owner's."""
        return await statements.GET_JOB.one(self._connection, job=job_id, owner=self._owner_id)

    async def page(self, project_id: UUID, before: UUID, limit: int) -> list[Job]:
        """A project's next jobs below an id, newest first."""
        return await statements.PAGE_OF_JOBS.all(
            self._connection, project=project_id, owner=self._owner_id, before=before, limit=limit
        )

    async def blueprint(self, job_id: UUID) -> NewJob | None:
        """What an existing job was made of, for one that repeats it."""
        found = await statements.BLUEPRINT.one(self._connection, job=job_id, owner=self._owner_id)
        if found is None:
            return None
        return NewJob(*found, await inputs_of(self._connection, job_id), retry_of=job_id)

    async def cancel(self, job_id: UUID) -> Job | None:
        """Cancels a queued job and flags a running one; one that has ended stays. None when it is not the owner's."""
        held = await statements.HOLD_OWNED.one(self._connection, job=job_id, owner=self._owner_id)
        if held is None:
            return None
        if held.status == JobStatus.QUEUED:
            await statements.CANCEL.run(self._connection, job=job_id)
            await events.job_cancelled(self._connection, job_id, project_id=held.project_id, owner_id=self._owner_id)
        elif held.status == JobStatus.PROCESSING:
            await statements.ASK_TO_CANCEL.run(self._connection, job=job_id)
        return await self.get(job_id)


async def inputs_of(connection: Connection, job_id: UUID) -> Sequence[JobInput]:
    """A job's tracks in their order."""
    return await statements.INPUTS.all(connection, job=job_id)
