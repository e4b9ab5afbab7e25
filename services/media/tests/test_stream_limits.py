"""Streams that hurt nobody: idle, slow, many, large, or in a process that stops."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import grpc
import pytest
from automix.media.v1 import media_pb2 as pb
from automix_common.objects.storage import S3Store
from automix_common.rpc import shares
from kit.refusals import refused

from .conftest import MakeReplica
from .harness import CHUNK, Caller, Feed, writing

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


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


async def test_a_slow_stream_gives_way_to_one_that_waits_and_is_resumed(
    caller: Caller, stranger: Caller, make_replica: MakeReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "FAIR_SECONDS", 0.2)
    replica = await make_replica(max_streams=1)
    slow = await caller.open(1_000_000)
    feed = Feed(caller.at(replica), slow.id)
    await writing(replica, slow.id)
    trickle = asyncio.create_task(drip(feed, b"x" * 100))
    theirs = await stranger.open(100)
    assert (await stranger.at(replica).send(theirs.id, b"x" * 100)).received == 100
    with refused(UNAVAILABLE, "STREAM_TOO_SLOW"):
        await feed.call
    trickle.cancel()
    at = (await caller.get_upload(slow.id)).received
    assert (await caller.at(replica).send(slow.id, b"x" * (1_000_000 - at), at)).received == 1_000_000
