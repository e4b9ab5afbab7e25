"""Further masters and versions of a mix are files beside its render."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Changes the schema."""
    op.execute("ALTER TYPE render_file_kind ADD VALUE IF NOT EXISTS 'master'")
    op.execute("ALTER TYPE render_file_kind ADD VALUE IF NOT EXISTS 'version'")
    op.execute(
        "COMMENT ON COLUMN render_files.kind IS 'A processed stem, the picture of the report, the plain sum to compare"
        " with, another master, a version'"
    )
