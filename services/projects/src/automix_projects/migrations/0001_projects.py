"""Projects and the renders counted for them."""

from alembic import op
from automix_common.database import frozen_0001

revision = "0001"
down_revision = None

PROJECTS = """
CREATE TABLE projects (
    id             uuid PRIMARY KEY,
    owner_id       uuid NOT NULL,
    name           text NOT NULL CHECK (name ~ '\\S' AND name !~ '[[:cntrl:]]' AND char_length(name) <= 200),
    no_of_renders  int NOT NULL DEFAULT 0 CHECK (no_of_renders >= 0),
    completed      boolean NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE projects IS 'Containers of a user''s work';
COMMENT ON COLUMN projects.id IS 'UUIDv7';
COMMENT ON COLUMN projects.owner_id IS 'auth.users.id: checked by the access token when the row is written';
COMMENT ON COLUMN projects.name IS 'As its owner named it';
COMMENT ON COLUMN projects.no_of_renders IS 'Rows of counted_renders for this project; kept by their trigger alone';
COMMENT ON COLUMN projects.completed IS 'The owner''s word that it is finished: uploads and jobs are refused';
COMMENT ON COLUMN projects.created_at IS 'When it was created';
CREATE INDEX projects_by_owner ON projects (owner_id, id DESC);

CREATE TABLE counted_renders (
    render_id   uuid PRIMARY KEY,
    project_id  uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
    counted_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE counted_renders IS 'Renders that are in their project''s count, so that each counts once';
COMMENT ON COLUMN counted_renders.render_id IS 'mixer.renders.id, from the event';
COMMENT ON COLUMN counted_renders.project_id IS 'The project that it counts for';
COMMENT ON COLUMN counted_renders.counted_at IS 'When it was counted';
CREATE INDEX counted_renders_by_project ON counted_renders (project_id);

CREATE FUNCTION count_render() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE projects SET no_of_renders = no_of_renders + 1 WHERE id = NEW.project_id;
    ELSE
        UPDATE projects SET no_of_renders = no_of_renders - 1 WHERE id = OLD.project_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count AFTER INSERT OR DELETE ON counted_renders FOR EACH ROW EXECUTE FUNCTION count_render();
CREATE TRIGGER fixed BEFORE UPDATE ON counted_renders FOR EACH ROW
    EXECUTE FUNCTION refuse_change('render_id', 'project_id');

CREATE FUNCTION refuse_count_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        RAISE EXCEPTION 'no_of_renders is kept by counted_renders' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER counted BEFORE UPDATE ON projects FOR EACH ROW
    WHEN (NEW.no_of_renders <> OLD.no_of_renders) EXECUTE FUNCTION refuse_count_by_hand();
CREATE TRIGGER born_uncounted BEFORE INSERT ON projects FOR EACH ROW
    WHEN (NEW.no_of_renders <> 0) EXECUTE FUNCTION refuse_count_by_hand();
CREATE TRIGGER fixed BEFORE UPDATE ON projects FOR EACH ROW
    EXECUTE FUNCTION refuse_change('id', 'owner_id', 'created_at');
CREATE TRIGGER parents BEFORE INSERT ON projects FOR EACH ROW EXECUTE FUNCTION refuse_dead_parents('owner_id');
"""


def upgrade() -> None:
    """Creates the schema."""
    for statements in (
        frozen_0001.OUTBOX,
        frozen_0001.INBOX,
        frozen_0001.ANSWERS,
        frozen_0001.TOMBSTONES,
        frozen_0001.IMMUTABLE,
        PROJECTS,
    ):
        op.execute(statements)
