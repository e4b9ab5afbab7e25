"""Where a recording is damaged: packets that do not decode, and the silence that stands for what is missing."""

from alembic import op

revision = "0002"
down_revision = "0001"

DAMAGE = """
ALTER TABLE assets
    ADD COLUMN damaged_packets int NOT NULL DEFAULT 0 CHECK (damaged_packets >= 0),
    ADD COLUMN gaps jsonb NOT NULL DEFAULT '[]',
    ADD CONSTRAINT assets_gaps CHECK (jsonb_typeof(gaps) = 'array' AND jsonb_array_length(gaps) <= 100);
COMMENT ON COLUMN assets.damaged_packets IS 'Packets of the file that do not decode and were left out';
COMMENT ON COLUMN assets.gaps IS
    'Silence that stands for what the file lacks: pairs of start and length in seconds, in order, 100 at most';
CREATE TRIGGER fixed_damage BEFORE UPDATE OF damaged_packets, gaps ON assets FOR EACH ROW
    EXECUTE FUNCTION refuse_change('damaged_packets', 'gaps');
"""


def upgrade() -> None:
    """Changes the schema."""
    op.execute(DAMAGE)
