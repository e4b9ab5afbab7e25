"""Whose turn it is among those whose jobs wait, renders that their owner deletes, and the trace of a job."""

from alembic import op

revision = "0002"
down_revision = "0001"

TURNS = """
CREATE TABLE turns (
    owner_id     uuid PRIMARY KEY,
    queued       int NOT NULL CHECK (queued >= 0),
    processing   int NOT NULL CHECK (processing >= 0),
    waits_since  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT turns_of_somebody CHECK (queued + processing > 0)
);
COMMENT ON TABLE turns IS 'Users with jobs that wait or are worked on: a free worker goes to who has least in work';
COMMENT ON COLUMN turns.owner_id IS 'The owner of the jobs';
COMMENT ON COLUMN turns.queued IS 'Their queued jobs; kept by the trigger of jobs alone';
COMMENT ON COLUMN turns.processing IS 'Their jobs that are worked on; kept by the trigger of jobs alone';
COMMENT ON COLUMN turns.waits_since IS
    'When a job of theirs last began or ended to be worked on, or the first one was queued; who waits longest is next';
CREATE INDEX turns_next ON turns (processing, waits_since) WHERE queued > 0;

CREATE FUNCTION keep_turns() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner  uuid := coalesce(NEW.owner_id, OLD.owner_id);
    waits  int := coalesce((NEW.status = 'queued')::int, 0) - coalesce((OLD.status = 'queued')::int, 0);
    works  int := coalesce((NEW.status = 'processing')::int, 0) - coalesce((OLD.status = 'processing')::int, 0);
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO turns AS turn (owner_id, queued, processing) VALUES (owner, waits, works)
        ON CONFLICT (owner_id) DO UPDATE SET
            queued = turn.queued + waits,
            processing = turn.processing + works,
            waits_since = CASE turn.queued WHEN 0 THEN clock_timestamp() ELSE turn.waits_since END;
        RETURN NULL;
    END IF;
    -- What another transaction is changing is waited for first: the deletion would read the row as it was before that.
    PERFORM FROM turns WHERE owner_id = owner FOR UPDATE;
    DELETE FROM turns WHERE owner_id = owner AND queued + waits = 0 AND processing + works = 0;
    UPDATE turns SET
        queued = queued + waits,
        processing = processing + works,
        waits_since = CASE works WHEN 0 THEN waits_since ELSE clock_timestamp() END
    WHERE owner_id = owner;
    RETURN NULL;
END $$;
CREATE TRIGGER turns_of_born AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION keep_turns();
CREATE TRIGGER turns_of_moved AFTER UPDATE OF status ON jobs FOR EACH ROW
    WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION keep_turns();
CREATE TRIGGER turns_of_gone AFTER DELETE ON jobs FOR EACH ROW
    WHEN (OLD.status IN ('queued', 'processing')) EXECUTE FUNCTION keep_turns();

-- The triggers above lock jobs against changes until this migration commits.
INSERT INTO turns (owner_id, queued, processing, waits_since)
    SELECT owner_id, count(*) FILTER (WHERE status = 'queued'), count(*) FILTER (WHERE status = 'processing'),
           min(created_at)
    FROM jobs WHERE status IN ('queued', 'processing') GROUP BY owner_id;

CREATE FUNCTION refuse_turn_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'turns are kept by jobs' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER kept BEFORE INSERT OR UPDATE OR DELETE ON turns FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_turn_by_hand();

DROP INDEX jobs_processing;
CREATE INDEX jobs_by_worker ON jobs (worker_id) WHERE status = 'processing';
DROP INDEX jobs_waiting;
CREATE INDEX jobs_waiting ON jobs (owner_id, id) WHERE status = 'queued';
"""

TRACE = """
ALTER TABLE jobs ADD COLUMN traceparent text;
COMMENT ON COLUMN jobs.traceparent IS 'W3C trace context of the call that created it';
CREATE TRIGGER traced BEFORE UPDATE OF traceparent ON jobs FOR EACH ROW EXECUTE FUNCTION refuse_change('traceparent');
"""

DELETED_RENDERS = """
ALTER TABLE jobs ADD COLUMN deleted_render_id uuid,
    ADD CONSTRAINT deleted_render_of_success CHECK (deleted_render_id IS NULL OR status = 'succeeded');
COMMENT ON COLUMN jobs.deleted_render_id IS 'The render that it ended in, once its owner has deleted it';
CREATE UNIQUE INDEX jobs_deleted_render ON jobs (deleted_render_id) WHERE deleted_render_id IS NOT NULL;

-- As in 0001, but for what an ended job may still lose: its render.
CREATE OR REPLACE FUNCTION job_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    move    text := OLD.status || ' -> ' || NEW.status;
    taken   int := NEW.attempt - OLD.attempt;
    failed  int := NEW.failures - OLD.failures;
    lawful  boolean;
BEGIN
    IF OLD.status IN ('succeeded', 'failed', 'cancelled') THEN
        IF OLD.deleted_render_id IS NULL
            AND to_jsonb(NEW) - 'deleted_render_id' = to_jsonb(OLD) - 'deleted_render_id'
            AND EXISTS (SELECT FROM renders WHERE id = NEW.deleted_render_id AND job_id = NEW.id) THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a job that has % never changes', OLD.status USING ERRCODE = 'check_violation';
    END IF;
    lawful := CASE move
        WHEN 'queued -> queued' THEN taken = 0 AND failed = 0
        WHEN 'queued -> processing' THEN taken = 1 AND failed = 0
        WHEN 'queued -> cancelled' THEN taken = 0 AND failed = 0
        WHEN 'queued -> failed' THEN taken = 0 AND failed = 0
        -- the worker that holds it extends its lease, or another takes over what the first one has lost
        WHEN 'processing -> processing' THEN
            (taken = 0 AND failed = 0 AND NEW.worker_id = OLD.worker_id)
            OR (taken = 1 AND failed = 1 AND OLD.lease_expires_at < clock_timestamp())
        WHEN 'processing -> queued' THEN taken = 0 AND failed BETWEEN 0 AND 1
        WHEN 'processing -> succeeded' THEN taken = 0 AND failed = 0 AND NEW.deleted_render_id IS NULL
        WHEN 'processing -> failed' THEN taken = 0 AND failed BETWEEN 0 AND 1
        WHEN 'processing -> cancelled' THEN taken = 0 AND failed = 0
        ELSE false
    END;
    IF NOT lawful THEN
        RAISE EXCEPTION 'a job cannot go % with attempt % -> %, failures % -> %',
            move, OLD.attempt, NEW.attempt, OLD.failures, NEW.failures USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.cancel_requested AND NOT NEW.cancel_requested THEN
        RAISE EXCEPTION 'a cancel is never taken back' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.started_at IS DISTINCT FROM NEW.started_at AND OLD.started_at IS NOT NULL THEN
        RAISE EXCEPTION 'jobs.started_at never changes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION success_is_a_render() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    job      uuid := to_jsonb(NEW) ->> TG_ARGV[0];
    status   job_status := (SELECT jobs.status FROM jobs WHERE id = job);
    deleted  boolean := (SELECT deleted_render_id IS NOT NULL FROM jobs WHERE id = job);
BEGIN
    IF (status = 'succeeded' AND NOT deleted) <> EXISTS (SELECT FROM renders WHERE job_id = job) THEN
        RAISE EXCEPTION 'job % is %: exactly the jobs that succeeded have a render, until it is deleted', job, status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER deleted_render_is_gone AFTER UPDATE OF deleted_render_id ON jobs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION success_is_a_render('id');

CREATE FUNCTION render_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'a render never changes' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM jobs WHERE id = OLD.job_id AND deleted_render_id IS DISTINCT FROM OLD.id) THEN
        RAISE EXCEPTION 'a render goes with its job, or when its job says so' USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END $$;
DROP TRIGGER stays ON renders;
CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON renders FOR EACH ROW EXECUTE FUNCTION render_stays();
"""


def upgrade() -> None:
    """Changes the schema."""
    for statements in (TURNS, TRACE, DELETED_RENDERS):
        op.execute(statements)
