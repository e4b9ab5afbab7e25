"""A job's life: taken, kept, ended, and what becomes of one that nobody looks after."""

from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from automix_common.database.statements import Command, Query, Scalar, interval
from sqlalchemy import bindparam

from automix_mixer.domain import Held
from automix_mixer.statements.terms import CLOCK, ENDED_AT, MINE, MOMENT, PROCESSING, QUEUED, RELEASED, THIS
from automix_mixer.tables import jobs, render_files, renders, turns

BATCH = 100
"""Jobs that one pass of the sweeper takes at most."""


class Taken(NamedTuple):
    """A job that a worker has taken, but for its inputs."""

    id: UUID
    owner_id: UUID
    attempt: int
    settings: dict[str, Any]
    plan: dict[str, Any] | None
    project_name: str | None
    traceparent: str | None


_CLAIM = """
    UPDATE jobs SET status = 'processing', attempt = attempt + 1,
        failures = failures + (status = 'processing')::int, worker_id = %(worker)s,
        lease_expires_at = clock_timestamp() + %(lease)s::interval,
        started_at = coalesce(started_at, greatest(clock_timestamp(), created_at)), progress = 0, stage = ''
    WHERE id = {job} AND NOT cancel_requested
        AND (status = 'queued' OR status = 'processing' AND lease_expires_at < clock_timestamp())
        AND failures + (status = 'processing')::int < %(failures)s
    RETURNING id, owner_id, attempt, settings, plan, project_name, traceparent
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
"""The oldest job of the user whose turn it is. A user is passed over while another claim takes that user's turn. When
there is nobody else, the statement waits for the other claim. A job that just changes is passed over as well, so that
no two transactions wait for each other."""

_TAKEN = (
    jobs.c.id,
    jobs.c.owner_id,
    jobs.c.attempt,
    jobs.c.settings,
    jobs.c.plan,
    jobs.c.project_name,
    jobs.c.traceparent,
)
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
