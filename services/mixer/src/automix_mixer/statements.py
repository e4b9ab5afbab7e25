"""Every statement of the schema: a user's are scoped to their owner, a worker's to its attempt."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from automix_common.database.statements import Command, Query, Scalar, interval
from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from automix_mixer.domain import Held, Job, JobInput, JobStatus, RenderFile, Usage
from automix_mixer.tables import job_inputs, jobs, render_files, renders, turns

BATCH = 100
"""Jobs that one pass of the sweeper takes at most."""
CLOCK = sa.func.clock_timestamp(type_=jobs.c.created_at.type)
# No index can serve clock_timestamp(), which is another one at each row.
MOMENT = sa.func.statement_timestamp(type_=jobs.c.created_at.type)

OWNED = jobs.c.owner_id == bindparam("owner")
THIS = jobs.c.id == bindparam("job")
QUEUED, PROCESSING = jobs.c.status == "queued", jobs.c.status == "processing"
MINE = sa.and_(THIS, jobs.c.attempt == bindparam("attempt"), PROCESSING)
ENDED_AT = sa.func.greatest(CLOCK, jobs.c.created_at, jobs.c.started_at)
RELEASED: dict[str, Any] = {"worker_id": None, "lease_expires_at": None, "stage": ""}

CUT_OFF = Command("SELECT set_config('idle_in_transaction_session_timeout', '5s', true)")
"""For a transaction that moves a job: a process that freezes in it holds the user's turn, and is cut off soon."""

# Jobs, as their owner asks for them


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


def _owned_by(table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.owner_id == bindparam("owner")


_RENDER_BYTES = (
    sa.select(sa.func.coalesce(sa.func.sum(renders.c.size), 0)).where(_owned_by(renders)).scalar_subquery()
    + sa.select(sa.func.coalesce(sa.func.sum(render_files.c.size), 0))
    .join_from(render_files, renders)
    .where(_owned_by(renders))
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

# A job's life


class Taken(NamedTuple):
    """A job that a worker has taken, but for its inputs."""

    id: UUID
    owner_id: UUID
    attempt: int
    settings: dict[str, Any]
    plan: dict[str, Any] | None
    traceparent: str | None


_CLAIM = """
    UPDATE jobs SET status = 'processing', attempt = attempt + 1,
        failures = failures + (status = 'processing')::int, worker_id = %(worker)s,
        lease_expires_at = clock_timestamp() + %(lease)s::interval,
        started_at = coalesce(started_at, greatest(clock_timestamp(), created_at)), progress = 0, stage = ''
    WHERE id = {job} AND NOT cancel_requested
        AND (status = 'queued' OR status = 'processing' AND lease_expires_at < clock_timestamp())
        AND failures + (status = 'processing')::int < %(failures)s
    RETURNING id, owner_id, attempt, settings, plan, traceparent
"""
CLAIM = Query(Taken, _CLAIM.format(job="%(job)s"))
"""The job of that id, if it is queued or its worker is lost."""
CLAIM_NEXT = Query(
    Taken,
    """
    WITH free AS MATERIALIZED (
        SELECT owner_id FROM turns WHERE queued > 0
        ORDER BY processing, waits_since LIMIT 1 FOR UPDATE SKIP LOCKED
    ), held AS MATERIALIZED (
        SELECT owner_id FROM turns WHERE queued > 0 AND NOT EXISTS (SELECT FROM free)
        ORDER BY processing, waits_since LIMIT 1 FOR UPDATE
    ), next AS MATERIALIZED (
        SELECT id FROM jobs WHERE status = 'queued'
            AND owner_id = (SELECT owner_id FROM free UNION ALL SELECT owner_id FROM held)
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    """
    + _CLAIM.format(job="(SELECT id FROM next)"),
)
"""The oldest job of the user whose turn it is. A user whose turn another claim is just taking is passed over, unless
there is nobody else: then it waits. A job that just changes is passed over as well, so that no two transactions wait
for each other."""

_TAKEN = (jobs.c.id, jobs.c.owner_id, jobs.c.attempt, jobs.c.settings, jobs.c.plan, jobs.c.traceparent)
RECLAIM = Query(
    Taken,
    jobs.update()
    .where(jobs.c.worker_id == bindparam("worker"), PROCESSING)
    .values(lease_expires_at=CLOCK + interval("lease"))
    .returning(*_TAKEN),
)
EXTEND = Scalar(
    bool,
    jobs.update()
    .where(MINE)
    .values(lease_expires_at=CLOCK + interval("lease"), progress=bindparam("share"), stage=bindparam("doing"))
    .returning(jobs.c.cancel_requested),
)
_HELD = (jobs.c.id, jobs.c.project_id, jobs.c.owner_id, jobs.c.attempt, jobs.c.failures, jobs.c.cancel_requested)
HOLD = Query(Held, sa.select(*_HELD).where(MINE).with_for_update())
HOLD_EXPIRED = Query(Held, sa.select(*_HELD).where(MINE, jobs.c.lease_expires_at < CLOCK).with_for_update())
SUCCEED = Scalar(
    UUID,
    jobs.update()
    .where(MINE, ~jobs.c.cancel_requested)
    .values(status="succeeded", progress=1, ended_at=ENDED_AT, **RELEASED)
    .returning(jobs.c.project_id),
)
NAMES = Scalar(str, sa.select(renders.c.filename).where(renders.c.project_id == bindparam("project")))
ADD_RENDER = Command(
    renders.insert().values(
        {column.name: bindparam(column.name) for column in renders.columns if column.name != "created_at"}
    )
)
ADD_FILE = Command(
    render_files.insert().values({column.name: bindparam(column.name) for column in render_files.columns})
)
QUEUE_AGAIN = Command(
    jobs.update()
    .where(THIS)
    .values(
        status="queued",
        failures=bindparam("failed"),
        progress=0,
        last_announced_at=sa.func.greatest(CLOCK, jobs.c.created_at),
        **RELEASED,
    )
)
END = Command(
    jobs.update()
    .where(THIS)
    .values(
        status=bindparam("becomes"),
        failures=bindparam("failed"),
        error_reason=bindparam("reason"),
        error_message=bindparam("message"),
        ended_at=ENDED_AT,
        **RELEASED,
    )
)

# Jobs that nobody looks after

ANNOUNCE_STALE = Scalar(
    UUID,
    """
    UPDATE jobs SET last_announced_at = statement_timestamp() WHERE id IN (
        SELECT id FROM jobs WHERE status = 'queued'
        AND last_announced_at < statement_timestamp() - %(stale)s::interval
        AND last_announced_at < statement_timestamp() - least(last_announced_at - created_at, %(longest)s::interval)
        ORDER BY last_announced_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
    ) RETURNING id
    """,
)


class QueueDepth(NamedTuple):
    """How many jobs wait and are worked on, and for how many seconds the oldest that waits has done so."""

    queued: int
    processing: int
    oldest_seconds: float


QUEUE_DEPTH = Query(
    QueueDepth,
    sa.select(
        sa.select(sa.func.coalesce(sa.func.sum(turns.c.queued), 0)).scalar_subquery().label("queued"),
        sa.select(sa.func.coalesce(sa.func.sum(turns.c.processing), 0)).scalar_subquery().label("processing"),
        sa.select(
            sa.func.coalesce(
                sa.extract("epoch", sa.func.clock_timestamp() - sa.func.min(jobs.c.created_at)),
                0,
            )
        )
        .where(QUEUED)
        .scalar_subquery()
        .label("oldest_seconds"),
    ),
)


class Expired(NamedTuple):
    """An attempt whose lease is over."""

    id: UUID
    attempt: int


EXPIRED_LEASES = Query(
    Expired,
    sa.select(jobs.c.id, jobs.c.attempt)
    .where(PROCESSING, jobs.c.lease_expires_at < MOMENT)
    .order_by(jobs.c.lease_expires_at)
    .limit(BATCH),
)

# Renders, as their owner asks for them


class RenderRow(NamedTuple):
    """A render, but for its files."""

    id: UUID
    project_id: UUID
    job_id: UUID
    storage_key: str
    filename: str
    filetype: str
    duration: float
    size: int
    sha256: str
    loudness: float | None
    true_peak: float | None
    created_at: datetime


RENDER = tuple(renders.c[name] for name in RenderRow._fields)
THIS_RENDER = sa.and_(renders.c.id == bindparam("render"), _owned_by(renders))
FILE = (
    render_files.c.id,
    render_files.c.kind,
    render_files.c.storage_key,
    render_files.c.filename,
    render_files.c.size,
    render_files.c.sha256,
)


class FileOf(NamedTuple):
    """A file with the render that it belongs to."""

    render_id: UUID
    file: RenderFile


def _file_of(
    render_id: UUID,
    id: UUID,  # noqa: A002
    kind: str,
    storage_key: str,
    filename: str,
    size: int,
    sha256: str,
) -> FileOf:
    return FileOf(render_id, RenderFile(id, kind, storage_key, filename, size, sha256))


class Documents(NamedTuple):
    """The plan and the report of a render as JSON texts."""

    plan: str
    report: str


GET_RENDER = Query(RenderRow, sa.select(*RENDER).where(THIS_RENDER))
PAGE_OF_RENDERS = Query(
    RenderRow,
    sa.select(*RENDER)
    .where(renders.c.project_id == bindparam("project"), _owned_by(renders), renders.c.id < bindparam("before"))
    .order_by(renders.c.id.desc())
    .limit(bindparam("limit")),
)
FILES = Query(
    _file_of,
    sa.select(render_files.c.render_id, *FILE)
    .where(render_files.c.render_id == sa.any_(bindparam("renders", type_=ARRAY(sa.Uuid))))
    .order_by(render_files.c.id),
)
GET_FILE = Query(
    RenderFile,
    sa.select(*FILE).join_from(render_files, renders).where(render_files.c.id == bindparam("file"), _owned_by(renders)),
)
DOCUMENTS = Query(
    Documents,
    sa.select(sa.cast(renders.c.plan, sa.Text).label("plan"), sa.cast(renders.c.report, sa.Text).label("report")).where(
        THIS_RENDER
    ),
)


class Deleted(NamedTuple):
    """A render that is about to go, or went before: its job, and the project of both."""

    job_id: UUID
    project_id: UUID
    before: bool


HOLD_RENDER = Query(
    Deleted,
    sa.select(jobs.c.id.label("job_id"), jobs.c.project_id, sa.false().label("before"))
    .join_from(renders, jobs, renders.c.job_id == jobs.c.id)
    .where(THIS_RENDER)
    # Of both: who waits for the job must not find the render that the other one has deleted meanwhile.
    .with_for_update(of=[jobs, renders]),
)
DELETED_BEFORE = Query(
    Deleted,
    sa.select(jobs.c.id.label("job_id"), jobs.c.project_id, sa.true().label("before")).where(
        jobs.c.deleted_render_id == bindparam("render"), OWNED
    ),
)
SAY_DELETED = Command(jobs.update().where(THIS).values(deleted_render_id=bindparam("render")))
DELETE_RENDER = Command(renders.delete().where(THIS_RENDER))

# The end of users and projects, and which objects belong to somebody


def _keys_where(condition: sa.ColumnElement[bool]) -> Scalar[str]:
    return Scalar(
        str,
        sa.union_all(
            sa.select(renders.c.storage_key).where(condition),
            sa.select(render_files.c.storage_key).join_from(render_files, renders).where(condition),
        ),
    )


KEYS_OF_RENDER = _keys_where(THIS_RENDER)
KEYS_OWNED = _keys_where(_owned_by(renders))
KEYS_IN_PROJECT = _keys_where(renders.c.project_id == bindparam("project"))
IN_PROJECT = jobs.c.project_id == bindparam("project")
HOLD_ALL_OWNED = Scalar(UUID, sa.select(jobs.c.id).where(OWNED).order_by(jobs.c.id).with_for_update())
HOLD_ALL_IN_PROJECT = Scalar(UUID, sa.select(jobs.c.id).where(IN_PROJECT).order_by(jobs.c.id).with_for_update())
DELETE_OWNED = Command(jobs.delete().where(OWNED))
DELETE_IN_PROJECT = Command(jobs.delete().where(IN_PROJECT))

KEPT_KEYS = Scalar(
    str,
    """
    SELECT storage_key FROM renders WHERE storage_key = ANY(%(keys)s::text[])
    UNION ALL SELECT storage_key FROM render_files WHERE storage_key = ANY(%(keys)s::text[])
    UNION ALL SELECT key FROM unnest(%(parsed)s::text[], %(jobs)s::uuid[], %(attempts)s::int[])
        AS written (key, job_id, attempt)
        JOIN jobs ON jobs.id = written.job_id AND jobs.attempt = written.attempt WHERE status = 'processing'
    """,
)
