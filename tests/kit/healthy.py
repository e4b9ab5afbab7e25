"""A little of everything, and all of it in order: rows by raw SQL, objects by the storage's administrator."""

from automix_common.process.ids import new_id

USER, OTHER, PROJECT, UPLOAD, ARRIVING, ASSET = (str(new_id()) for _ in range(6))
SUCCEEDED, FAILED, QUEUED, PROCESSING, RENDER, FILE = (str(new_id()) for _ in range(6))
NOWHERE = str(new_id())

ASSET_KEY = f"assets/{ASSET}"
PART_KEY = f"incoming/{ARRIVING}/0-{'0' * 32}"
RENDER_KEY = f"renders/{SUCCEEDED}/1/mix.wav"
FILE_KEY = f"renders/{SUCCEEDED}/1/plain_sum.wav"

OBJECTS = {ASSET_KEY: b"asset", PART_KEY: b"part", RENDER_KEY: b"render", FILE_KEY: b"file"}

HASH = "0" * 64

ROWS = f"""
SET LOCAL session_replication_role = replica;
INSERT INTO auth.users (id, email, password_hash) VALUES ('{USER}', 'a@b.c', '$2b$04$' || repeat('x', 53));
INSERT INTO projects.projects (id, owner_id, name, no_of_renders) VALUES ('{PROJECT}', '{USER}', 'One', 1);
INSERT INTO projects.counted_renders (render_id, project_id) VALUES ('{RENDER}', '{PROJECT}');
INSERT INTO media.uploads (id, project_id, owner_id, filename, role, method, size, received, state, asset_id,
    expires_at, ended_at) VALUES
    ('{UPLOAD}', '{PROJECT}', '{USER}', 'a.wav', 'beat', 'stream', 5, 5, 'done', '{ASSET}',
     now() + interval '1 day', now());
INSERT INTO media.uploads (id, project_id, owner_id, filename, role, method, size, received, expires_at) VALUES
    ('{ARRIVING}', '{PROJECT}', '{USER}', 'b.wav', 'beat', 'stream', 9, 4, now() + interval '1 day');
INSERT INTO media.upload_parts (upload_id, start, size, storage_key) VALUES ('{ARRIVING}', 0, 4, '{PART_KEY}');
INSERT INTO media.assets (id, project_id, owner_id, upload_id, filename, filetype, role, duration, storage_key, size,
    sha256, sample_rate, channels, waveform, waveform_slice) VALUES
    ('{ASSET}', '{PROJECT}', '{USER}', '{UPLOAD}', 'a.wav', 'wav', 'beat', 1, '{ASSET_KEY}', 5, '{HASH}', 8000, 1,
     '\\x00000000', 8000);
INSERT INTO mixer.jobs (id, project_id, owner_id, requested_by, status, input_count, settings, attempt, started_at,
    worker_id, lease_expires_at, ended_at, progress, error_reason, error_message)
    SELECT id::uuid, '{PROJECT}', '{USER}', '{USER}', status::mixer.job_status, 1, '{{}}', attempt, started, worker,
        lease, ended, progress, reason, reason FROM (VALUES
    ('{SUCCEEDED}', 'succeeded', 1, now(), NULL, NULL, now(), 1, NULL),
    ('{FAILED}', 'failed', 1, now(), NULL, NULL, now(), 0, 'NOT_AUDIO'),
    ('{QUEUED}', 'queued', 0, NULL, NULL, NULL, NULL, 0, NULL),
    ('{PROCESSING}', 'processing', 1, now(), 'worker', now() + interval '1 minute', NULL, 0.5, NULL)
    ) AS rows (id, status, attempt, started, worker, lease, ended, progress, reason);
INSERT INTO mixer.turns (owner_id, queued, processing) VALUES ('{USER}', 1, 1);
INSERT INTO mixer.renders (id, project_id, owner_id, job_id, storage_key, filename, filetype, duration, size, sha256,
    plan, report) VALUES
    ('{RENDER}', '{PROJECT}', '{USER}', '{SUCCEEDED}', '{RENDER_KEY}', 'm.wav', 'wav', 1, 6, '{HASH}', '{{}}', '{{}}');
INSERT INTO mixer.render_files (id, render_id, kind, storage_key, filename, size, sha256) VALUES
    ('{FILE}', '{RENDER}', 'plain_sum', '{FILE_KEY}', 's.wav', 4, '{HASH}');
"""

EMPTY = """
SET LOCAL session_replication_role = replica;
TRUNCATE auth.users, projects.projects, projects.outbox, projects.tombstones, projects.request_answers, media.uploads,
    media.object_deletions, media.tombstones, mixer.jobs, mixer.turns, mixer.outbox, mixer.object_deletions,
    mixer.tombstones CASCADE
"""
