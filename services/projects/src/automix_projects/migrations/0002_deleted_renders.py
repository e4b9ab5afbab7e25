"""Renders that their owner deletes count no more, in whatever order the two events come."""

from alembic import op

revision = "0002"
down_revision = "0001"

DELETED = """
ALTER TABLE counted_renders ADD COLUMN deleted_at timestamptz;
COMMENT ON COLUMN counted_renders.deleted_at IS
    'When it was heard that its owner had deleted it, from then on it counts for nothing; null while it counts';

CREATE OR REPLACE FUNCTION count_render() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change int := 0;
BEGIN
    IF TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL THEN
        change := change + 1;
    END IF;
    IF TG_OP <> 'INSERT' AND OLD.deleted_at IS NULL THEN
        change := change - 1;
    END IF;
    IF change <> 0 THEN
        UPDATE projects SET no_of_renders = no_of_renders + change
            WHERE id = CASE TG_OP WHEN 'DELETE' THEN OLD.project_id ELSE NEW.project_id END;
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER count ON counted_renders;
CREATE TRIGGER count AFTER INSERT OR UPDATE OF deleted_at OR DELETE ON counted_renders FOR EACH ROW
    EXECUTE FUNCTION count_render();
CREATE TRIGGER final BEFORE UPDATE ON counted_renders FOR EACH ROW WHEN (OLD.deleted_at IS NOT NULL)
    EXECUTE FUNCTION refuse_change('deleted_at');
COMMENT ON COLUMN projects.no_of_renders IS
    'Rows of counted_renders for this project that are not deleted; kept by their trigger alone';
"""


def upgrade() -> None:
    """Changes the schema."""
    op.execute(DELETED)
