"""The tables of webhooks, in the schema `mixer`; the trigger that writes deliveries is in the migrations."""

import sqlalchemy as sa
from automix_common.database.tables import TIME
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

from automix_mixer.tables import metadata

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="UUIDv7"),
    sa.Column(
        "owner_id",
        sa.Uuid,
        nullable=False,
        comment="auth.users.id: checked by the access token when the row is written",
    ),
    sa.Column(
        "url",
        sa.Text,
        sa.CheckConstraint("url ~ '^https?://[^[:space:][:cntrl:]]+$' AND length(url) <= 2048"),
        nullable=False,
        comment="Where it is; who may be called is decided at each call",
    ),
    sa.Column(
        "events",
        ARRAY(sa.Text),
        sa.CheckConstraint(
            "cardinality(events) BETWEEN 1 AND 3 AND events <@ ARRAY['job.succeeded', 'job.failed', 'job.cancelled']"
        ),
        nullable=False,
        comment="What it is told of",
    ),
    sa.Column(
        "secret",
        BYTEA,
        sa.CheckConstraint("length(secret) = 32"),
        nullable=False,
        comment="Signs deliveries (Standard Webhooks, v1)",
    ),
    sa.Column(
        "previous_secret",
        BYTEA,
        sa.CheckConstraint("length(previous_secret) = 32"),
        comment="Signs them as well until previous_until; null when none was replaced",
    ),
    sa.Column("previous_until", TIME, comment="When the secret before stops to sign"),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When it was registered"),
    sa.Column(
        "disabled_at",
        TIME,
        sa.CheckConstraint("disabled_at >= created_at"),
        comment="When it was disabled; null while it is told",
    ),
    sa.Column(
        "disabled_because",
        sa.Text,
        sa.CheckConstraint("disabled_because IN ('owner', 'failing', 'gone')"),
        comment="owner, failing (for days) or gone (it answered 410)",
    ),
    sa.Column(
        "failing_since",
        TIME,
        sa.CheckConstraint("failing_since >= created_at"),
        comment="First failed attempt since the last that succeeded",
    ),
    sa.Column("busy_until", TIME, comment="Lease of who is sending to it: one delivery at a time"),
    sa.UniqueConstraint("id", "owner_id", name="webhooks_of_owner"),
    sa.UniqueConstraint("owner_id", "url", name="webhooks_one_address"),
    sa.CheckConstraint("(previous_secret IS NULL) = (previous_until IS NULL)", name="webhooks_rotated"),
    sa.CheckConstraint("(disabled_at IS NULL) = (disabled_because IS NULL)", name="webhooks_disabled"),
    comment="Addresses of users that are told of jobs that have ended",
)
sa.Index("webhooks_by_owner", webhooks.c.owner_id, webhooks.c.id.desc())

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="UUIDv7, the webhook-id of every attempt"),
    sa.Column("webhook_id", sa.Uuid, nullable=False, comment="Who is told"),
    sa.Column("owner_id", sa.Uuid, nullable=False, comment="The owner of webhook and job: every read is scoped to it"),
    sa.Column(
        "event",
        sa.Text,
        sa.CheckConstraint("event IN ('job.succeeded', 'job.failed', 'job.cancelled')"),
        nullable=False,
        comment="How the job ended",
    ),
    sa.Column("job_id", sa.Uuid, nullable=False, comment="jobs.id; the job may be deleted before it is told"),
    sa.Column(
        "body",
        sa.Text,
        sa.CheckConstraint("length(body) <= 20000"),
        nullable=False,
        comment="The JSON that is sent, the same at every attempt",
    ),
    sa.Column(
        "state",
        sa.Text,
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'failed')"),
        nullable=False,
        server_default="waiting",
        comment="waiting, delivered or failed",
    ),
    sa.Column(
        "attempts",
        sa.Integer,
        sa.CheckConstraint("attempts >= 0"),
        nullable=False,
        server_default="0",
        comment="A fence: an outcome counts for the attempt that it belongs to",
    ),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When the job ended"),
    sa.Column("attempted_at", TIME, sa.CheckConstraint("attempted_at >= created_at"), comment="When it was last sent"),
    sa.Column("due_at", TIME, server_default=sa.func.now(), comment="When it is sent next; null when it has ended"),
    sa.Column(
        "ended_at", TIME, sa.CheckConstraint("ended_at >= created_at"), comment="When it was delivered or given up"
    ),
    sa.Column(
        "last_status",
        sa.Integer,
        sa.CheckConstraint("last_status BETWEEN 100 AND 999"),
        comment="HTTP status of the last answer; null when there was none",
    ),
    sa.Column(
        "last_error",
        sa.Text,
        sa.CheckConstraint("length(last_error) <= 500"),
        nullable=False,
        server_default="",
        comment="Why the last attempt was none, in a sentence",
    ),
    sa.ForeignKeyConstraint(
        ["webhook_id", "owner_id"],
        [webhooks.c.id, webhooks.c.owner_id],
        name="webhook_deliveries_webhook",
        ondelete="CASCADE",
    ),
    sa.UniqueConstraint("webhook_id", "job_id", name="webhook_deliveries_once"),
    sa.CheckConstraint("(state = 'waiting') = (due_at IS NOT NULL)", name="webhook_deliveries_due"),
    sa.CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="webhook_deliveries_ended"),
    sa.CheckConstraint("state <> 'delivered' OR attempts > 0 AND last_error = ''", name="webhook_deliveries_sent"),
    comment="What webhooks are told, from the end of a job until 30 days after it was told",
)
WAITING = webhook_deliveries.c.state == "waiting"
sa.Index("webhook_deliveries_waiting", webhook_deliveries.c.due_at, postgresql_where=WAITING)
sa.Index(
    "webhook_deliveries_next",
    webhook_deliveries.c.webhook_id,
    webhook_deliveries.c.due_at,
    postgresql_where=WAITING,
)
sa.Index("webhook_deliveries_by_webhook", webhook_deliveries.c.webhook_id, webhook_deliveries.c.id.desc())
sa.Index(
    "webhook_deliveries_old",
    webhook_deliveries.c.ended_at,
    postgresql_where=webhook_deliveries.c.ended_at.is_not(None),
)
