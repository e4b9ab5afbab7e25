"""Jobs, their frozen inputs, their renders, and the rules that no row may break."""

from alembic import op
from automix_common.database import frozen_0001

revision = "0001"
down_revision = None

JOBS = """
CREATE TYPE job_status AS ENUM ('queued', 'processing', 'succeeded', 'failed', 'cancelled');

CREATE TABLE jobs (
    id                 uuid PRIMARY KEY,
    project_id         uuid NOT NULL,
    owner_id           uuid NOT NULL,
    requested_by       uuid NOT NULL,
    status             job_status NOT NULL DEFAULT 'queued',
    attempt            int NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    failures           int NOT NULL DEFAULT 0 CHECK (failures BETWEEN 0 AND 3),
    worker_id          text CHECK (worker_id ~ '\\S'),
    lease_expires_at   timestamptz CHECK (isfinite(lease_expires_at)),
    cancel_requested   boolean NOT NULL DEFAULT false,
    progress           double precision NOT NULL DEFAULT 0 CHECK (progress >= 0 AND progress <= 1),
    stage              text NOT NULL DEFAULT '' CHECK (char_length(stage) <= 100),
    retry_of           uuid,
    input_count        int NOT NULL CHECK (input_count >= 1),
    settings           jsonb NOT NULL CHECK (jsonb_typeof(settings) = 'object'),
    plan               jsonb CHECK (jsonb_typeof(plan) = 'object'),
    error_reason       text CHECK (error_reason ~ '^[A-Z][A-Z0-9_]*$'),
    error_message      text CHECK (error_message ~ '\\S'),
    created_at         timestamptz NOT NULL DEFAULT now() CHECK (isfinite(created_at)),
    started_at         timestamptz CHECK (isfinite(started_at)),
    ended_at           timestamptz CHECK (isfinite(ended_at)),
    last_announced_at  timestamptz NOT NULL DEFAULT now() CHECK (isfinite(last_announced_at)),

    CONSTRAINT jobs_of_project_and_owner UNIQUE (id, project_id, owner_id),
    CONSTRAINT retry_within_project FOREIGN KEY (retry_of, project_id, owner_id)
        REFERENCES jobs (id, project_id, owner_id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT retry_of_another CHECK (retry_of <> id),
    CONSTRAINT lease_while_processing CHECK (
        (status = 'processing') = (worker_id IS NOT NULL) AND (status = 'processing') = (lease_expires_at IS NOT NULL)
    ),
    CONSTRAINT end_when_ended CHECK ((status IN ('succeeded', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
    CONSTRAINT start_when_attempted CHECK ((attempt > 0) = (started_at IS NOT NULL)),
    CONSTRAINT attempted_when_worked_on CHECK (status NOT IN ('processing', 'succeeded') OR attempt > 0),
    CONSTRAINT error_when_failed CHECK (
        (status = 'failed') = (error_reason IS NOT NULL) AND (status = 'failed') = (error_message IS NOT NULL)
    ),
    CONSTRAINT cancel_ends_in_cancelled CHECK (
        CASE status WHEN 'processing' THEN true WHEN 'cancelled' THEN cancel_requested ELSE NOT cancel_requested END
    ),
    CONSTRAINT failures_are_attempts CHECK (failures <= attempt),
    CONSTRAINT budget_spent_is_failed CHECK (failures < 3 OR status = 'failed'),
    CONSTRAINT progress_of_status CHECK (
        CASE status WHEN 'queued' THEN progress = 0 WHEN 'succeeded' THEN progress = 1 ELSE true END
    ),
    CONSTRAINT stage_while_processing CHECK (stage = '' OR status = 'processing'),
    CONSTRAINT started_after_creation CHECK (started_at >= created_at),
    CONSTRAINT ended_after_start CHECK (ended_at >= coalesce(started_at, created_at)),
    CONSTRAINT announced_after_creation CHECK (last_announced_at >= created_at)
);
COMMENT ON TABLE jobs IS 'Mixes, from request to render: an accepted job ends in a render, in a reason or by cancel';
COMMENT ON COLUMN jobs.id IS 'UUIDv7';
COMMENT ON COLUMN jobs.project_id IS 'projects.projects.id: checked by RPC when the row is written';
COMMENT ON COLUMN jobs.owner_id IS 'auth.users.id, the owner of the project: every read is scoped to it';
COMMENT ON COLUMN jobs.requested_by IS 'auth.users.id of who asked, by the access token';
COMMENT ON COLUMN jobs.status IS 'Where it is in its life; what may follow is the rule of its transition trigger';
COMMENT ON COLUMN jobs.attempt IS 'How often a worker took it. A fence: it only grows, and ends count for one attempt';
COMMENT ON COLUMN jobs.failures IS 'Attempts that crashed, hung or were lost; with the third the job has failed';
COMMENT ON COLUMN jobs.worker_id IS 'The worker that holds it, while it is processing';
COMMENT ON COLUMN jobs.lease_expires_at IS 'Until when the worker holds it, by the database''s clock';
COMMENT ON COLUMN jobs.cancel_requested IS 'Its owner wants it stopped: it can no longer succeed';
COMMENT ON COLUMN jobs.progress IS 'Share of the work done, 0 to 1, as of the last heartbeat';
COMMENT ON COLUMN jobs.stage IS 'What the worker is doing, in a word or two; empty unless processing';
COMMENT ON COLUMN jobs.retry_of IS 'The job of the same project that this one repeats';
COMMENT ON COLUMN jobs.input_count IS 'Rows in job_inputs, fixed at creation';
COMMENT ON COLUMN jobs.settings IS 'Settings of the engine with every default filled in, fixed at creation';
COMMENT ON COLUMN jobs.plan IS 'Mix plan to render; null lets the engine make one';
COMMENT ON COLUMN jobs.error_reason IS 'Why it failed, for programs: UPPER_SNAKE';
COMMENT ON COLUMN jobs.error_message IS 'Why it failed, for a person';
COMMENT ON COLUMN jobs.created_at IS 'When it was accepted';
COMMENT ON COLUMN jobs.started_at IS 'When a worker first took it';
COMMENT ON COLUMN jobs.ended_at IS 'When it ended';
COMMENT ON COLUMN jobs.last_announced_at IS 'When a job.queued event was last written for it';

CREATE INDEX jobs_by_project ON jobs (project_id, id DESC);
CREATE INDEX jobs_by_owner ON jobs (owner_id, id DESC);
CREATE INDEX jobs_processing ON jobs (owner_id) WHERE status = 'processing';
CREATE INDEX jobs_waiting ON jobs (owner_id, last_announced_at) WHERE status = 'queued';
CREATE INDEX jobs_expiring ON jobs (lease_expires_at) WHERE status = 'processing';
CREATE INDEX jobs_stale ON jobs (last_announced_at) WHERE status = 'queued';
CREATE INDEX jobs_retries ON jobs (retry_of) WHERE retry_of IS NOT NULL;
"""

LIFE = """
CREATE FUNCTION job_is_born() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'queued' OR NEW.attempt <> 0 THEN
        RAISE EXCEPTION 'a job is born queued and untried' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER born BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION job_is_born();
CREATE TRIGGER parents BEFORE INSERT ON jobs FOR EACH ROW
    EXECUTE FUNCTION refuse_dead_parents('owner_id', 'project_id');
CREATE TRIGGER frozen
    BEFORE UPDATE OF id, project_id, owner_id, requested_by, retry_of, input_count, settings, plan, created_at
    ON jobs FOR EACH ROW EXECUTE FUNCTION refuse_change(
        'id', 'project_id', 'owner_id', 'requested_by', 'retry_of', 'input_count', 'settings', 'plan', 'created_at');

-- What may follow what: a new attempt begins only by a claim, a failure is counted only when an attempt ends, and what
-- has ended never changes.
CREATE FUNCTION job_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    move    text := OLD.status || ' -> ' || NEW.status;
    taken   int := NEW.attempt - OLD.attempt;
    failed  int := NEW.failures - OLD.failures;
    lawful  boolean;
BEGIN
    IF OLD.status IN ('succeeded', 'failed', 'cancelled') THEN
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
        WHEN 'processing -> succeeded' THEN taken = 0 AND failed = 0
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
CREATE TRIGGER life BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION job_moves_on();

-- Rows that belong to a job for good go with it and not before.
CREATE FUNCTION job_part_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'a row of % never changes', TG_TABLE_NAME USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM jobs WHERE id = OLD.job_id) THEN
        RAISE EXCEPTION 'a row of % goes with its job alone', TG_TABLE_NAME USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END $$;
"""

INPUTS = """
CREATE TYPE input_role AS ENUM ('vocals', 'beat', 'reference');

CREATE TABLE job_inputs (
    job_id       uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    position     int NOT NULL CHECK (position >= 0),
    asset_id     uuid NOT NULL,
    role         input_role NOT NULL,
    storage_key  text NOT NULL CHECK (storage_key ~ '^assets/.'),
    sha256       text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    filename     text NOT NULL CHECK (filename ~ '\\S' AND char_length(filename) <= 255),
    size         bigint NOT NULL CHECK (size > 0),
    duration     double precision NOT NULL CHECK (duration > 0 AND duration < 'infinity'),
    PRIMARY KEY (job_id, position),
    CONSTRAINT asset_once_in_a_role UNIQUE (job_id, asset_id, role)
);
COMMENT ON TABLE job_inputs IS 'The tracks of a job as they were when it was accepted';
COMMENT ON COLUMN job_inputs.job_id IS 'The job';
COMMENT ON COLUMN job_inputs.position IS 'Its place among the tracks, from 0';
COMMENT ON COLUMN job_inputs.asset_id IS 'media.assets.id: checked by RPC when the row is written';
COMMENT ON COLUMN job_inputs.role IS 'What it is to this mix';
COMMENT ON COLUMN job_inputs.storage_key IS 'Where the asset''s bytes live';
COMMENT ON COLUMN job_inputs.sha256 IS 'Of the asset''s bytes, in lower-case hex; the worker checks what it fetched';
COMMENT ON COLUMN job_inputs.filename IS 'The asset''s name';
COMMENT ON COLUMN job_inputs.size IS 'Length of the asset in bytes';
COMMENT ON COLUMN job_inputs.duration IS 'Length of the asset in seconds';
CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON job_inputs FOR EACH ROW EXECUTE FUNCTION job_part_stays();

CREATE FUNCTION job_has_its_inputs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    job     uuid := to_jsonb(NEW) ->> TG_ARGV[0];
    wanted  int := (SELECT input_count FROM jobs WHERE id = job);
    found   int := (SELECT count(*) FROM job_inputs WHERE job_id = job);
BEGIN
    IF found <> wanted THEN
        RAISE EXCEPTION 'job % has % inputs, not the % of its creation', job, found, wanted
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER inputs_complete AFTER INSERT ON jobs DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION job_has_its_inputs('id');
CREATE CONSTRAINT TRIGGER inputs_complete AFTER INSERT ON job_inputs DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION job_has_its_inputs('job_id');
"""

RENDERS = """
CREATE TYPE render_filetype AS ENUM ('wav', 'mp3', 'flac', 'other');
CREATE TYPE render_file_kind AS ENUM ('stem', 'picture', 'plain_sum');

CREATE TABLE renders (
    id           uuid PRIMARY KEY,
    project_id   uuid NOT NULL,
    owner_id     uuid NOT NULL,
    job_id       uuid NOT NULL UNIQUE,
    storage_key  text NOT NULL UNIQUE,
    filename     text NOT NULL CHECK (filename ~ '\\S' AND char_length(filename) <= 255),
    filetype     render_filetype NOT NULL,
    duration     double precision NOT NULL CHECK (duration > 0 AND duration < 'infinity'),
    size         bigint NOT NULL CHECK (size > 0),
    sha256       text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    loudness     double precision CHECK (loudness > '-infinity' AND loudness < 'infinity'),
    true_peak    double precision CHECK (true_peak > '-infinity' AND true_peak < 'infinity'),
    plan         json NOT NULL CHECK (json_typeof(plan) = 'object'), -- in the order in which a person reads it
    report       json NOT NULL CHECK (json_typeof(report) = 'object'),
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT render_of_its_job FOREIGN KEY (job_id, project_id, owner_id)
        REFERENCES jobs (id, project_id, owner_id) ON DELETE CASCADE,
    CONSTRAINT key_of_its_job CHECK (starts_with(storage_key, 'renders/' || job_id || '/'))
);
COMMENT ON TABLE renders IS 'Finished mixes, one for each job that succeeded';
COMMENT ON COLUMN renders.id IS 'UUIDv7';
COMMENT ON COLUMN renders.project_id IS 'The project of its job';
COMMENT ON COLUMN renders.owner_id IS 'The owner of its job: every read is scoped to it';
COMMENT ON COLUMN renders.job_id IS 'The job that made it';
COMMENT ON COLUMN renders.storage_key IS 'Where its bytes live: renders/<job>/<attempt>/...';
COMMENT ON COLUMN renders.filename IS 'A name for people';
COMMENT ON COLUMN renders.filetype IS 'Type of the file';
COMMENT ON COLUMN renders.duration IS 'Length in seconds';
COMMENT ON COLUMN renders.size IS 'Length in bytes';
COMMENT ON COLUMN renders.sha256 IS 'Of its bytes, in lower-case hex';
COMMENT ON COLUMN renders.loudness IS 'Integrated loudness in LUFS (BS.1770); null when it is silent';
COMMENT ON COLUMN renders.true_peak IS 'Highest true peak in dBTP; null when it is silent';
COMMENT ON COLUMN renders.plan IS 'The mix plan that was rendered, each decision with its reason';
COMMENT ON COLUMN renders.report IS 'What was measured of inputs and mix';
COMMENT ON COLUMN renders.created_at IS 'When it was committed';
CREATE INDEX renders_by_project ON renders (project_id, id DESC);
CREATE INDEX renders_by_owner ON renders (owner_id, id DESC);
CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON renders FOR EACH ROW EXECUTE FUNCTION job_part_stays();

CREATE FUNCTION success_is_a_render() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    job     uuid := to_jsonb(NEW) ->> TG_ARGV[0];
    status  job_status := (SELECT jobs.status FROM jobs WHERE id = job);
BEGIN
    IF (status = 'succeeded') <> EXISTS (SELECT FROM renders WHERE job_id = job) THEN
        RAISE EXCEPTION 'job % is %: exactly the jobs that succeeded have a render', job, status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER render_of_success AFTER UPDATE OF status ON jobs DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'succeeded') EXECUTE FUNCTION success_is_a_render('id');
CREATE CONSTRAINT TRIGGER success_of_render AFTER INSERT ON renders DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION success_is_a_render('job_id');

CREATE TABLE render_files (
    id           uuid PRIMARY KEY,
    render_id    uuid NOT NULL REFERENCES renders ON DELETE CASCADE,
    kind         render_file_kind NOT NULL,
    storage_key  text NOT NULL UNIQUE CHECK (storage_key ~ '^renders/.'),
    filename     text NOT NULL CHECK (filename ~ '\\S' AND char_length(filename) <= 255),
    size         bigint NOT NULL CHECK (size > 0),
    sha256       text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$')
);
COMMENT ON TABLE render_files IS 'What else a job left behind beside its render';
COMMENT ON COLUMN render_files.id IS 'UUIDv7';
COMMENT ON COLUMN render_files.render_id IS 'The render';
COMMENT ON COLUMN render_files.kind IS 'A processed stem, the picture of the report, or the plain sum to compare with';
COMMENT ON COLUMN render_files.storage_key IS 'Where its bytes live: renders/<job>/<attempt>/...';
COMMENT ON COLUMN render_files.filename IS 'A name for people';
COMMENT ON COLUMN render_files.size IS 'Length in bytes';
COMMENT ON COLUMN render_files.sha256 IS 'Of its bytes, in lower-case hex';
CREATE INDEX render_files_by_render ON render_files (render_id);

CREATE FUNCTION render_file_belongs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT starts_with(NEW.storage_key, 'renders/' || (SELECT job_id FROM renders WHERE id = NEW.render_id) || '/') THEN
        RAISE EXCEPTION 'a file of a render lies with it' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER belongs BEFORE INSERT ON render_files FOR EACH ROW EXECUTE FUNCTION render_file_belongs();

CREATE FUNCTION render_file_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' OR EXISTS (SELECT FROM renders WHERE id = OLD.render_id) THEN
        RAISE EXCEPTION 'a file of a render goes with it and never changes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON render_files FOR EACH ROW EXECUTE FUNCTION render_file_stays();
"""


def upgrade() -> None:
    """Creates the schema."""
    for statements in (
        frozen_0001.OUTBOX,
        frozen_0001.INBOX,
        frozen_0001.ANSWERS,
        frozen_0001.TOMBSTONES,
        frozen_0001.IMMUTABLE,
        frozen_0001.OBJECT_DELETIONS,
        JOBS,
        LIFE,
        INPUTS,
        RENDERS,
    ):
        op.execute(statements)
