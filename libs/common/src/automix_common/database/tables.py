"""The tables that several schemas have alike. Each schema takes its own copy into its metadata by `copied`.

The trigger functions that stand beside them are in the migrations.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, TIMESTAMP

SHARED = sa.MetaData()

TIME = TIMESTAMP(timezone=True)


def copied(metadata: sa.MetaData, *tables: sa.Table) -> None:
    """Gives a schema's metadata the tables that it has alike with others."""
    for table in tables:
        table.to_metadata(metadata)


outbox = sa.Table(
    "outbox",
    SHARED,
    sa.Column("id", sa.Uuid, primary_key=True, comment="Event id, also the JetStream message id"),
    sa.Column(
        "subject",
        sa.Text,
        sa.CheckConstraint(r"subject ~ '^automix(\.[a-z_]+){3}$'"),
        nullable=False,
        comment="automix.<service>.<entity>.<event>",
    ),
    sa.Column("aggregate_id", sa.Uuid, nullable=False, comment="The user, project or job that the event is about"),
    sa.Column("payload", BYTEA, nullable=False, comment="Serialised automix.events.v1.Event"),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When the event became true"),
    sa.Column(
        "published_at",
        TIME,
        sa.CheckConstraint("published_at >= created_at"),
        comment="When the relay last had it acknowledged; null while it waits",
    ),
    comment="Events, written with the change that they tell of and kept for a while once published",
)
sa.Index("outbox_waiting", outbox.c.id, postgresql_where=outbox.c.published_at.is_(None))
sa.Index("outbox_published", outbox.c.published_at, postgresql_where=outbox.c.published_at.is_not(None))

relay_state = sa.Table(
    "relay_state",
    SHARED,
    sa.Column(
        "only_row",
        sa.Boolean,
        sa.CheckConstraint("only_row"),
        primary_key=True,
        server_default=sa.true(),
        comment="There is one row",
    ),
    sa.Column(
        "stream_created",
        TIME,
        nullable=False,
        comment="Creation time of the stream; a new one gets all that is kept",
    ),
    comment="Which incarnation of the stream the outbox was published to",
)

inbox = sa.Table(
    "inbox",
    SHARED,
    sa.Column("consumer", sa.Text, primary_key=True, comment="Durable name of the consumer"),
    sa.Column("event_id", sa.Uuid, primary_key=True, comment="The event"),
    sa.Column(
        "handled_at", TIME, nullable=False, server_default=sa.func.now(), comment="When its effect was committed"
    ),
    comment="Events whose effect is in this schema, so that a second delivery changes nothing",
)
sa.Index("inbox_handled", inbox.c.handled_at)

request_answers = sa.Table(
    "request_answers",
    SHARED,
    sa.Column("user_id", sa.Uuid, primary_key=True, comment="Who called"),
    sa.Column("rpc", sa.Text, primary_key=True, comment="Which method"),
    sa.Column("request_id", sa.Uuid, primary_key=True, comment="Chosen by the caller"),
    sa.Column(
        "request_hash",
        BYTEA,
        sa.CheckConstraint("length(request_hash) = 32"),
        nullable=False,
        comment="SHA-256 of the request: the same id with another body is refused",
    ),
    sa.Column("answer", BYTEA, nullable=False, comment="The serialised response"),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When it was first answered"),
    comment="First answers of creates, returned again to a repeated request_id",
)
sa.Index("request_answers_created", request_answers.c.created_at)

tombstones = sa.Table(
    "tombstones",
    SHARED,
    sa.Column("id", sa.Uuid, primary_key=True, comment="The user or project"),
    sa.Column(
        "kind",
        sa.Text,
        sa.CheckConstraint("kind IN ('user', 'project')"),
        nullable=False,
        comment="user or project",
    ),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When this schema heard of it"),
    comment="Users and projects that are gone: nothing may be born on them any more",
)

object_deletions = sa.Table(
    "object_deletions",
    SHARED,
    sa.Column("storage_key", sa.Text, sa.CheckConstraint("storage_key <> ''"), primary_key=True, comment="The object"),
    sa.Column("requested_at", TIME, nullable=False, server_default=sa.func.now(), comment="When its row went"),
    sa.Column("due_at", TIME, nullable=False, server_default=sa.func.now(), comment="When to try next"),
    sa.Column(
        "attempts",
        sa.Integer,
        sa.CheckConstraint("attempts >= 0"),
        nullable=False,
        server_default="0",
        comment="Tries that failed",
    ),
    comment="Objects to delete, written with the deletion of their rows",
)
sa.Index("object_deletions_due", object_deletions.c.due_at)
