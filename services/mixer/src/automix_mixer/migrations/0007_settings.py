"""A job holds a later setting only where it differs from its default."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Changes the schema."""
    op.execute(
        "COMMENT ON COLUMN jobs.settings IS"
        " 'Settings of the engine, fixed at creation; a later one that is absent has its default'"
    )
