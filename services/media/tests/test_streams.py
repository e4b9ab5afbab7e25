"""Streams of bytes: where they may begin, who writes, and what is kept of an interrupted one."""

from collections.abc import AsyncIterator

import grpc
import pytest
from automix.media.v1 import media_pb2 as pb
from kit.refusals import refused
from kit.waiting import until

from .conftest import MakeReplica
from .harness import CHUNK, Caller, Feed, Replica, wav, writing

INVALID = grpc.StatusCode.INVALID_ARGUMENT
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
SMALL_PARTS = {"part_bytes": 100_000}


async def received(caller: Caller, upload_id: str, least: int) -> pb.Upload:
    """The upload, once at least so many bytes of it are stored."""

    async def enough() -> pb.Upload | None:
        upload = await caller.get_upload(upload_id)
        return upload if upload.received >= least else None

    return await until(enough)


async def parts(replica: Replica, upload_id: str) -> list[int]:
    async with replica.runtime.database.read() as connection:
        cursor = await connection.execute(
            "SELECT size FROM upload_parts WHERE upload_id = %s ORDER BY start", (upload_id,)
        )
        return [row[0] for row in await cursor.fetchall()]


async def test_an_interrupted_upload_goes_on_at_another_replica_and_loses_nothing(
    caller: Caller, make_replica: MakeReplica
) -> None:
    first, second = await make_replica(**SMALL_PARTS), await make_replica(**SMALL_PARTS)
    data = wav(60)
    upload = await caller.open(len(data))
    feed = Feed(caller.at(first), upload.id)
    feed.send(data[:250_000])
    await received(caller, upload.id, 100_000)
    feed.call.cancel()
    # All that had arrived is kept, also what had not filled a part.
    kept = await received(caller, upload.id, 250_000)
    assert kept.received == 250_000
    with refused(PRECONDITION, "INCOMPLETE") as refusal:
        await caller.complete(upload.id)
    assert refusal.metadata == {"received": "250000", "size": str(len(data))}
    resumed = await again_when_free(caller.at(second), upload.id, data, 250_000)
    assert resumed.received == len(data)
    asset = await caller.complete(upload.id)
    assert await caller.download(asset.id) == data


async def again_when_free(caller: Caller, upload_id: str, data: bytes, offset: int) -> pb.Upload:
    """Sends the rest, as soon as nobody else writes."""

    async def attempt() -> pb.Upload | None:
        try:
            return await caller.send(upload_id, data[offset:], offset)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.ABORTED:
                raise
            return None

    return await until(attempt)


async def test_bytes_are_cut_into_parts_of_the_set_size(caller: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica(part_bytes=2 * CHUNK)
    data = bytes(range(256)) * 2000
    upload = await caller.open(len(data))
    await caller.at(replica).send(upload.id, data)
    assert await parts(replica, upload.id) == [2 * CHUNK] * 3 + [len(data) - 6 * CHUNK]


@pytest.mark.parametrize("offset", [1, 49, 51, 100])
async def test_an_offset_that_leaves_a_gap_or_goes_back_is_told_where_to_go_on(caller: Caller, offset: int) -> None:
    upload = await caller.open(100)
    await caller.send(upload.id, b"x" * 50)
    with refused(PRECONDITION, "OFFSET_MISMATCH") as refusal:
        await caller.send(upload.id, b"x", offset)
    assert refusal.metadata == {"offset": "50"}
    assert (await caller.send(upload.id, b"y" * 50, 50)).received == 100


async def test_more_than_declared_is_refused_and_what_came_before_is_kept(caller: Caller) -> None:
    upload = await caller.open(CHUNK + 10)
    with refused(INVALID, "MORE_THAN_DECLARED"):
        await caller.send(upload.id, b"x" * (CHUNK + 11))
    assert (await caller.get_upload(upload.id)).received == CHUNK
    assert (await caller.send(upload.id, b"x" * 10, CHUNK)).received == CHUNK + 10


async def test_one_stream_writes_at_a_time(caller: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica()
    upload = await caller.open(100)
    feed = Feed(caller, upload.id)
    await writing(replica, upload.id)
    with refused(grpc.StatusCode.ABORTED, "UPLOAD_BUSY") as refusal:
        await caller.at(replica).send(upload.id, b"x" * 100)
    assert refusal.retry_after_seconds
    feed.send(b"y" * 100)
    feed.end()
    assert (await feed.call).upload.received == 100


async def test_a_writer_that_vanished_blocks_for_its_lease_and_changes_nothing_after_it(
    caller: Caller, make_replica: MakeReplica
) -> None:
    zombie = await make_replica(writer_lease_seconds=0.4, part_bytes=50)
    upload = await caller.open(100)
    feed = Feed(caller.at(zombie), upload.id)
    await writing(zombie, upload.id)
    # Cut off from the database, as a process is that was stopped.
    await zombie.runtime.database.close()
    resumed = await again_when_free(caller, upload.id, b"y" * 60, 0)
    assert resumed.received == 60
    feed.send(b"x" * 100)
    feed.end()
    with pytest.raises(grpc.aio.AioRpcError):
        await feed.call
    assert (await caller.get_upload(upload.id)).received == 60


async def test_an_upload_aborted_under_a_stream_takes_nothing_more(caller: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica(part_bytes=10)
    upload = await caller.open(100)
    feed = Feed(caller.at(replica), upload.id)
    feed.send(b"x" * 10)
    await received(caller, upload.id, 10)
    await caller.call("AbortUpload", pb.AbortUploadRequest(upload_id=upload.id))
    feed.send(b"y" * 20)
    feed.end()
    with refused(PRECONDITION, "UPLOAD_NOT_OPEN"):
        await feed.call
    noted = await deletions(replica, f"incoming/{upload.id}/%")
    assert {key.split("/")[2].split("-")[0] for key in noted} == {"0", "10"}


async def deletions(replica: Replica, like: str) -> list[str]:
    async with replica.runtime.database.read() as connection:
        cursor = await connection.execute("SELECT storage_key FROM object_deletions WHERE storage_key LIKE %s", (like,))
        return [row[0] for row in await cursor.fetchall()]


async def test_storage_away_is_unavailable_and_the_upload_goes_on_later(
    caller: Caller, make_replica: MakeReplica
) -> None:
    nowhere = await make_replica(s3_endpoint="http://127.0.0.1:9")
    upload = await caller.open(100)
    with refused(UNAVAILABLE, "STORAGE_UNAVAILABLE"):
        await caller.at(nowhere).send(upload.id, b"x" * 100)
    assert (await caller.get_upload(upload.id)).received == 0
    assert (await caller.send(upload.id, b"x" * 100)).received == 100


async def test_later_messages_that_go_on_elsewhere_are_refused_and_what_came_before_is_kept(caller: Caller) -> None:
    upload, other = await caller.open(100), await caller.open(100)

    async def stream(offset: int, *later: pb.UploadBytesRequest) -> AsyncIterator[pb.UploadBytesRequest]:
        yield pb.UploadBytesRequest(upload_id=upload.id, offset=offset, data=b"x" * 10)
        for message in later:
            yield message

    for received, bad in enumerate(({"upload_id": other.id}, {"offset": 5}, {"offset": 500})):
        message = pb.UploadBytesRequest(data=b"y" * 10, **bad)
        with refused(INVALID, "INVALID_REQUEST"):
            await caller.stub.UploadBytes(stream(10 * received, message), metadata=caller.metadata, timeout=20)
        assert (await caller.get_upload(upload.id)).received == 10 * (received + 1)
    good = [
        pb.UploadBytesRequest(upload_id=upload.id.upper(), offset=40, data=b"z" * 30),
        pb.UploadBytesRequest(data=b"z" * 30),
    ]
    answer = await caller.stub.UploadBytes(stream(30, *good), metadata=caller.metadata, timeout=20)
    assert answer.upload.received == 100
    assert (await caller.get_upload(other.id)).received == 0


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [pb.UploadBytesRequest(data=b"x")],
        [pb.UploadBytesRequest(upload_id="no uuid", data=b"x")],
    ],
)
async def test_a_stream_that_names_no_upload_is_refused(caller: Caller, messages: list[pb.UploadBytesRequest]) -> None:
    async def stream() -> AsyncIterator[pb.UploadBytesRequest]:
        for message in messages:
            yield message

    with refused(INVALID, "INVALID_REQUEST"):
        await caller.stub.UploadBytes(stream(), metadata=caller.metadata, timeout=20)


async def test_an_expired_upload_takes_no_bytes(caller: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica(upload_hours=0.3 / 3600)
    upload = await caller.at(replica).open(100)

    async def expired() -> bool:
        try:
            await caller.send(upload.id, b"")
        except grpc.aio.AioRpcError as error:
            return error.code() is PRECONDITION
        return False

    await until(expired)
    with refused(PRECONDITION, "UPLOAD_NOT_OPEN"):
        await caller.send(upload.id, b"x" * 100)
