"""A job knows what its project was called, and its files are named after it."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Changes the schema."""
    op.execute(
        "ALTER TABLE jobs ADD COLUMN project_name text"
        " CONSTRAINT jobs_project_name_check CHECK (char_length(project_name) <= 200)"
    )
    op.execute(
        "COMMENT ON COLUMN jobs.project_name IS"
        " 'What its project was called when it was made: its files are named after it'"
    )
