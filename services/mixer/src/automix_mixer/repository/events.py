"""Events of a job, each written in the transaction of the change that it tells of."""

from uuid import UUID

from automix.events.v1 import events_pb2
from automix_common.database.pool import Connection
from automix_common.events.outbox import add_event
from automix_platform.events import JOB_CANCELLED, JOB_FAILED, JOB_QUEUED, JOB_SUCCEEDED, RENDER_DELETED


async def job_queued(connection: Connection, job_id: UUID) -> None:
    """Announces a job to the workers, under a new event id."""
    queued = events_pb2.JobQueued(job_id=str(job_id))
    await add_event(connection, JOB_QUEUED, job_id, events_pb2.Event(job_queued=queued))


async def job_succeeded(
    connection: Connection, job_id: UUID, *, project_id: UUID, owner_id: UUID, render_id: UUID
) -> None:
    """Tells of the job's render."""
    succeeded = events_pb2.JobSucceeded(
        job_id=str(job_id), project_id=str(project_id), owner_id=str(owner_id), render_id=str(render_id)
    )
    await add_event(connection, JOB_SUCCEEDED, job_id, events_pb2.Event(job_succeeded=succeeded))


async def job_failed(connection: Connection, job_id: UUID, *, project_id: UUID, owner_id: UUID, reason: str) -> None:
    """Tells why the job failed."""
    failed = events_pb2.JobFailed(job_id=str(job_id), project_id=str(project_id), owner_id=str(owner_id), reason=reason)
    await add_event(connection, JOB_FAILED, job_id, events_pb2.Event(job_failed=failed))


async def job_cancelled(connection: Connection, job_id: UUID, *, project_id: UUID, owner_id: UUID) -> None:
    """Tells that the job's owner ended it."""
    cancelled = events_pb2.JobCancelled(job_id=str(job_id), project_id=str(project_id), owner_id=str(owner_id))
    await add_event(connection, JOB_CANCELLED, job_id, events_pb2.Event(job_cancelled=cancelled))


async def render_deleted(
    connection: Connection, render_id: UUID, *, job_id: UUID, project_id: UUID, owner_id: UUID
) -> None:
    """Tells that the owner has deleted a render."""
    deleted = events_pb2.RenderDeleted(
        render_id=str(render_id), job_id=str(job_id), project_id=str(project_id), owner_id=str(owner_id)
    )
    await add_event(connection, RENDER_DELETED, job_id, events_pb2.Event(render_deleted=deleted))
