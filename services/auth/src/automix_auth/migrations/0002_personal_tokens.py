"""Personal access tokens."""

from alembic import op

revision = "0002"
down_revision = "0001"

PERSONAL_TOKENS = """
CREATE TABLE personal_tokens (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name          text NOT NULL CHECK (name ~ '\\S' AND name !~ '[[:cntrl:]]' AND char_length(name) <= 100),
    token_hash    bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    scope         text NOT NULL CHECK (scope IN ('read', 'write')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL
                  CHECK (expires_at > created_at AND expires_at <= created_at + interval '366 days'),
    last_used_at  timestamptz CHECK (last_used_at >= created_at),
    CONSTRAINT personal_tokens_one_name UNIQUE (user_id, name)
);
COMMENT ON TABLE personal_tokens IS
    'Personal access tokens of programs, until they are revoked, or 30 days after they expire';
COMMENT ON COLUMN personal_tokens.id IS 'UUIDv7';
COMMENT ON COLUMN personal_tokens.user_id IS 'In whose name it calls';
COMMENT ON COLUMN personal_tokens.name IS 'As its owner calls it';
COMMENT ON COLUMN personal_tokens.token_hash IS 'SHA-256 of the token, which nobody but its owner knows';
COMMENT ON COLUMN personal_tokens.scope IS
    'read (calls without side effects) or write (everything but what changes the account)';
COMMENT ON COLUMN personal_tokens.created_at IS 'When it was made';
COMMENT ON COLUMN personal_tokens.expires_at IS 'When it stops being accepted';
COMMENT ON COLUMN personal_tokens.last_used_at IS
    'When it was last exchanged, to the minute; null while it never was';
CREATE INDEX personal_tokens_by_user ON personal_tokens (user_id, id DESC);
CREATE INDEX personal_tokens_expiry ON personal_tokens (expires_at);
CREATE TRIGGER fixed BEFORE UPDATE ON personal_tokens FOR EACH ROW
    EXECUTE FUNCTION refuse_change('id', 'user_id', 'name', 'token_hash', 'scope', 'created_at', 'expires_at');
CREATE TRIGGER used BEFORE UPDATE ON personal_tokens FOR EACH ROW
    WHEN (NEW.last_used_at IS NULL OR NEW.last_used_at < OLD.last_used_at)
    EXECUTE FUNCTION refuse_change('last_used_at');
"""

SECRETS = """
-- Whoever may read every table for checks learns no hash of a token.
DO $$
DECLARE
    reader text;
BEGIN
    FOR reader IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = current_schema() AND table_name = 'personal_tokens' AND grantee <> current_user
    LOOP
        EXECUTE format('REVOKE ALL ON personal_tokens FROM %I', reader);
    END LOOP;
END $$;
"""


def upgrade() -> None:
    """Changes the schema."""
    op.execute(PERSONAL_TOKENS)
    op.execute(SECRETS)
