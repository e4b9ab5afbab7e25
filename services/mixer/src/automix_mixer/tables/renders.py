"""Renders with their files."""

import sqlalchemy as sa
from automix_common.database.tables import (
    TIME,
)
from sqlalchemy.dialects.postgresql import ENUM, JSON

from automix_mixer.tables.columns import duration, filename, level, metadata, sha256, size

render_filetype = ENUM("wav", "mp3", "flac", "other", name="render_filetype")
render_file_kind = ENUM("stem", "track", "picture", "plain_sum", "master", "version", name="render_file_kind")

renders = sa.Table(
    "renders",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="UUIDv7"),
    sa.Column("project_id", sa.Uuid, nullable=False, comment="The project of its job"),
    sa.Column("owner_id", sa.Uuid, nullable=False, comment="The owner of its job: every read is scoped to it"),
    sa.Column("job_id", sa.Uuid, nullable=False, unique=True, comment="The job that made it"),
    sa.Column(
        "storage_key",
        sa.Text,
        nullable=False,
        unique=True,
        comment="Where its bytes live: renders/<job>/<attempt>/...",
    ),
    filename("A name for people"),
    sa.Column("filetype", render_filetype, nullable=False, comment="Type of the file"),
    duration("Length in seconds"),
    size("Length in bytes"),
    sha256("Of its bytes, in lower-case hex"),
    level("loudness", "Integrated loudness in LUFS (BS.1770); null when it is silent"),
    level("true_peak", "Highest true peak in dBTP; null when it is silent"),
    # json and not jsonb: in the order in which a person reads it.
    sa.Column(
        "plan",
        JSON,
        sa.CheckConstraint("json_typeof(plan) = 'object'"),
        nullable=False,
        comment="The mix plan that was rendered, each decision with its reason",
    ),
    sa.Column(
        "report",
        JSON,
        sa.CheckConstraint("json_typeof(report) = 'object'"),
        nullable=False,
        comment="What was measured of inputs and mix",
    ),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When it was committed"),
    sa.ForeignKeyConstraint(
        ["job_id", "project_id", "owner_id"],
        ["jobs.id", "jobs.project_id", "jobs.owner_id"],
        name="render_of_its_job",
        ondelete="CASCADE",
    ),
    sa.CheckConstraint("starts_with(storage_key, 'renders/' || job_id || '/')", name="key_of_its_job"),
    comment="Finished mixes, one for each job that succeeded",
)
sa.Index("renders_by_project", renders.c.project_id, renders.c.id.desc())
sa.Index("renders_by_owner", renders.c.owner_id, renders.c.id.desc())

render_files = sa.Table(
    "render_files",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="UUIDv7"),
    sa.Column(
        "render_id", sa.Uuid, sa.ForeignKey(renders.c.id, ondelete="CASCADE"), nullable=False, comment="The render"
    ),
    sa.Column(
        "kind",
        render_file_kind,
        nullable=False,
        comment=(
            "A processed stem, a track as it sounds in the mix, the picture of the report, the plain sum to compare"
            " with, another master, a version"
        ),
    ),
    sa.Column(
        "storage_key",
        sa.Text,
        sa.CheckConstraint("storage_key ~ '^renders/.'"),
        nullable=False,
        unique=True,
        comment="Where its bytes live: renders/<job>/<attempt>/...",
    ),
    filename("A name for people"),
    size("Length in bytes"),
    sha256("Of its bytes, in lower-case hex"),
    comment="What else a job left behind beside its render",
)
sa.Index("render_files_by_render", render_files.c.render_id)
