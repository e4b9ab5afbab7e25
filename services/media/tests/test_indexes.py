"""No query that a user or the clock causes reads a whole table: the repository's own queries, on large tables."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from automix_common.process.ids import new_id
from automix_common.rpc.paging import LAST
from automix_local import Servers
from automix_media.domain import Facts, LeaseLost, asset_key
from automix_media.repository.assets import Assets
from automix_media.repository.burial import bury_owner, bury_project
from automix_media.repository.keys import kept_keys
from automix_media.repository.overdue import close_forms, expire, forget_refused
from automix_media.repository.uploads import Uploads
from psycopg.rows import tuple_row

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

FACTS = Facts("wav", 1.0, "0" * 64, 8000, 1, None, b"\0\0\0\0", 8000)


class Explaining(psycopg.AsyncCursor[Any]):
    """Asks how each statement would be done before it is done."""

    plans: dict[str, str]

    async def execute(self, query: Any, params: Any = None, **options: Any) -> "Explaining":
        if str(query).startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            wanted, self.row_factory = self.row_factory, tuple_row
            await super().execute(f"EXPLAIN {query}", params)
            self.plans[str(query)] = "\n".join(row[0] for row in await self.fetchall())
            self.row_factory = wanted
        await super().execute(query, params, **options)
        return self


@pytest.fixture
async def connection(migrated: Servers) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A transaction over large tables, rolled back."""
    async with await psycopg.AsyncConnection.connect(migrated.database_url("media")) as opened:
        await opened.execute(FILL)
        yield opened
        await opened.rollback()


async def test_every_query_is_served_by_an_index(
    connection: psycopg.AsyncConnection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = await connection.execute(
        "SELECT owner, project, upload, asset FROM made WHERE n IN (5001, 5100) ORDER BY n"
    )
    (owner, project, done, asset), (other, _, open_upload, _) = await cursor.fetchall()
    plans: dict[str, str] = {}
    monkeypatch.setattr(Explaining, "plans", plans, raising=False)
    connection.cursor_factory = Explaining

    assert await Uploads(connection, owner).get(done)
    await assets_are_asked_about(Assets(connection, owner), project, asset)
    await uploads_are_asked_about(Uploads(connection, other), open_upload)
    await kept_keys(connection, [asset_key(asset), f"incoming/{open_upload}/post"])
    await expire(connection)
    await close_forms(connection)
    await forget_refused(connection, timedelta(days=1))
    await bury_project(connection, project)
    await bury_owner(connection, owner)

    assert len(plans) > 20
    page = next(plan for query, plan in plans.items() if "ORDER BY id DESC" in query)
    assert "assets_by_project" in page
    read_whole = {query: plan for query, plan in plans.items() if "Seq Scan" in plan}
    assert not read_whole, read_whole


async def assets_are_asked_about(assets: Assets, project: UUID, asset: UUID) -> None:
    assert len(await assets.page(project, LAST, 51)) == 51
    assert await assets.get(asset)
    assert await assets.waveform(asset)
    assert await assets.update(asset, role="vocals", filename=None)
    assert await assets.delete(asset)


async def uploads_are_asked_about(uploads: Uploads, upload: UUID) -> None:
    assert (await uploads.usage_exclusively()).open_uploads > 0
    writer, verifier, later = new_id(), new_id(), new_id()
    assert len(await uploads.parts(upload)) == 50
    assert await uploads.claim_writing(upload, writer, 50, 10)
    assert await uploads.keep_writing(upload, writer, 10)
    assert await uploads.append(upload, writer, 50, 10)
    await uploads.end_writing(upload, writer)
    assert await uploads.claim_verifying(upload, verifier, 10)
    assert await uploads.keep_verifying(upload, verifier, 0)
    assert await uploads.claim_verifying(upload, later, 10)
    with pytest.raises(LeaseLost):
        await uploads.finish(upload, verifier, FACTS)
    assert await uploads.finish(upload, later, FACTS)
    assert not await uploads.refuse(upload, later, "NO", "No.")
    assert not await uploads.abort(upload)
