"""Webhooks and their deliveries, written by a trigger in the transaction that ends a job."""

from alembic import op

revision = "0003"
down_revision = "0002"

WEBHOOKS = """
CREATE TABLE webhooks (
    id               uuid PRIMARY KEY,
    owner_id         uuid NOT NULL,
    url              text NOT NULL CHECK (url ~ '^https?://[^[:space:][:cntrl:]]+$' AND length(url) <= 2048),
    events           text[] NOT NULL CHECK (
        cardinality(events) BETWEEN 1 AND 3 AND events <@ ARRAY['job.succeeded', 'job.failed', 'job.cancelled']
    ),
    secret           bytea NOT NULL CHECK (length(secret) = 32),
    previous_secret  bytea CHECK (length(previous_secret) = 32),
    previous_until   timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    disabled_at      timestamptz CHECK (disabled_at >= created_at),
    disabled_because text CHECK (disabled_because IN ('owner', 'failing', 'gone')),
    failing_since    timestamptz CHECK (failing_since >= created_at),
    busy_until       timestamptz,
    CONSTRAINT webhooks_of_owner UNIQUE (id, owner_id),
    CONSTRAINT webhooks_one_address UNIQUE (owner_id, url),
    CONSTRAINT webhooks_rotated CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
    CONSTRAINT webhooks_disabled CHECK ((disabled_at IS NULL) = (disabled_because IS NULL))
);
COMMENT ON TABLE webhooks IS 'Addresses of users that are told of jobs that have ended';
COMMENT ON COLUMN webhooks.id IS 'UUIDv7';
COMMENT ON COLUMN webhooks.owner_id IS 'auth.users.id: checked by the access token when the row is written';
COMMENT ON COLUMN webhooks.url IS 'Where it is; who may be called is decided at each call';
COMMENT ON COLUMN webhooks.events IS 'What it is told of';
COMMENT ON COLUMN webhooks.secret IS 'Signs deliveries (Standard Webhooks, v1)';
COMMENT ON COLUMN webhooks.previous_secret IS 'Signs them as well until previous_until; null when none was replaced';
COMMENT ON COLUMN webhooks.previous_until IS 'When the secret before stops to sign';
COMMENT ON COLUMN webhooks.created_at IS 'When it was registered';
COMMENT ON COLUMN webhooks.disabled_at IS 'When it was disabled; null while it is told';
COMMENT ON COLUMN webhooks.disabled_because IS 'owner, failing (for days) or gone (it answered 410)';
COMMENT ON COLUMN webhooks.failing_since IS 'First failed attempt since the last that succeeded';
COMMENT ON COLUMN webhooks.busy_until IS 'Lease of who is sending to it: one delivery at a time';
CREATE INDEX webhooks_by_owner ON webhooks (owner_id, id DESC);
CREATE TRIGGER parents BEFORE INSERT ON webhooks FOR EACH ROW EXECUTE FUNCTION refuse_dead_parents('owner_id');
CREATE TRIGGER fixed BEFORE UPDATE OF id, owner_id, created_at ON webhooks FOR EACH ROW
    EXECUTE FUNCTION refuse_change('id', 'owner_id', 'created_at');
"""

DELIVERIES = """
CREATE TABLE webhook_deliveries (
    id            uuid PRIMARY KEY,
    webhook_id    uuid NOT NULL,
    owner_id      uuid NOT NULL,
    event         text NOT NULL CHECK (event IN ('job.succeeded', 'job.failed', 'job.cancelled')),
    job_id        uuid NOT NULL,
    body          text NOT NULL CHECK (length(body) <= 20000),
    state         text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts      int NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    created_at    timestamptz NOT NULL DEFAULT now(),
    attempted_at  timestamptz CHECK (attempted_at >= created_at),
    due_at        timestamptz DEFAULT now(),
    ended_at      timestamptz CHECK (ended_at >= created_at),
    last_status   int CHECK (last_status BETWEEN 100 AND 999),
    last_error    text NOT NULL DEFAULT '' CHECK (length(last_error) <= 500),
    CONSTRAINT webhook_deliveries_webhook FOREIGN KEY (webhook_id, owner_id) REFERENCES webhooks (id, owner_id)
        ON DELETE CASCADE,
    CONSTRAINT webhook_deliveries_once UNIQUE (webhook_id, job_id),
    CONSTRAINT webhook_deliveries_due CHECK ((state = 'waiting') = (due_at IS NOT NULL)),
    CONSTRAINT webhook_deliveries_ended CHECK ((state = 'waiting') = (ended_at IS NULL)),
    CONSTRAINT webhook_deliveries_sent CHECK (state <> 'delivered' OR attempts > 0 AND last_error = '')
);
COMMENT ON TABLE webhook_deliveries IS
    'What webhooks are told, from the end of a job until 30 days after it was told';
COMMENT ON COLUMN webhook_deliveries.id IS 'UUIDv7, the webhook-id of every attempt';
COMMENT ON COLUMN webhook_deliveries.webhook_id IS 'Who is told';
COMMENT ON COLUMN webhook_deliveries.owner_id IS 'The owner of webhook and job: every read is scoped to it';
COMMENT ON COLUMN webhook_deliveries.event IS 'How the job ended';
COMMENT ON COLUMN webhook_deliveries.job_id IS 'jobs.id; the job may be deleted before it is told';
COMMENT ON COLUMN webhook_deliveries.body IS 'The JSON that is sent, the same at every attempt';
COMMENT ON COLUMN webhook_deliveries.state IS 'waiting, delivered or failed';
COMMENT ON COLUMN webhook_deliveries.attempts IS 'A fence: an outcome counts for the attempt that it belongs to';
COMMENT ON COLUMN webhook_deliveries.created_at IS 'When the job ended';
COMMENT ON COLUMN webhook_deliveries.attempted_at IS 'When it was last sent';
COMMENT ON COLUMN webhook_deliveries.due_at IS 'When it is sent next; null when it has ended';
COMMENT ON COLUMN webhook_deliveries.ended_at IS 'When it was delivered or given up';
COMMENT ON COLUMN webhook_deliveries.last_status IS 'HTTP status of the last answer; null when there was none';
COMMENT ON COLUMN webhook_deliveries.last_error IS 'Why the last attempt was none, in a sentence';
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (due_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_next ON webhook_deliveries (webhook_id, due_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, id DESC);
CREATE INDEX webhook_deliveries_old ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;
CREATE TRIGGER fixed BEFORE UPDATE OF id, webhook_id, owner_id, event, job_id, body, created_at
    ON webhook_deliveries FOR EACH ROW
    EXECUTE FUNCTION refuse_change('id', 'webhook_id', 'owner_id', 'event', 'job_id', 'body', 'created_at');
"""

# Deferred to the commit: a succeeded job's render is written after its status. Whoever ends a job cannot leave it out.
TELLING = """
CREATE FUNCTION tell_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told  text := 'job.' || NEW.status;
    about jsonb := jsonb_build_object('job_id', NEW.id, 'project_id', NEW.project_id);
BEGIN
    IF NOT EXISTS (
        SELECT FROM webhooks WHERE owner_id = NEW.owner_id AND disabled_at IS NULL AND told = ANY (events)
    ) THEN
        RETURN NULL;
    END IF;
    IF NEW.status = 'succeeded' THEN
        about := about || jsonb_build_object('render_id', (SELECT id FROM renders WHERE job_id = NEW.id));
    ELSIF NEW.status = 'failed' THEN
        about := about || jsonb_build_object('reason', NEW.error_reason, 'message', left(NEW.error_message, 2000));
    END IF;
    INSERT INTO webhook_deliveries (id, webhook_id, owner_id, event, job_id, body)
        SELECT uuidv7(), id, owner_id, told, NEW.id, json_build_object(
            'type', told,
            'timestamp', to_char(NEW.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'data', about
        )
        FROM webhooks WHERE owner_id = NEW.owner_id AND disabled_at IS NULL AND told = ANY (events);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER told AFTER UPDATE ON jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status AND NEW.status IN ('succeeded', 'failed', 'cancelled'))
    EXECUTE FUNCTION tell_webhooks();
"""

SECRETS = """
-- Whoever may read every table for checks must not sign deliveries.
DO $$
DECLARE
    reader text;
BEGIN
    FOR reader IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = current_schema() AND table_name = 'webhooks' AND grantee <> current_user
    LOOP
        EXECUTE format('REVOKE ALL ON webhooks FROM %I', reader);
        EXECUTE format('GRANT SELECT (id, owner_id, created_at, disabled_at, failing_since) ON webhooks TO %I', reader);
    END LOOP;
END $$;
"""


def upgrade() -> None:
    """Changes the schema."""
    for statements in (WEBHOOKS, DELIVERIES, TELLING, SECRETS):
        op.execute(statements)
