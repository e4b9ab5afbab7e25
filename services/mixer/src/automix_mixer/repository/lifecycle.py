"""The steps of a job's life, each fenced by the attempt that takes it. All of them run in an open transaction.

Each transaction that moves a job changes its owner's row of turns, by a trigger, and holds it until it ends. One that
froze would keep the owner's jobs waiting, and the sweeper: the server cuts it off within seconds.
"""

from datetime import timedelta
from uuid import UUID

from automix_common.database.pool import Connection
from psycopg.types.json import Json

from automix_mixer.domain import (
    MOST_FAILURES,
    Claim,
    Held,
    JobError,
    JobStatus,
    NewRender,
    status_after_failure,
)
from automix_mixer.naming import distinct
from automix_mixer.repository import events
from automix_mixer.repository.jobs import inputs_of
from automix_mixer.statements import life as statements
from automix_mixer.statements.jobs import STANDING, Standing
from automix_mixer.statements.life import Taken
from automix_mixer.statements.terms import CUT_OFF


async def claim_next(connection: Connection, *, worker_id: str, lease_seconds: float) -> Claim | None:
    """Takes the next job for a worker; None when none waits.

    It is the oldest job of the user who has least in work, of several such users the one who has waited longest since
    a job of theirs began, ended, or was queued when none was. So nobody waits for more than one job of each other user,
    and a user who is alone has every worker.
    """
    await CUT_OFF.run(connection)
    taken = await statements.CLAIM_NEXT.one(
        connection, worker=worker_id, lease=timedelta(seconds=lease_seconds), failures=MOST_FAILURES
    )
    return await _claim(connection, taken)


async def claim(connection: Connection, job_id: UUID, *, worker_id: str, lease_seconds: float) -> Claim | None:
    """Takes a certain job; None when it is held, has ended or is gone.

    A lease that has expired may be taken over, which costs the job one failure: its worker was lost.
    """
    await CUT_OFF.run(connection)
    taken = await statements.CLAIM.one(
        connection, job=job_id, worker=worker_id, lease=timedelta(seconds=lease_seconds), failures=MOST_FAILURES
    )
    return await _claim(connection, taken)


async def reclaim(connection: Connection, *, worker_id: str, lease_seconds: float) -> Claim | None:
    """The job that this worker has taken without knowing it, because the claim's COMMIT went unanswered."""
    taken = await statements.RECLAIM.one(connection, worker=worker_id, lease=timedelta(seconds=lease_seconds))
    return await _claim(connection, taken)


async def _claim(connection: Connection, taken: Taken | None) -> Claim | None:
    return None if taken is None else Claim(*taken, await inputs_of(connection, taken.id))


async def extend(
    connection: Connection, job_id: UUID, attempt: int, *, lease_seconds: float, progress: float, stage: str
) -> bool | None:
    """Extends the lease and says whether a cancel was asked for; None when the job is no longer this attempt's."""
    return await statements.EXTEND.one(
        connection, job=job_id, attempt=attempt, lease=timedelta(seconds=lease_seconds), share=progress, doing=stage
    )


async def hold(connection: Connection, job_id: UUID, attempt: int, *, expired: bool = False) -> Held | None:
    """Locks a job that this attempt is working on; None when it is no longer this attempt's.

    With `expired` only a job whose lease is over.
    """
    await CUT_OFF.run(connection)
    query = statements.HOLD_EXPIRED if expired else statements.HOLD
    return await query.one(connection, job=job_id, attempt=attempt)


async def succeed(connection: Connection, claimed: Claim, render: NewRender) -> bool:
    """Ends the job in its render; False, and nothing is written, when it is no longer this attempt's or cancelled."""
    await CUT_OFF.run(connection)
    project_id = await statements.SUCCEED.one(connection, job=claimed.job_id, attempt=claimed.attempt)
    if project_id is None:
        return False
    # The owner's row of turns is held from here on, so no other mix of theirs takes the same name meanwhile.
    render = distinct(render, await statements.NAMES.all(connection, project=project_id))
    row = vars(render) | {"plan": Json(render.plan), "report": Json(render.report)}
    await statements.ADD_RENDER.run(
        connection, **row, job_id=claimed.job_id, project_id=project_id, owner_id=claimed.owner_id
    )
    await statements.ADD_FILE.run_each(connection, [{**vars(file), "render_id": render.id} for file in render.files])
    await events.job_succeeded(
        connection, claimed.job_id, project_id=project_id, owner_id=claimed.owner_id, render_id=render.id
    )
    return True


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
    await statements.QUEUE_AGAIN.run(connection, job=held.id, failed=failures)
    await events.job_queued(connection, held.id)


async def _end(connection: Connection, held: Held, status: JobStatus, *, failures: int, error: JobError | None) -> None:
    failed = error if status is JobStatus.FAILED else None
    await statements.END.run(
        connection,
        job=held.id,
        becomes=status.value,
        failed=failures,
        reason=failed and failed.reason,
        message=failed and failed.message,
    )
    parents = {"project_id": held.project_id, "owner_id": held.owner_id}
    if failed is not None:
        await events.job_failed(connection, held.id, **parents, reason=failed.reason)
    else:
        await events.job_cancelled(connection, held.id, **parents)


async def standing(connection: Connection, job_id: UUID) -> Standing | None:
    """The job's status, attempt and project, None when it is gone."""
    return await STANDING.one(connection, job=job_id)
