"""Streams of bytes: where they may begin, what is kept of an interrupted one, and how one is kept from hurting."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import grpc
import pytest
from automix.media.v1 import media_pb2 as pb
from automix_common.storage import S3Store
from kit.refusals import refused
from kit.waiting import until

from .conftest import MakeReplica
from .harness import CHUNK, Caller, Replica, wav

INVALID = grpc.StatusCode.INVALID_ARGUMENT
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
SMALL_PARTS = {"part_bytes": 100_000}


class Feed:
    """A stream that sends what it is given, when it is given."""

    def __init__(self, caller: Caller, upload_id: str, offset: int = 0) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.call = caller.stub.UploadBytes(self._messages(upload_id, offset), metadata=caller.metadata, timeout=60)

    async def _messages(self, upload_id: str, offset: int) -> AsyncIterator[pb.UploadBytesRequest]:
        yield pb.UploadBytesRequest(upload_id=upload_id, offset=offset)
        while (data := await self._queue.get()) is not None:
            for start in range(0, len(data) or 1, CHUNK):
                yield pb.UploadBytesRequest(data=data[start : start + CHUNK])

    def send(self, data: bytes) -> None:
        self._queue.put_nowait(data)

    def end(self) -> None:
        self._queue.put_nowait(None)


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
            if error.code() is not PRECONDITION:
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
    with refused(PRECONDITION, "UPLOAD_BUSY"):
        await caller.at(replica).send(upload.id, b"x" * 100)
    feed.send(b"y" * 100)
    feed.end()
    assert (await feed.call).upload.received == 100


async def writing(replica: Replica, upload_id: str) -> None:
    """Waits until a stream holds the upload."""

    async def held() -> bool:
        async with replica.runtime.database.read() as connection:
            cursor = await connection.execute("SELECT writer IS NOT NULL FROM uploads WHERE id = %s", (upload_id,))
            return await cursor.fetchone() == (True,)

    await until(held)


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


async def test_an_idle_stream_is_ended_and_may_be_resumed(caller: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica(stream_idle_seconds=0.3)
    upload = await caller.open(100)
    feed = Feed(caller.at(replica), upload.id)
    feed.send(b"x" * 10)
    with refused(UNAVAILABLE, "STREAM_IDLE"):
        await feed.call
    assert (await caller.get_upload(upload.id)).received == 10
    assert (await caller.send(upload.id, b"x" * 90, 10)).received == 100


async def test_a_stream_that_never_begins_is_ended(caller: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica(stream_idle_seconds=0.3)
    silence = asyncio.Event()

    async def nothing() -> AsyncIterator[pb.UploadBytesRequest]:
        await silence.wait()
        yield pb.UploadBytesRequest()

    with refused(UNAVAILABLE, "STREAM_IDLE"):
        await caller.at(replica).stub.UploadBytes(nothing(), metadata=caller.metadata, timeout=60)


@pytest.mark.parametrize("data", [b"x", b""])
async def test_a_trickling_stream_is_ended_and_its_bytes_are_kept(
    caller: Caller, make_replica: MakeReplica, data: bytes
) -> None:
    replica = await make_replica(part_seconds=0.2, slowest_bytes_per_second=10_000)
    upload = await caller.open(1_000_000)
    feed = Feed(caller.at(replica), upload.id)
    trickle = asyncio.create_task(drip(feed, data))
    with refused(UNAVAILABLE, "STREAM_TOO_SLOW"):
        await feed.call
    trickle.cancel()
    assert (await caller.get_upload(upload.id)).received in range(len(data), 1000 * len(data) + 1)


async def drip(feed: Feed, data: bytes) -> None:
    while True:
        feed.send(data)
        await asyncio.sleep(0.02)


async def test_streams_beyond_the_limit_of_a_process_are_told_to_come_again(
    caller: Caller, make_replica: MakeReplica
) -> None:
    replica = await make_replica(max_streams=1, stream_idle_seconds=0.5)
    one, two = await caller.open(100), await caller.open(100)
    feed = Feed(caller.at(replica), one.id)
    await writing(replica, one.id)
    feed.send(b"x" * 50)
    stream = caller.at(replica).stream(two.id, b"x" * 100)
    keeping = asyncio.create_task(drip_into(feed, 50))
    with refused(UNAVAILABLE, "UPLOADS_BUSY"):
        await stream
    await keeping
    feed.end()
    assert (await feed.call).upload.received == 100


async def test_one_user_does_not_take_every_stream(caller: Caller, stranger: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica(max_streams=3, max_streams_of_user=2)
    uploads = [await caller.open(100) for _ in range(3)]
    feeds = [Feed(caller.at(replica), upload.id) for upload in uploads[:2]]
    for upload in uploads[:2]:
        await writing(replica, upload.id)
    with refused(EXHAUSTED, "UPLOADS_BUSY") as refusal:
        await caller.at(replica).send(uploads[2].id, b"x" * 100)
    assert refusal.retry_after_seconds
    theirs = await stranger.open(100)
    assert (await stranger.at(replica).send(theirs.id, b"x" * 100)).received == 100
    for feed in feeds:
        feed.end()
        await feed.call
    assert (await caller.at(replica).send(uploads[2].id, b"x" * 100)).received == 100


async def drip_into(feed: Feed, count: int) -> None:
    for _ in range(count):
        feed.send(b"x")
        await asyncio.sleep(0.02)


async def test_a_stopping_server_ends_streams_and_keeps_their_bytes(caller: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica()
    upload = await caller.open(100)
    feed = Feed(caller.at(replica), upload.id)
    feed.send(b"x" * 30)
    await writing(replica, upload.id)
    replica.runtime.stopping.set()
    with refused(UNAVAILABLE, "STOPPING"):
        await feed.call
    at = (await caller.get_upload(upload.id)).received
    assert at in {0, 30}
    assert (await caller.send(upload.id, b"x" * (100 - at), at)).received == 100


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


async def test_memory_of_a_stream_is_bounded_by_its_parts(
    caller: Caller, make_replica: MakeReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await make_replica(part_bytes=4 * CHUNK)
    upload = await caller.open(100 * CHUNK)
    taken = 0
    stored = asyncio.Event()
    put = S3Store.put_bytes

    async def slow(self: S3Store, key: str, data: bytes) -> None:
        await stored.wait()
        await put(self, key, data)

    monkeypatch.setattr(S3Store, "put_bytes", slow)

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while taken < 100 * CHUNK:
            taken += CHUNK
            yield b"x" * CHUNK

    receiver = replica.servicer._receiver
    receiving = asyncio.create_task(receiver.receive(caller.user_id, UUID(upload.id), 0, endless()))
    while taken < 12 * CHUNK:
        await asyncio.sleep(0.01)
    for _ in range(100):
        await asyncio.sleep(0)
    assert taken == 12 * CHUNK  # two parts on their way, one full
    stored.set()
    assert (await receiving).received == 100 * CHUNK


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
