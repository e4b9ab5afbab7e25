"""No query that a user or the clock causes reads a whole table: every statement, on large tables."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from automix_local import Servers
from automix_media.statements import assets, leases, upkeep, uploads
from kit.plans import generic_plan, reads_whole, statements_of

LARGE = ("uploads", "forms", "upload_parts", "assets")

FILL = """
CREATE TABLE made AS
    SELECT uuidv7() AS upload, uuidv7() AS asset, md5('o' || n % 50)::uuid AS owner,
           md5('p' || n % 100)::uuid AS project, n FROM generate_series(1, 10000) n;
ALTER TABLE uploads DISABLE TRIGGER USER;
ALTER TABLE assets DISABLE TRIGGER USER;
ALTER TABLE upload_parts DISABLE TRIGGER USER;
INSERT INTO uploads (id, project_id, owner_id, filename, role, method, size, state, asset_id, ended_at, expires_at)
    SELECT upload, project, owner, 'a', 'beat', 'post', 10, 'done', asset, now(), now() + interval '1 day'
    FROM made WHERE n % 100 <> 0;
INSERT INTO uploads (id, project_id, owner_id, filename, role, method, size, received, expires_at)
    SELECT upload, project, owner, 'a', 'beat', 'stream', 60, 50, now() + interval '1 day' FROM made WHERE n % 100 = 0;
INSERT INTO forms (upload_id, owner_id, size, created_at, expires_at)
    SELECT upload, owner, 10, now() - interval '1 day', now() - interval '1 hour' + n * interval '10 s' FROM made;
INSERT INTO upload_parts (upload_id, start, size, storage_key)
    SELECT upload, start, 1, 'incoming/' || upload || '/' || start || '-' || repeat('0', 32)
    FROM made, generate_series(0, 49) start WHERE n % 100 = 0;
INSERT INTO assets (id, project_id, owner_id, upload_id, filename, filetype, role, duration, storage_key, size, sha256,
                    sample_rate, channels, waveform, waveform_slice)
    SELECT asset, project, owner, upload, 'a', 'wav', 'beat', 1, 'assets/' || asset, 10, repeat('0', 64), 8000, 1,
           '\\x00000000', 8000
    FROM made WHERE n % 100 <> 0;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
ALTER TABLE uploads ENABLE TRIGGER USER;
ALTER TABLE assets ENABLE TRIGGER USER;
ALTER TABLE upload_parts ENABLE TRIGGER USER;
ANALYZE uploads, forms, assets, upload_parts;
"""


@pytest.fixture
def connection(migrated: Servers) -> Iterator[psycopg.Connection[Any]]:
    """A transaction over large tables, rolled back."""
    with psycopg.connect(migrated.database_url("media")) as opened:
        opened.execute(FILL)
        yield opened
        opened.rollback()


def test_no_statement_reads_a_whole_table(connection: psycopg.Connection[Any]) -> None:
    plans = {
        name: generic_plan(connection, text) for name, text in statements_of(assets, leases, upkeep, uploads).items()
    }
    assert {name: plan for name, plan in plans.items() if reads_whole(plan, LARGE)} == {}
    assert "assets_by_project" in plans["PAGE_OF_ASSETS"]
    assert "Sort" not in plans["PAGE_OF_ASSETS"]
