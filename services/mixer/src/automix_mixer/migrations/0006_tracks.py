"""The tracks of a mix, each as it sounds in it, are files beside its render."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Changes the schema."""
    op.execute("ALTER TYPE render_file_kind ADD VALUE IF NOT EXISTS 'track' AFTER 'stem'")
    op.execute(
        "COMMENT ON COLUMN render_files.kind IS 'A processed stem, a track as it sounds in the mix, the picture of the"
        " report, the plain sum to compare with, another master, a version'"
    )
