"""What is given up, deleted elsewhere or left behind goes, with its objects; what may still be needed stays."""

import asyncio
from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from automix.events.v1 import events_pb2
from automix.media.v1 import media_pb2 as pb
from automix_common.objects.cleanup import Collector, Deleter
from automix_common.process.ids import new_id
from automix_media.domain import asset_key, part_key, post_key
from automix_media.reactions import on_project_deleted, on_user_deleted
from automix_media.repository.keys import kept_keys
from automix_media.sweeper import Sweeper
from kit.refusals import refused

from .conftest import MakeReplica
from .harness import Caller, Replica, expire_forms, post, wav

DENIED = grpc.StatusCode.PERMISSION_DENIED


async def objects(replica: Replica, *prefixes: str) -> set[str]:
    return {entry.key for prefix in prefixes async for entry in replica.store.list(prefix)}


async def delete_objects(replica: Replica) -> None:
    deleter = Deleter(replica.runtime.database, replica.store, sweep_seconds=1)
    while await deleter.delete_batch():
        pass


async def react(replica: Replica, event: events_pb2.Event) -> None:
    async with replica.runtime.database.transaction() as connection:
        if event.HasField("user_deleted"):
            await on_user_deleted(connection, event)
        else:
            await on_project_deleted(connection, event)


def deletion(caller: Caller, kind: str) -> events_pb2.Event:
    if kind == "user":
        return events_pb2.Event(user_deleted=events_pb2.UserDeleted(user_id=str(caller.user_id)))
    owner = str(caller.user_id)
    return events_pb2.Event(project_deleted=events_pb2.ProjectDeleted(project_id=caller.project_id, owner_id=owner))


async def expired_upload(replica: Replica, caller: Caller) -> UUID:
    """An upload of yesterday with half of its bytes."""
    upload_id, writer = new_id(), new_id()
    key = part_key(upload_id, 0, writer)
    await replica.store.put_bytes(key, b"x" * 50)
    async with replica.runtime.database.transaction() as connection:
        await connection.execute(
            "INSERT INTO uploads (id, project_id, owner_id, filename, role, method, size, created_at, expires_at)"
            " VALUES (%s, %s, %s, 'a', 'beat', 'stream', 100, now() - interval '1 day', now() - interval '1 minute')",
            (upload_id, caller.project_id, caller.user_id),
        )
        await connection.execute(
            "INSERT INTO upload_parts (upload_id, start, size, storage_key) VALUES (%s, 0, 50, %s)", (upload_id, key)
        )
    return upload_id


async def test_an_expired_upload_is_refused_and_its_objects_go(caller: Caller, replica: Replica) -> None:
    upload_id = await expired_upload(replica, caller)
    kept = await caller.open(100)
    await caller.send(kept.id, b"x" * 50)
    await Sweeper(replica.runtime.database, sweep_seconds=60, keep_refused=timedelta(days=1)).sweep()
    assert (await caller.get_upload(str(upload_id))).state == pb.UPLOAD_STATE_REFUSED
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "EXPIRED"):
        await caller.complete(str(upload_id))
    await delete_objects(replica)
    assert not await objects(replica, f"incoming/{upload_id}/")
    assert (await caller.get_upload(kept.id)).state == pb.UPLOAD_STATE_OPEN
    assert len(await objects(replica, f"incoming/{kept.id}/")) == 1


async def test_refusals_are_remembered_for_their_time(caller: Caller, replica: Replica) -> None:
    upload = await caller.open(100)
    await caller.call("AbortUpload", pb.AbortUploadRequest(upload_id=upload.id))
    await Sweeper(replica.runtime.database, sweep_seconds=60, keep_refused=timedelta(days=1)).sweep()
    assert (await caller.get_upload(upload.id)).refusal_reason == "ABORTED"
    await Sweeper(replica.runtime.database, sweep_seconds=60, keep_refused=timedelta(0)).sweep()
    with refused(DENIED, "NOT_YOURS"):
        await caller.get_upload(upload.id)


@pytest.mark.parametrize("kind", ["user", "project"])
async def test_what_belonged_to_the_deleted_goes_and_nothing_is_born_on_it(
    caller: Caller, replica: Replica, stranger: Caller, kind: str
) -> None:
    asset = await caller.upload(wav())
    upload = await caller.open(100)
    await caller.send(upload.id, b"x" * 50)
    others = await stranger.upload(wav())
    await react(replica, deletion(caller, kind))
    with refused(DENIED, "NOT_YOURS"):
        await caller.download(asset.id)
    with refused(DENIED, "NOT_YOURS"):
        await caller.send(upload.id, b"x" * 50, 50)
    # The project still stands at the projects service, and the token lives.
    with refused(DENIED, "NOT_YOURS"):
        await caller.open(100)
    await delete_objects(replica)
    assert not await objects(replica, f"incoming/{upload.id}/", asset.storage_key)
    assert await stranger.download(others.id) == wav()


@pytest.mark.parametrize("kind", ["user", "project"])
async def test_an_upload_verified_while_its_parent_goes_leaves_nothing(
    caller: Caller, replica: Replica, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = wav()
    upload = await caller.sent(data)
    put = replica.store.put_file

    async def put_then_bury(*values: object) -> None:
        await put(*values)
        await react(replica, deletion(caller, kind))

    monkeypatch.setattr(replica.store, "put_file", put_then_bury)
    with refused(DENIED, "NOT_YOURS"):
        await caller.complete(upload.id)
    await delete_objects(replica)
    async with replica.runtime.database.read() as connection:
        cursor = await connection.execute(
            "SELECT (SELECT count(*) FROM uploads WHERE owner_id = %(owner)s)"
            " + (SELECT count(*) FROM assets WHERE owner_id = %(owner)s)",
            {"owner": caller.user_id},
        )
        assert await cursor.fetchone() == (0,)
    assert not await objects(replica, f"incoming/{upload.id}/")


async def test_many_creations_and_one_burial_at_once_leave_no_orphan(
    caller: Caller, replica: Replica, make_replica: MakeReplica
) -> None:
    other = await make_replica()
    creating = [asyncio.create_task(caller.at(at).open(10)) for at in (replica, other) for _ in range(10)]
    await react(replica, deletion(caller, "user"))
    await asyncio.gather(*creating, return_exceptions=True)
    async with replica.runtime.database.read() as connection:
        cursor = await connection.execute("SELECT count(*) FROM uploads WHERE owner_id = %s", (caller.user_id,))
        assert await cursor.fetchone() == (0,)


async def test_the_collector_takes_what_no_row_names_and_nothing_else(
    caller: Caller, replica: Replica, make_replica: MakeReplica
) -> None:
    store = replica.store
    asset = await caller.upload(wav())
    resting = await caller.open(100)
    await caller.send(resting.id, b"x" * 50)
    posted = await caller.open(3, method=pb.UPLOAD_METHOD_POST)
    await store.put_bytes(post_key(UUID(posted.id)), b"abc")
    stray = {asset_key(new_id()), part_key(new_id(), 0, new_id()), "incoming/odd", "incoming/a/b/c", "assets/x"}
    stray |= {part_key(UUID(resting.id), 50, new_id()), post_key(UUID(resting.id))}
    for key in stray:
        await store.put_bytes(key, b"stray")
    needed = {asset.storage_key, post_key(UUID(posted.id))}
    needed |= await objects(replica, f"incoming/{resting.id}/") - stray

    await collect(replica)
    await delete_objects(replica)
    left = await objects(replica, "incoming/", "assets/")
    assert needed <= left
    assert not stray & left


@pytest.mark.parametrize("end", ["complete", "abort"])
async def test_what_a_form_leaves_after_its_upload_is_over_is_collected(
    caller: Caller, replica: Replica, end: str
) -> None:
    created = await caller.create(len(wav()), method=pb.UPLOAD_METHOD_POST)
    upload_id = created.upload.id
    assert await post(created.post, wav()) == 204
    if end == "complete":
        asset = await caller.complete(upload_id)
    else:
        await caller.call("AbortUpload", pb.AbortUploadRequest(upload_id=upload_id))
    await delete_objects(replica)
    assert await post(created.post, wav()) == 204
    assert await objects(replica, f"incoming/{upload_id}/") == {post_key(UUID(upload_id))}
    await collect(replica)
    await delete_objects(replica)
    assert not await objects(replica, f"incoming/{upload_id}/")
    if end == "complete":
        assert await caller.download(asset.id) == wav()


@pytest.mark.parametrize("end", ["abort", "delete", "user", "project"])
async def test_what_a_form_leaves_after_its_upload_is_over_goes_when_it_has_expired(
    caller: Caller, replica: Replica, end: str
) -> None:
    created = await caller.create(len(wav()), method=pb.UPLOAD_METHOD_POST)
    upload_id = created.upload.id
    assert await post(created.post, wav()) == 204
    if end == "abort":
        await caller.call("AbortUpload", pb.AbortUploadRequest(upload_id=upload_id))
    elif end == "delete":
        asset = await caller.complete(upload_id)
        await caller.call("DeleteAsset", pb.DeleteAssetRequest(asset_id=asset.id))
    else:
        await react(replica, deletion(caller, end))
    await delete_objects(replica)
    assert not await objects(replica, f"incoming/{upload_id}/")
    assert await post(created.post, wav()) == 204
    await expire_forms(replica, caller)
    await delete_objects(replica)
    assert not await objects(replica, f"incoming/{upload_id}/")


async def test_an_upload_outlives_its_form_until_it_is_over(caller: Caller, replica: Replica) -> None:
    created = await caller.create(len(wav()), method=pb.UPLOAD_METHOD_POST)
    assert created.post.expires_at.ToDatetime() < created.upload.expires_at.ToDatetime()
    assert await post(created.post, wav()) == 204
    await expire_forms(replica, caller)
    await delete_objects(replica)
    assert (await caller.complete(created.upload.id)).size == len(wav())


async def collect(replica: Replica) -> None:
    collector = Collector(
        replica.runtime.database,
        replica.store,
        ["incoming/", "assets/"],
        kept_keys,
        every_seconds=60,
        age_seconds=-60,
    )
    await collector.collect()


async def test_what_a_live_verifier_or_writer_has_stored_is_not_collected(
    caller: Caller, make_replica: MakeReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await make_replica(part_bytes=70)
    store = replica.store
    put_file, put_bytes = store.put_file, store.put_bytes
    struck: list[str] = []
    second_stored = asyncio.Event()

    async def put_file_then_collect(key: str, *values: object) -> None:
        await put_file(key, *values)
        await collect_and_delete(key)

    async def put_bytes_then_collect(key: str, data: bytes) -> None:
        await put_bytes(key, data)
        if struck or key.split("/")[2].startswith("70-"):  # the second while the first is still on its way
            second_stored.set()
        await second_stored.wait()
        await collect_and_delete(key)

    async def collect_and_delete(key: str) -> None:
        await collect(replica)
        await delete_objects(replica)
        struck.append(key)

    monkeypatch.setattr(store, "put_file", put_file_then_collect)
    monkeypatch.setattr(store, "put_bytes", put_bytes_then_collect)
    data = wav(0.01)
    upload = await caller.open(len(data))
    feed = [data[start : start + 70] for start in range(0, len(data), 70)]
    await caller.at(replica).send_blocks(upload.id, feed)
    asset = await caller.at(replica).complete(upload.id)
    assert {key.split("/")[0] for key in struck} == {"incoming", "assets"}
    assert await caller.download(asset.id) == data


async def test_an_object_of_a_download_that_is_deleted_meanwhile_ends_it_cleanly(
    caller: Caller, replica: Replica
) -> None:
    asset = await caller.upload(wav())
    await replica.store.delete([asset.storage_key])
    with refused(DENIED, "NOT_YOURS"):
        await caller.download(asset.id)
