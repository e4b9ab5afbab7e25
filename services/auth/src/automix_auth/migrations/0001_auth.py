"""Accounts, refresh tokens, signing keys and failed sign-ins."""

from alembic import op
from automix_common.database import frozen_0001

revision = "0001"
down_revision = None

USERS = """
CREATE TABLE users (
    id                   uuid PRIMARY KEY,
    email                text NOT NULL UNIQUE,
    password_hash        text NOT NULL CHECK (password_hash ~ '^\\$2b\\$[0-9]{2}\\$[./A-Za-z0-9]{53}$'),
    created_at           timestamptz NOT NULL DEFAULT now(),
    password_changed_at  timestamptz NOT NULL DEFAULT now() CHECK (password_changed_at >= created_at),
    CONSTRAINT email_form CHECK (
        email ~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+\\.[^@[:space:][:cntrl:]]+$'
        AND char_length(email) <= 254
    ),
    -- Simple folding maps character by character, the same on every server: the collation is PostgreSQL's own.
    CONSTRAINT email_folded CHECK (
        email IS NFC NORMALIZED
        AND email = lower(casefold(email COLLATE pg_catalog.pg_c_utf8) COLLATE pg_catalog.pg_c_utf8)
    )
);
COMMENT ON TABLE users IS 'Accounts';
COMMENT ON COLUMN users.id IS 'UUIDv7';
COMMENT ON COLUMN users.email IS 'As it is compared: NFC, case folded, in lower case';
COMMENT ON COLUMN users.password_hash IS 'bcrypt of base64(SHA-384(password))';
COMMENT ON COLUMN users.created_at IS 'When the account was created';
COMMENT ON COLUMN users.password_changed_at IS 'When the password was last set';
CREATE TRIGGER fixed BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION refuse_change('id', 'created_at');
"""

REFRESH_TOKENS = """
CREATE TABLE token_families (
    id               uuid PRIMARY KEY,
    user_id          uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at       timestamptz NOT NULL DEFAULT now(),
    revoked_at       timestamptz CHECK (revoked_at >= created_at),
    revoked_because  text CHECK (revoked_because IN ('signed_out', 'reused', 'password_changed')),
    CHECK ((revoked_at IS NULL) = (revoked_because IS NULL))
);
COMMENT ON TABLE token_families IS 'Sign-ins: every refresh token descends from one of them and dies with it';
COMMENT ON COLUMN token_families.id IS 'UUIDv7';
COMMENT ON COLUMN token_families.user_id IS 'Who signed in';
COMMENT ON COLUMN token_families.created_at IS 'When they signed in';
COMMENT ON COLUMN token_families.revoked_at IS 'When its tokens stopped being accepted; null while they are';
COMMENT ON COLUMN token_families.revoked_because IS 'signed_out, reused (a spent token came back) or password_changed';
CREATE INDEX token_families_by_user ON token_families (user_id);
CREATE TRIGGER fixed BEFORE UPDATE ON token_families FOR EACH ROW
    EXECUTE FUNCTION refuse_change('id', 'user_id', 'created_at');
CREATE TRIGGER final BEFORE UPDATE ON token_families FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL)
    EXECUTE FUNCTION refuse_change('revoked_at', 'revoked_because');

CREATE TABLE refresh_tokens (
    token_hash  bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    family_id   uuid NOT NULL REFERENCES token_families ON DELETE CASCADE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL CHECK (expires_at > created_at),
    rotated_at  timestamptz CHECK (rotated_at >= created_at)
);
COMMENT ON TABLE refresh_tokens IS 'Refresh tokens, live and spent, until they expire';
COMMENT ON COLUMN refresh_tokens.token_hash IS 'SHA-256 of the token, which nobody but its client knows';
COMMENT ON COLUMN refresh_tokens.family_id IS 'The sign-in it descends from';
COMMENT ON COLUMN refresh_tokens.created_at IS 'When it was issued';
COMMENT ON COLUMN refresh_tokens.expires_at IS 'When it stops being accepted';
COMMENT ON COLUMN refresh_tokens.rotated_at IS 'When it was first exchanged; null while it is unspent';
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);
CREATE TRIGGER fixed BEFORE UPDATE ON refresh_tokens FOR EACH ROW
    EXECUTE FUNCTION refuse_change('token_hash', 'family_id');
CREATE TRIGGER spent BEFORE UPDATE ON refresh_tokens FOR EACH ROW
    WHEN (OLD.rotated_at IS NOT NULL AND NEW.rotated_at IS NULL) EXECUTE FUNCTION refuse_change('rotated_at');

-- The lock makes an issue and a revocation that meet come one after the other: no token outlives its family.
CREATE FUNCTION refuse_revoked_family() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM token_families WHERE id = NEW.family_id AND revoked_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the family is revoked or does not exist' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.rotated_at IS NOT NULL THEN
        RAISE EXCEPTION 'a token is born unspent' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER family BEFORE INSERT ON refresh_tokens FOR EACH ROW EXECUTE FUNCTION refuse_revoked_family();
"""

SIGNING_KEYS = """
CREATE TABLE signing_keys (
    kid           uuid PRIMARY KEY,
    public_key    bytea NOT NULL UNIQUE CHECK (length(public_key) = 32),
    private_key   bytea CHECK (length(private_key) = 32),
    published_at  timestamptz NOT NULL DEFAULT now(),
    active_from   timestamptz NOT NULL CHECK (active_from >= published_at),
    retired_at    timestamptz CHECK (retired_at > active_from),
    CONSTRAINT private_until_retired CHECK (private_key IS NOT NULL OR retired_at IS NOT NULL),
    CONSTRAINT one_key_signs EXCLUDE USING gist (tstzrange(active_from, retired_at) WITH &&)
);
COMMENT ON TABLE signing_keys IS
    'Ed25519 keys of access tokens: next until active_from, signing until retired_at, accepted for a while longer';
COMMENT ON COLUMN signing_keys.kid IS 'UUIDv7, the kid of a token''s header';
COMMENT ON COLUMN signing_keys.public_key IS 'Raw public key (RFC 8032)';
COMMENT ON COLUMN signing_keys.private_key IS 'Raw private key; destroyed once the key has retired';
COMMENT ON COLUMN signing_keys.published_at IS 'Since when GetJwks returns it';
COMMENT ON COLUMN signing_keys.active_from IS 'When it begins to sign: one cache lifetime after it was published';
COMMENT ON COLUMN signing_keys.retired_at IS 'When its successor begins to sign; null while it has none';
CREATE TRIGGER fixed BEFORE UPDATE ON signing_keys FOR EACH ROW
    EXECUTE FUNCTION refuse_change('kid', 'public_key', 'published_at', 'active_from');
CREATE TRIGGER private BEFORE UPDATE ON signing_keys FOR EACH ROW WHEN (NEW.private_key IS NOT NULL)
    EXECUTE FUNCTION refuse_change('private_key');

CREATE FUNCTION refuse_early_destruction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.private_key IS NULL AND NEW.retired_at > clock_timestamp() THEN
        RAISE EXCEPTION 'a key that still signs keeps its private half' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER needed BEFORE INSERT OR UPDATE ON signing_keys FOR EACH ROW
    EXECUTE FUNCTION refuse_early_destruction();
"""

SIGN_IN_FAILURES = """
CREATE TABLE sign_in_failures (
    account   bytea NOT NULL CHECK (length(account) = 32),
    network   cidr NOT NULL CHECK (masklen(network) = CASE family(network) WHEN 4 THEN 32 ELSE 64 END),
    failures  int NOT NULL CHECK (failures > 0),
    since     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, network)
);
COMMENT ON TABLE sign_in_failures IS 'Wrong passwords by account and address, counted for one window';
COMMENT ON COLUMN sign_in_failures.account IS 'SHA-256 of the email, or of what counts for all of an address';
COMMENT ON COLUMN sign_in_failures.network IS 'IPv4 address or IPv6 /64 that the calls came from';
COMMENT ON COLUMN sign_in_failures.failures IS 'Wrong passwords since the window began';
COMMENT ON COLUMN sign_in_failures.since IS 'When the window began';
CREATE INDEX sign_in_failures_since ON sign_in_failures (since);
"""

SECRETS = """
-- Whoever may read every table for checks must neither sign nor guess passwords.
DO $$
DECLARE
    reader text;
BEGIN
    FOR reader IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = current_schema() AND table_name = 'users' AND grantee <> current_user
    LOOP
        EXECUTE format('REVOKE ALL ON users, refresh_tokens, signing_keys FROM %I', reader);
        EXECUTE format('GRANT SELECT (id, created_at) ON users TO %I', reader);
    END LOOP;
END $$;
"""


def upgrade() -> None:
    """Creates the schema."""
    for statements in (
        frozen_0001.OUTBOX,
        frozen_0001.IMMUTABLE,
        USERS,
        REFRESH_TOKENS,
        SIGNING_KEYS,
        SIGN_IN_FAILURES,
        SECRETS,
    ):
        op.execute(statements)
