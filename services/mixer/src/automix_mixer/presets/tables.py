"""The table of presets, in the schema `mixer`."""

import sqlalchemy as sa
from automix_common.database.tables import TIME
from sqlalchemy.dialects.postgresql import JSONB

from automix_mixer.tables import metadata

presets = sa.Table(
    "presets",
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
        sa.CheckConstraint("length(name) BETWEEN 1 AND 64"),
        nullable=False,
        comment="What its owner calls it",
    ),
    sa.Column(
        "settings",
        JSONB,
        sa.CheckConstraint("jsonb_typeof(settings) = 'object'"),
        nullable=False,
        comment="Settings of a mix by their names, those alone that were given",
    ),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When it was first saved"),
    sa.Column(
        "updated_at",
        TIME,
        sa.CheckConstraint("updated_at >= created_at"),
        nullable=False,
        server_default=sa.func.now(),
        comment="When it was last saved",
    ),
    sa.UniqueConstraint("owner_id", "name", name="presets_one_name"),
    comment="Settings of mixes that users keep under names of their own",
)
sa.Index("presets_by_owner", presets.c.owner_id, presets.c.id.desc())
