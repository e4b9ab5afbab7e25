"""Jobs with their frozen inputs, and whose turn it is."""

import sqlalchemy as sa
from automix_common.database.tables import (
    TIME,
)
from sqlalchemy.dialects.postgresql import ENUM, JSONB

from automix_mixer.tables.columns import duration, filename, metadata, sha256, size

job_status = ENUM("queued", "processing", "succeeded", "failed", "cancelled", name="job_status")
input_role = ENUM("vocals", "beat", "reference", name="input_role")

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="UUIDv7"),
    sa.Column(
        "project_id", sa.Uuid, nullable=False, comment="projects.projects.id: checked by RPC when the row is written"
    ),
    sa.Column(
        "owner_id",
        sa.Uuid,
        nullable=False,
        comment="auth.users.id, the owner of the project: every read is scoped to it",
    ),
    sa.Column("requested_by", sa.Uuid, nullable=False, comment="auth.users.id of who asked, by the access token"),
    sa.Column(
        "status",
        job_status,
        nullable=False,
        server_default="queued",
        comment="Where it is in its life; what may follow is the rule of its transition trigger",
    ),
    sa.Column(
        "attempt",
        sa.Integer,
        sa.CheckConstraint("attempt >= 0"),
        nullable=False,
        server_default="0",
        comment="How often a worker took it. A fence: it only grows, and ends count for one attempt",
    ),
    sa.Column(
        "failures",
        sa.Integer,
        sa.CheckConstraint("failures BETWEEN 0 AND 3"),
        nullable=False,
        server_default="0",
        comment="Attempts that crashed, hung or were lost; with the third the job has failed",
    ),
    sa.Column(
        "worker_id",
        sa.Text,
        sa.CheckConstraint(r"worker_id ~ '\S'"),
        comment="The worker that holds it, while it is processing",
    ),
    sa.Column(
        "lease_expires_at",
        TIME,
        sa.CheckConstraint("isfinite(lease_expires_at)"),
        comment="Until when the worker holds it, by the database's clock",
    ),
    sa.Column(
        "cancel_requested",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="Its owner wants it stopped: it can no longer succeed",
    ),
    sa.Column(
        "progress",
        sa.Double,
        sa.CheckConstraint("progress >= 0 AND progress <= 1"),
        nullable=False,
        server_default=sa.text("0"),
        comment="Share of the work done, 0 to 1, as of the last heartbeat",
    ),
    sa.Column(
        "stage",
        sa.Text,
        sa.CheckConstraint("char_length(stage) <= 100"),
        nullable=False,
        server_default="",
        comment="What the worker is doing, in a word or two; empty unless processing",
    ),
    sa.Column(
        "project_name",
        sa.Text,
        sa.CheckConstraint("char_length(project_name) <= 200"),
        comment="What its project was called when it was made: its files are named after it",
    ),
    sa.Column("retry_of", sa.Uuid, comment="The job of the same project that this one repeats"),
    sa.Column(
        "input_count",
        sa.Integer,
        sa.CheckConstraint("input_count >= 1"),
        nullable=False,
        comment="Rows in job_inputs, fixed at creation",
    ),
    sa.Column(
        "settings",
        JSONB,
        sa.CheckConstraint("jsonb_typeof(settings) = 'object'"),
        nullable=False,
        comment="Settings of the engine, fixed at creation; a later one that is absent has its default",
    ),
    sa.Column(
        "plan",
        JSONB,
        sa.CheckConstraint("jsonb_typeof(plan) = 'object'"),
        comment="Mix plan to render; null lets the engine make one",
    ),
    sa.Column(
        "error_reason",
        sa.Text,
        sa.CheckConstraint("error_reason ~ '^[A-Z][A-Z0-9_]*$'"),
        comment="Why it failed, for programs: UPPER_SNAKE",
    ),
    sa.Column(
        "error_message", sa.Text, sa.CheckConstraint(r"error_message ~ '\S'"), comment="Why it failed, for a person"
    ),
    sa.Column(
        "created_at",
        TIME,
        sa.CheckConstraint("isfinite(created_at)"),
        nullable=False,
        server_default=sa.func.now(),
        comment="When it was accepted",
    ),
    sa.Column("started_at", TIME, sa.CheckConstraint("isfinite(started_at)"), comment="When a worker first took it"),
    sa.Column("ended_at", TIME, sa.CheckConstraint("isfinite(ended_at)"), comment="When it ended"),
    sa.Column(
        "last_announced_at",
        TIME,
        sa.CheckConstraint("isfinite(last_announced_at)"),
        nullable=False,
        server_default=sa.func.now(),
        comment="When a job.queued event was last written for it",
    ),
    sa.Column("traceparent", sa.Text, comment="W3C trace context of the call that created it"),
    sa.Column("deleted_render_id", sa.Uuid, comment="The render that it ended in, once its owner has deleted it"),
    sa.UniqueConstraint("id", "project_id", "owner_id", name="jobs_of_project_and_owner"),
    sa.ForeignKeyConstraint(
        ["retry_of", "project_id", "owner_id"],
        ["jobs.id", "jobs.project_id", "jobs.owner_id"],
        name="retry_within_project",
        deferrable=True,
        initially="DEFERRED",
    ),
    sa.CheckConstraint("retry_of <> id", name="retry_of_another"),
    sa.CheckConstraint(
        "(status = 'processing') = (worker_id IS NOT NULL)"
        " AND (status = 'processing') = (lease_expires_at IS NOT NULL)",
        name="lease_while_processing",
    ),
    sa.CheckConstraint(
        "(status IN ('succeeded', 'failed', 'cancelled')) = (ended_at IS NOT NULL)", name="end_when_ended"
    ),
    sa.CheckConstraint("(attempt > 0) = (started_at IS NOT NULL)", name="start_when_attempted"),
    sa.CheckConstraint("status NOT IN ('processing', 'succeeded') OR attempt > 0", name="attempted_when_worked_on"),
    sa.CheckConstraint(
        "(status = 'failed') = (error_reason IS NOT NULL) AND (status = 'failed') = (error_message IS NOT NULL)",
        name="error_when_failed",
    ),
    sa.CheckConstraint(
        "CASE status WHEN 'processing' THEN true WHEN 'cancelled' THEN cancel_requested ELSE NOT cancel_requested END",
        name="cancel_ends_in_cancelled",
    ),
    sa.CheckConstraint("failures <= attempt", name="failures_are_attempts"),
    sa.CheckConstraint("failures < 3 OR status = 'failed'", name="budget_spent_is_failed"),
    sa.CheckConstraint(
        "CASE status WHEN 'queued' THEN progress = 0 WHEN 'succeeded' THEN progress = 1 ELSE true END",
        name="progress_of_status",
    ),
    sa.CheckConstraint("stage = '' OR status = 'processing'", name="stage_while_processing"),
    sa.CheckConstraint("started_at >= created_at", name="started_after_creation"),
    sa.CheckConstraint("ended_at >= coalesce(started_at, created_at)", name="ended_after_start"),
    sa.CheckConstraint("last_announced_at >= created_at", name="announced_after_creation"),
    sa.CheckConstraint("deleted_render_id IS NULL OR status = 'succeeded'", name="deleted_render_of_success"),
    comment="Mixes, from request to render: an accepted job ends in a render, in a reason or by cancel",
)
_QUEUED, _PROCESSING = jobs.c.status == "queued", jobs.c.status == "processing"
sa.Index("jobs_by_project", jobs.c.project_id, jobs.c.id.desc())
sa.Index("jobs_by_owner", jobs.c.owner_id, jobs.c.id.desc())
sa.Index("jobs_by_worker", jobs.c.worker_id, postgresql_where=_PROCESSING)
sa.Index("jobs_waiting", jobs.c.owner_id, jobs.c.id, postgresql_where=_QUEUED)
sa.Index("jobs_expiring", jobs.c.lease_expires_at, postgresql_where=_PROCESSING)
sa.Index("jobs_stale", jobs.c.last_announced_at, postgresql_where=_QUEUED)
sa.Index("jobs_retries", jobs.c.retry_of, postgresql_where=jobs.c.retry_of.is_not(None))
sa.Index(
    "jobs_deleted_render",
    jobs.c.deleted_render_id,
    unique=True,
    postgresql_where=jobs.c.deleted_render_id.is_not(None),
)

turns = sa.Table(
    "turns",
    metadata,
    sa.Column("owner_id", sa.Uuid, primary_key=True, comment="The owner of the jobs"),
    sa.Column(
        "queued",
        sa.Integer,
        sa.CheckConstraint("queued >= 0"),
        nullable=False,
        comment="Their queued jobs; kept by the trigger of jobs alone",
    ),
    sa.Column(
        "processing",
        sa.Integer,
        sa.CheckConstraint("processing >= 0"),
        nullable=False,
        comment="Their jobs that are worked on; kept by the trigger of jobs alone",
    ),
    sa.Column(
        "waits_since",
        TIME,
        nullable=False,
        server_default=sa.func.clock_timestamp(),
        comment="When a job of theirs last began or ended to be worked on, or the first one was queued;"
        " who waits longest is next",
    ),
    sa.CheckConstraint("queued + processing > 0", name="turns_of_somebody"),
    comment="Users with jobs that wait or are worked on: a free worker goes to who has least in work",
)
sa.Index("turns_next", turns.c.processing, turns.c.waits_since, postgresql_where=turns.c.queued > 0)

job_inputs = sa.Table(
    "job_inputs",
    metadata,
    sa.Column("job_id", sa.Uuid, sa.ForeignKey(jobs.c.id, ondelete="CASCADE"), primary_key=True, comment="The job"),
    sa.Column(
        "position",
        sa.Integer,
        sa.CheckConstraint("position >= 0"),
        primary_key=True,
        comment="Its place among the tracks, from 0",
    ),
    sa.Column("asset_id", sa.Uuid, nullable=False, comment="media.assets.id: checked by RPC when the row is written"),
    sa.Column("role", input_role, nullable=False, comment="What it is to this mix"),
    sa.Column(
        "storage_key",
        sa.Text,
        sa.CheckConstraint("storage_key ~ '^assets/.'"),
        nullable=False,
        comment="Where the asset's bytes live",
    ),
    sha256("Of the asset's bytes, in lower-case hex; the worker checks what it fetched"),
    filename("The asset's name"),
    size("Length of the asset in bytes"),
    duration("Length of the asset in seconds"),
    sa.UniqueConstraint("job_id", "asset_id", "role", name="asset_once_in_a_role"),
    comment="The tracks of a job as they were when it was accepted",
)
