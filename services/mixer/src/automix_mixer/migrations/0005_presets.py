"""Presets: settings of mixes that users keep under names of their own."""

from alembic import op

revision = "0005"
down_revision = "0004"

PRESETS = """
CREATE TABLE presets (
    id         uuid PRIMARY KEY,
    owner_id   uuid NOT NULL,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    settings   jsonb NOT NULL CHECK (jsonb_typeof(settings) = 'object'),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now() CHECK (updated_at >= created_at),
    CONSTRAINT presets_one_name UNIQUE (owner_id, name)
);
COMMENT ON TABLE presets IS 'Settings of mixes that users keep under names of their own';
COMMENT ON COLUMN presets.id IS 'UUIDv7';
COMMENT ON COLUMN presets.owner_id IS 'auth.users.id: checked by the access token when the row is written';
COMMENT ON COLUMN presets.name IS 'What its owner calls it';
COMMENT ON COLUMN presets.settings IS 'Settings of a mix by their names, those alone that were given';
COMMENT ON COLUMN presets.created_at IS 'When it was first saved';
COMMENT ON COLUMN presets.updated_at IS 'When it was last saved';
CREATE INDEX presets_by_owner ON presets (owner_id, id DESC);
CREATE TRIGGER parents BEFORE INSERT ON presets FOR EACH ROW EXECUTE FUNCTION refuse_dead_parents('owner_id');
CREATE TRIGGER fixed BEFORE UPDATE OF id, owner_id, name, created_at ON presets FOR EACH ROW
    EXECUTE FUNCTION refuse_change('id', 'owner_id', 'name', 'created_at');
"""


def upgrade() -> None:
    """Changes the schema."""
    op.execute(PRESETS)
