"""The schema `projects`: containers of work, and the renders counted for them.

The rules that are triggers are in the migrations.
"""

import sqlalchemy as sa
from automix_common.database.tables import TIME, copied, inbox, outbox, relay_state, request_answers, tombstones

metadata = sa.MetaData()
copied(metadata, outbox, relay_state, inbox, request_answers, tombstones)

projects = sa.Table(
    "projects",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="UUIDv7"),
    sa.Column(
        "owner_id",
        sa.Uuid,
        nullable=False,
        comment="auth.users.id: checked by the access token when the row is written",
    ),
    sa.Column(
        "name",
        sa.Text,
        sa.CheckConstraint(r"name ~ '\S' AND name !~ '[[:cntrl:]]' AND char_length(name) <= 200"),
        nullable=False,
        comment="As its owner named it",
    ),
    sa.Column(
        "no_of_renders",
        sa.Integer,
        sa.CheckConstraint("no_of_renders >= 0"),
        nullable=False,
        server_default="0",
        comment="Rows of counted_renders for this project that are not deleted; kept by their trigger alone",
    ),
    sa.Column(
        "completed",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="The owner's word that it is finished: uploads and jobs are refused",
    ),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When it was created"),
    comment="Containers of a user's work",
)
sa.Index("projects_by_owner", projects.c.owner_id, projects.c.id.desc())

counted_renders = sa.Table(
    "counted_renders",
    metadata,
    sa.Column("render_id", sa.Uuid, primary_key=True, comment="mixer.renders.id, from the event"),
    sa.Column(
        "project_id",
        sa.Uuid,
        sa.ForeignKey(projects.c.id, ondelete="CASCADE"),
        nullable=False,
        comment="The project that it counts for",
    ),
    sa.Column("counted_at", TIME, nullable=False, server_default=sa.func.now(), comment="When it was counted"),
    sa.Column(
        "deleted_at",
        TIME,
        comment="When it was heard that its owner had deleted it, from then on it counts for nothing;"
        " null while it counts",
    ),
    comment="Renders that are in their project's count, so that each counts once",
)
sa.Index("counted_renders_by_project", counted_renders.c.project_id)
