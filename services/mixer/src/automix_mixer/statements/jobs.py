"""Jobs as their owner asks for them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from automix_common.database.statements import Command, Query
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import aggregate_order_by

from automix_mixer.domain import Job, JobInput, JobStatus, Usage
from automix_mixer.statements.terms import ENDED_AT, OWNED, QUEUED, THIS, owned_by
from automix_mixer.tables import job_inputs, jobs, render_files, renders


def _job(
    id: UUID,  # noqa: A002
    project_id: UUID,
    requested_by: UUID,
    status: str,
    progress: float,
    stage: str,
    attempt: int,
    inputs: Sequence[tuple[str, str]],
    settings: dict[str, Any],
    error_reason: str | None,
    error_message: str | None,
    render_id: UUID | None,
    retry_of: UUID | None,
    cancel_requested: bool,
    created_at: datetime,
    started_at: datetime | None,
    ended_at: datetime | None,
) -> Job:
    return Job(
        id,
        project_id,
        requested_by,
        JobStatus(status),
        progress,
        stage,
        attempt,
        inputs,
        settings,
        error_reason,
        error_message,
        render_id,
        retry_of,
        cancel_requested,
        created_at,
        started_at,
        ended_at,
    )


_PAIR = sa.func.json_build_array(job_inputs.c.asset_id, job_inputs.c.role)
JOB = (
    jobs.c.id,
    jobs.c.project_id,
    jobs.c.requested_by,
    jobs.c.status,
    jobs.c.progress,
    jobs.c.stage,
    jobs.c.attempt,
    sa.select(sa.func.json_agg(aggregate_order_by(_PAIR, job_inputs.c.position)))
    .where(job_inputs.c.job_id == jobs.c.id)
    .correlate(jobs)
    .scalar_subquery()
    .label("inputs"),
    jobs.c.settings,
    jobs.c.error_reason,
    jobs.c.error_message,
    sa.select(renders.c.id).where(renders.c.job_id == jobs.c.id).correlate(jobs).scalar_subquery().label("render_id"),
    jobs.c.retry_of,
    jobs.c.cancel_requested,
    jobs.c.created_at,
    jobs.c.started_at,
    jobs.c.ended_at,
)
GET_JOB = Query(_job, sa.select(*JOB).where(THIS, OWNED))
PAGE_OF_JOBS = Query(
    _job,
    sa.select(*JOB)
    .where(jobs.c.project_id == bindparam("project"), OWNED, jobs.c.id < bindparam("before"))
    .order_by(jobs.c.id.desc())
    .limit(bindparam("limit")),
)


_RENDER_BYTES = (
    sa.select(sa.func.coalesce(sa.func.sum(renders.c.size), 0)).where(owned_by(renders)).scalar_subquery()
    + sa.select(sa.func.coalesce(sa.func.sum(render_files.c.size), 0))
    .join_from(render_files, renders)
    .where(owned_by(renders))
    .scalar_subquery()
)
USAGE = Query(
    Usage,
    sa.select(
        sa.select(sa.func.count()).select_from(jobs).where(OWNED, QUEUED).scalar_subquery().label("queued_jobs"),
        sa.select(sa.func.count()).select_from(jobs).where(OWNED).scalar_subquery().label("kept_jobs"),
        sa.cast(_RENDER_BYTES, sa.BigInteger).label("render_bytes"),
    ),
)
ADD_JOB = Command(
    jobs.insert().values(
        id=bindparam("job"),
        project_id=bindparam("project"),
        owner_id=bindparam("owner"),
        requested_by=bindparam("owner"),
        project_name=bindparam("called"),
        retry_of=bindparam("repeated"),
        input_count=bindparam("tracks"),
        settings=bindparam("options"),
        plan=bindparam("mix"),
        traceparent=bindparam("trace"),
    )
)
INPUT = (
    job_inputs.c.asset_id,
    job_inputs.c.role,
    job_inputs.c.storage_key,
    job_inputs.c.sha256,
    job_inputs.c.filename,
    job_inputs.c.size,
    job_inputs.c.duration,
)
ADD_INPUT = Command(job_inputs.insert().values({column.name: bindparam(column.name) for column in job_inputs.columns}))
INPUTS = Query(
    JobInput,
    sa.select(*INPUT).where(job_inputs.c.job_id == bindparam("job")).order_by(job_inputs.c.position),
)


class Blueprint(NamedTuple):
    """What a job was made of, but for its inputs."""

    project_id: UUID
    settings: dict[str, Any]
    plan: dict[str, Any] | None


BLUEPRINT = Query(Blueprint, sa.select(jobs.c.project_id, jobs.c.settings, jobs.c.plan).where(THIS, OWNED))


class Standing(NamedTuple):
    """Where a job is: its status, attempt and project."""

    status: str
    attempt: int
    project_id: UUID


_STANDING = sa.select(jobs.c.status, jobs.c.attempt, jobs.c.project_id)
HOLD_OWNED = Query(Standing, _STANDING.where(THIS, OWNED).with_for_update())
STANDING = Query(Standing, _STANDING.where(THIS))
CANCEL = Command(jobs.update().where(THIS).values(status="cancelled", cancel_requested=True, ended_at=ENDED_AT))
ASK_TO_CANCEL = Command(jobs.update().where(THIS).values(cancel_requested=True))
