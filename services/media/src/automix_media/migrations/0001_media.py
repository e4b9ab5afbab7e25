"""Uploads, their parts, and the assets that they become."""

from alembic import op
from automix_common.database import frozen_0001

revision = "0001"
down_revision = None

TYPES = """
CREATE TYPE asset_filetype AS ENUM ('wav', 'mp3', 'flac', 'aac', 'other');
CREATE TYPE asset_role AS ENUM ('vocals', 'beat', 'reference');
CREATE TYPE upload_method AS ENUM ('stream', 'post');
CREATE TYPE upload_state AS ENUM ('open', 'verifying', 'done', 'refused');

-- Written out, because what a locale calls a control character differs between servers.
CREATE DOMAIN display_name AS text
    CHECK (VALUE ~ '[^[:space:]]' AND VALUE !~ '[\\u0001-\\u001f\\u007f-\\u009f]' AND char_length(VALUE) <= 255);
"""

UPLOADS = """
CREATE TABLE uploads (
    id                uuid PRIMARY KEY,
    project_id        uuid NOT NULL,
    owner_id          uuid NOT NULL,
    filename          display_name NOT NULL,
    role              asset_role NOT NULL,
    method            upload_method NOT NULL,
    size              bigint NOT NULL CHECK (size > 0),
    received          bigint NOT NULL DEFAULT 0,
    state             upload_state NOT NULL DEFAULT 'open',
    writer            uuid,
    writer_until      timestamptz,
    verifier          uuid UNIQUE,
    lease_expires_at  timestamptz,
    asset_id          uuid UNIQUE,
    refusal_reason    text CHECK (refusal_reason ~ '^[A-Z][A-Z0-9_]*$'),
    refusal_message   text CHECK (refusal_message ~ '\\S'),
    created_at        timestamptz NOT NULL DEFAULT now(),
    expires_at        timestamptz NOT NULL,
    ended_at          timestamptz,
    CONSTRAINT uploads_expire_later CHECK (expires_at > created_at),
    CONSTRAINT uploads_received CHECK (received BETWEEN 0 AND size AND (method = 'stream' OR received = 0)),
    CONSTRAINT uploads_complete CHECK (state NOT IN ('verifying', 'done') OR method = 'post' OR received = size),
    CONSTRAINT uploads_writer CHECK (
        (writer IS NULL) = (writer_until IS NULL) AND (writer IS NULL OR (state = 'open' AND method = 'stream'))),
    CONSTRAINT uploads_lease CHECK (
        (state = 'verifying') = (verifier IS NOT NULL) AND (verifier IS NULL) = (lease_expires_at IS NULL)),
    CONSTRAINT uploads_done CHECK ((state = 'done') = (asset_id IS NOT NULL)),
    CONSTRAINT uploads_refused CHECK (
        (state = 'refused') = (refusal_reason IS NOT NULL) AND (refusal_reason IS NULL) = (refusal_message IS NULL)),
    CONSTRAINT uploads_ended CHECK (
        (state IN ('done', 'refused')) = (ended_at IS NOT NULL) AND ended_at >= created_at),
    -- What an asset must agree with.
    UNIQUE (id, asset_id, owner_id, project_id, size)
);
COMMENT ON TABLE uploads IS 'Files on their way in: open, verifying under a lease, then done or refused';
COMMENT ON COLUMN uploads.id IS 'UUIDv7';
COMMENT ON COLUMN uploads.project_id IS 'projects.projects.id: checked by RPC when the row is written';
COMMENT ON COLUMN uploads.owner_id IS 'auth.users.id: checked by the access token when the row is written';
COMMENT ON COLUMN uploads.filename IS 'As the uploader named it; data, never a path';
COMMENT ON COLUMN uploads.role IS 'What the asset is to be for';
COMMENT ON COLUMN uploads.method IS 'How bytes arrive: a gRPC stream into parts, or one HTTP form POST to storage';
COMMENT ON COLUMN uploads.size IS 'Declared length in bytes; the asset has exactly as many';
COMMENT ON COLUMN uploads.received IS 'Bytes in upload_parts; kept by their trigger alone';
COMMENT ON COLUMN uploads.state IS 'How far it is';
COMMENT ON COLUMN uploads.writer IS 'The stream that may append parts; null while none does';
COMMENT ON COLUMN uploads.writer_until IS 'When that stream is given up unless it says that it lives';
COMMENT ON COLUMN uploads.verifier IS 'The verification under way, and the id of the asset that it would make';
COMMENT ON COLUMN uploads.lease_expires_at IS 'When that verification is given up unless it says that it lives';
COMMENT ON COLUMN uploads.asset_id IS 'The asset that it became';
COMMENT ON COLUMN uploads.refusal_reason IS 'Why it was refused, for programs';
COMMENT ON COLUMN uploads.refusal_message IS 'Why it was refused and what to do, for a person';
COMMENT ON COLUMN uploads.created_at IS 'When it was opened';
COMMENT ON COLUMN uploads.expires_at IS 'When it is refused unless it is done by then';
COMMENT ON COLUMN uploads.ended_at IS 'When it was done or refused';
CREATE INDEX uploads_by_owner ON uploads (owner_id, state) INCLUDE (size);
CREATE INDEX uploads_by_project ON uploads (project_id);
CREATE INDEX uploads_expiring ON uploads (expires_at) WHERE state IN ('open', 'verifying');
CREATE INDEX uploads_refused_at ON uploads (ended_at) WHERE state = 'refused';
"""

FORMS = """
CREATE TABLE forms (
    upload_id   uuid PRIMARY KEY,
    owner_id    uuid NOT NULL,
    size        bigint NOT NULL CHECK (size > 0),
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL CHECK (expires_at > created_at)
);
COMMENT ON TABLE forms IS
    'Forms that storage may still accept. Each outlives its upload, and its bytes count as long as it is here';
COMMENT ON COLUMN forms.upload_id IS 'uploads.id, which may be over or gone: the form writes to incoming/<upload>/post';
COMMENT ON COLUMN forms.owner_id IS 'auth.users.id, as its upload';
COMMENT ON COLUMN forms.size IS 'Exact length in bytes of what it accepts';
COMMENT ON COLUMN forms.created_at IS 'When it was signed';
COMMENT ON COLUMN forms.expires_at IS 'When storage stops accepting it';
CREATE INDEX forms_by_owner ON forms (owner_id) INCLUDE (size);
CREATE INDEX forms_expiring ON forms (expires_at);
"""

PARTS = """
CREATE TABLE upload_parts (
    upload_id    uuid NOT NULL REFERENCES uploads ON DELETE CASCADE,
    start        bigint NOT NULL CHECK (start >= 0),
    size         bigint NOT NULL CHECK (size > 0),
    stop         bigint NOT NULL GENERATED ALWAYS AS (start + size) STORED,
    previous     bigint GENERATED ALWAYS AS (nullif(start, 0)) STORED,
    storage_key  text NOT NULL UNIQUE,
    PRIMARY KEY (upload_id, start),
    UNIQUE (upload_id, stop),
    -- Each part but the first begins where another ends, and no two begin or end alike: one chain from byte 0 on.
    FOREIGN KEY (upload_id, previous) REFERENCES upload_parts (upload_id, stop),
    CONSTRAINT upload_parts_key CHECK (storage_key ~ ('^incoming/' || upload_id || '/' || start || '-[0-9a-f]{32}$'))
);
COMMENT ON TABLE upload_parts IS 'Stored bytes of a streamed upload, one object each, without gap or overlap';
COMMENT ON COLUMN upload_parts.upload_id IS 'The upload';
COMMENT ON COLUMN upload_parts.start IS 'Offset of its first byte in the file';
COMMENT ON COLUMN upload_parts.size IS 'Length in bytes';
COMMENT ON COLUMN upload_parts.stop IS 'Offset behind its last byte';
COMMENT ON COLUMN upload_parts.previous IS 'Where the part before it ends; null for the first';
COMMENT ON COLUMN upload_parts.storage_key IS 'Its object: incoming/<upload>/<start>-<writer>';
"""

ASSETS = """
CREATE TABLE assets (
    id              uuid PRIMARY KEY,
    project_id      uuid NOT NULL,
    owner_id        uuid NOT NULL,
    upload_id       uuid NOT NULL UNIQUE,
    filename        display_name NOT NULL,
    filetype        asset_filetype NOT NULL,
    role            asset_role NOT NULL,
    duration        float8 NOT NULL CHECK (duration > 0 AND duration < 'Infinity'),
    storage_key     text NOT NULL UNIQUE,
    size            bigint NOT NULL CHECK (size > 0),
    sha256          text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    sample_rate     int NOT NULL CHECK (sample_rate > 0),
    channels        int NOT NULL CHECK (channels BETWEEN 1 AND 255),
    loudness        float8 CHECK (loudness > '-Infinity' AND loudness < 'Infinity'),
    waveform        bytea NOT NULL CHECK (length(waveform) > 0 AND length(waveform) % 4 = 0),
    waveform_slice  int NOT NULL CHECK (waveform_slice > 0),
    uploaded_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, upload_id),
    CONSTRAINT assets_key CHECK (storage_key = 'assets/' || id),
    -- Rounded: a duration in seconds is a count of samples only to within its own precision.
    CONSTRAINT assets_waveform_covers CHECK (
        length(waveform) / 4 = ceil(round(duration * sample_rate) / waveform_slice)),
    -- Its upload is done, as this very asset, with the same owner, project and length.
    CONSTRAINT assets_upload FOREIGN KEY (upload_id, id, owner_id, project_id, size)
        REFERENCES uploads (id, asset_id, owner_id, project_id, size)
        ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
ALTER TABLE uploads ADD CONSTRAINT uploads_asset FOREIGN KEY (asset_id, id) REFERENCES assets (id, upload_id)
    DEFERRABLE INITIALLY DEFERRED;
COMMENT ON TABLE assets IS 'Verified audio. Its bytes never change; it goes with its upload';
COMMENT ON COLUMN assets.id IS 'UUIDv7, given to the verification that made it';
COMMENT ON COLUMN assets.project_id IS 'projects.projects.id, as its upload';
COMMENT ON COLUMN assets.owner_id IS 'auth.users.id, as its upload';
COMMENT ON COLUMN assets.upload_id IS 'The upload that it was';
COMMENT ON COLUMN assets.filename IS 'As its owner names it; data, never a path';
COMMENT ON COLUMN assets.filetype IS 'By content';
COMMENT ON COLUMN assets.role IS 'What it is for';
COMMENT ON COLUMN assets.duration IS 'In seconds, by decoding';
COMMENT ON COLUMN assets.storage_key IS 'Its object: assets/<id>, never presigned for writing';
COMMENT ON COLUMN assets.size IS 'In bytes';
COMMENT ON COLUMN assets.sha256 IS 'Of the bytes, lower-case hex';
COMMENT ON COLUMN assets.sample_rate IS 'In Hz';
COMMENT ON COLUMN assets.channels IS '1 for mono, 2 for stereo, ...';
COMMENT ON COLUMN assets.loudness IS 'Integrated loudness in LUFS (BS.1770); null when nothing passes the gate';
COMMENT ON COLUMN assets.waveform IS
    'Lowest and highest sample of each slice, full scale 1.0: little-endian float16 pairs';
COMMENT ON COLUMN assets.waveform_slice IS 'Frames in a slice of the waveform';
COMMENT ON COLUMN assets.uploaded_at IS 'When it was verified';
CREATE INDEX assets_by_project ON assets (owner_id, project_id, id DESC);
CREATE INDEX assets_by_owner ON assets (owner_id) INCLUDE (size);
"""

RULES = """
CREATE FUNCTION refuse_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'open' OR NEW.received <> 0 OR NEW.writer IS NOT NULL THEN
            RAISE EXCEPTION 'an upload begins open and empty' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state IN ('done', 'refused') AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'upload % is over', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN
        (('open', 'verifying'), ('open', 'refused'), ('verifying', 'done'), ('verifying', 'refused')) THEN
        RAISE EXCEPTION 'upload % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'done' AND OLD.state = 'verifying' AND NEW.asset_id <> OLD.verifier THEN
        RAISE EXCEPTION 'upload % is verified by another', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.verifier <> OLD.verifier AND OLD.lease_expires_at > clock_timestamp() THEN
        RAISE EXCEPTION 'upload % is being verified', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.writer <> OLD.writer AND OLD.writer_until > clock_timestamp() THEN
        RAISE EXCEPTION 'upload % is being written', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.received <> OLD.received AND pg_trigger_depth() = 1 THEN
        RAISE EXCEPTION 'received is kept by upload_parts' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER transition BEFORE INSERT OR UPDATE ON uploads FOR EACH ROW EXECUTE FUNCTION refuse_transition();
CREATE TRIGGER fixed BEFORE UPDATE ON uploads FOR EACH ROW EXECUTE FUNCTION
    refuse_change('id', 'project_id', 'owner_id', 'filename', 'role', 'method', 'size', 'created_at', 'expires_at');
CREATE TRIGGER parents BEFORE INSERT ON uploads FOR EACH ROW
    EXECUTE FUNCTION refuse_dead_parents('owner_id', 'project_id');

CREATE FUNCTION append_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE uploads SET received = received + NEW.size
        WHERE id = NEW.upload_id AND state = 'open' AND method = 'stream' AND received = NEW.start;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a part continues an open upload' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER append BEFORE INSERT ON upload_parts FOR EACH ROW EXECUTE FUNCTION append_part();
CREATE TRIGGER fixed BEFORE UPDATE ON upload_parts FOR EACH ROW
    EXECUTE FUNCTION refuse_change('upload_id', 'start', 'size', 'storage_key');

CREATE FUNCTION refuse_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM uploads WHERE id = OLD.upload_id AND state IN ('open', 'verifying')) THEN
        RAISE EXCEPTION 'upload % still needs its parts', OLD.upload_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER needed BEFORE DELETE ON upload_parts FOR EACH ROW EXECUTE FUNCTION refuse_loss();

CREATE TRIGGER fixed BEFORE UPDATE ON assets FOR EACH ROW EXECUTE FUNCTION
    refuse_change('id', 'project_id', 'owner_id', 'upload_id', 'filetype', 'duration', 'storage_key', 'size', 'sha256',
                  'sample_rate', 'channels', 'loudness', 'waveform', 'waveform_slice', 'uploaded_at');
CREATE TRIGGER parents BEFORE INSERT ON assets FOR EACH ROW
    EXECUTE FUNCTION refuse_dead_parents('owner_id', 'project_id');

-- Whatever deletes a row, its object is noted for deletion with it.
CREATE FUNCTION note_object() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO object_deletions (storage_key) VALUES (OLD.storage_key) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER DELETE ON assets FOR EACH ROW EXECUTE FUNCTION note_object();
CREATE TRIGGER note AFTER DELETE ON upload_parts FOR EACH ROW EXECUTE FUNCTION note_object();

-- What came in is needed until the upload is over.
CREATE FUNCTION note_incoming() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM upload_parts WHERE upload_id = OLD.id;
    IF OLD.method = 'post' THEN
        INSERT INTO object_deletions (storage_key) VALUES ('incoming/' || OLD.id || '/post') ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER note_when_over AFTER UPDATE ON uploads FOR EACH ROW
    WHEN (NEW.state IN ('done', 'refused') AND OLD.state IN ('open', 'verifying')) EXECUTE FUNCTION note_incoming();
CREATE TRIGGER note_when_gone AFTER DELETE ON uploads FOR EACH ROW
    WHEN (OLD.state IN ('open', 'verifying')) EXECUTE FUNCTION note_incoming();

CREATE TRIGGER fixed BEFORE UPDATE ON forms FOR EACH ROW EXECUTE FUNCTION
    refuse_change('upload_id', 'owner_id', 'size', 'created_at', 'expires_at');

CREATE FUNCTION close_form() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.expires_at > clock_timestamp()
        OR EXISTS (SELECT FROM uploads WHERE id = OLD.upload_id AND state IN ('open', 'verifying')) THEN
        RAISE EXCEPTION 'form % still brings bytes', OLD.upload_id USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO object_deletions (storage_key) VALUES ('incoming/' || OLD.upload_id || '/post') ON CONFLICT DO NOTHING;
    RETURN OLD;
END $$;
CREATE TRIGGER close BEFORE DELETE ON forms FOR EACH ROW EXECUTE FUNCTION close_form();
"""


def upgrade() -> None:
    """Creates the schema."""
    shared = (
        frozen_0001.INBOX,
        frozen_0001.ANSWERS,
        frozen_0001.TOMBSTONES,
        frozen_0001.IMMUTABLE,
        frozen_0001.OBJECT_DELETIONS,
    )
    for statements in (*shared, TYPES, UPLOADS, FORMS, PARTS, ASSETS, RULES):
        op.execute(statements)
