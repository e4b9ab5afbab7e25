"""SQL that the first migration of several schemas runs. Frozen: what changes later is a migration of each schema."""

OUTBOX = """
CREATE TABLE outbox (
    id            uuid PRIMARY KEY,
    subject       text NOT NULL CHECK (subject ~ '^automix(\\.[a-z_]+){3}$'),
    aggregate_id  uuid NOT NULL,
    payload       bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    published_at  timestamptz CHECK (published_at >= created_at)
);
COMMENT ON TABLE outbox IS 'Events, written with the change that they tell of and kept for a while once published';
COMMENT ON COLUMN outbox.id IS 'Event id, also the JetStream message id';
COMMENT ON COLUMN outbox.subject IS 'automix.<service>.<entity>.<event>';
COMMENT ON COLUMN outbox.aggregate_id IS 'The user, project or job that the event is about';
COMMENT ON COLUMN outbox.payload IS 'Serialised automix.events.v1.Event';
COMMENT ON COLUMN outbox.created_at IS 'When the event became true';
COMMENT ON COLUMN outbox.published_at IS 'When the relay last had it acknowledged; null while it waits';
CREATE INDEX outbox_waiting ON outbox (id) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;

CREATE FUNCTION announce_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('outbox_' || current_schema(), '');
    RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION announce_outbox();

CREATE TABLE relay_state (
    only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    stream_created  timestamptz NOT NULL
);
COMMENT ON TABLE relay_state IS 'Which incarnation of the stream the outbox was published to';
COMMENT ON COLUMN relay_state.only_row IS 'There is one row';
COMMENT ON COLUMN relay_state.stream_created IS 'Creation time of the stream; a new one gets all that is kept';
"""

INBOX = """
CREATE TABLE inbox (
    consumer    text NOT NULL,
    event_id    uuid NOT NULL,
    handled_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
COMMENT ON TABLE inbox IS 'Events whose effect is in this schema, so that a second delivery changes nothing';
COMMENT ON COLUMN inbox.consumer IS 'Durable name of the consumer';
COMMENT ON COLUMN inbox.event_id IS 'The event';
COMMENT ON COLUMN inbox.handled_at IS 'When its effect was committed';
CREATE INDEX inbox_handled ON inbox (handled_at);
"""

ANSWERS = """
CREATE TABLE request_answers (
    user_id       uuid NOT NULL,
    rpc           text NOT NULL,
    request_id    uuid NOT NULL,
    request_hash  bytea NOT NULL CHECK (length(request_hash) = 32),
    answer        bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, rpc, request_id)
);
COMMENT ON TABLE request_answers IS 'First answers of creates, returned again to a repeated request_id';
COMMENT ON COLUMN request_answers.user_id IS 'Who called';
COMMENT ON COLUMN request_answers.rpc IS 'Which method';
COMMENT ON COLUMN request_answers.request_id IS 'Chosen by the caller';
COMMENT ON COLUMN request_answers.request_hash IS 'SHA-256 of the request: the same id with another body is refused';
COMMENT ON COLUMN request_answers.answer IS 'The serialised response';
COMMENT ON COLUMN request_answers.created_at IS 'When it was first answered';
CREATE INDEX request_answers_created ON request_answers (created_at);
"""

TOMBSTONES = """
CREATE TABLE tombstones (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('user', 'project')),
    created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tombstones IS 'Users and projects that are gone: nothing may be born on them any more';
COMMENT ON COLUMN tombstones.id IS 'The user or project';
COMMENT ON COLUMN tombstones.kind IS 'user or project';
COMMENT ON COLUMN tombstones.created_at IS 'When this schema heard of it';

-- Every insert holds its parents' ids in shared mode until it commits; whoever buries a parent takes the id exclusively
-- first. A statement in a volatile function sees what was committed before it began, so also a tombstone that the lock
-- was waiting for.
CREATE FUNCTION refuse_dead_parents() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent uuid;
BEGIN
    FOR parent IN SELECT (to_jsonb(NEW) ->> name)::uuid FROM unnest(TG_ARGV) AS name ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock_shared(hashtextextended(current_schema() || parent::text, 0));
        IF EXISTS (SELECT FROM tombstones WHERE id = parent) THEN
            RAISE EXCEPTION 'parent % is gone', parent USING ERRCODE = 'AM001';
        END IF;
    END LOOP;
    RETURN NEW;
END $$;

CREATE FUNCTION bury(buried uuid, buried_kind text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || buried::text, 0));
    INSERT INTO tombstones (id, kind) VALUES (buried, buried_kind) ON CONFLICT DO NOTHING;
END $$;
"""

IMMUTABLE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY TG_ARGV LOOP
        IF to_jsonb(NEW) -> name IS DISTINCT FROM to_jsonb(OLD) -> name THEN
            RAISE EXCEPTION '%.% never changes', TG_TABLE_NAME, name USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
"""

OBJECT_DELETIONS = """
CREATE TABLE object_deletions (
    storage_key   text PRIMARY KEY CHECK (storage_key <> ''),
    requested_at  timestamptz NOT NULL DEFAULT now(),
    due_at        timestamptz NOT NULL DEFAULT now(),
    attempts      int NOT NULL DEFAULT 0 CHECK (attempts >= 0)
);
COMMENT ON TABLE object_deletions IS 'Objects to delete, written with the deletion of their rows';
COMMENT ON COLUMN object_deletions.storage_key IS 'The object';
COMMENT ON COLUMN object_deletions.requested_at IS 'When its row went';
COMMENT ON COLUMN object_deletions.due_at IS 'When to try next';
COMMENT ON COLUMN object_deletions.attempts IS 'Tries that failed';
CREATE INDEX object_deletions_due ON object_deletions (due_at);
"""
