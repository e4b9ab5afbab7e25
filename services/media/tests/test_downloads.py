"""Downloads that nobody reads, or too many of them, hold nothing for long."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import psutil
import pytest
from automix.media.v1 import media_pb2 as pb
from automix_common.objects.storage import S3Store
from automix_common.rpc import shares
from kit.refusals import reason_of, refused
from kit.waiting import until

from .conftest import MakeReplica
from .harness import Caller, Replica, wav

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
LARGE = wav(50) * 16


def begin(caller: Caller, asset_id: str) -> Any:
    return caller.stub.DownloadAsset(pb.DownloadAssetRequest(asset_id=asset_id), metadata=caller.metadata, timeout=60)


def connections(replica: Replica) -> int:
    """Of this process to storage, in use or kept."""
    port = int(replica.runtime.settings.s3_endpoint.rpartition(":")[2])
    return sum(bool(one.raddr) and one.raddr.port == port for one in psutil.Process().net_connections())


async def test_one_user_and_all_have_their_share_of_downloads(
    caller: Caller, stranger: Caller, make_replica: MakeReplica
) -> None:
    replica = await make_replica(max_downloads=3, max_downloads_of_user=2)
    mine, theirs = await caller.upload(LARGE), await stranger.upload(LARGE)
    running = [begin(caller.at(replica), mine.id) for _ in range(2)]
    for call in running:
        assert (await call.read()).asset == mine
    with refused(EXHAUSTED, "DOWNLOADS_BUSY") as refusal:
        await caller.at(replica).download(mine.id)
    assert refusal.retry_after_seconds
    running.append(begin(stranger.at(replica), theirs.id))
    assert (await running[-1].read()).asset == theirs
    with refused(EXHAUSTED, "DOWNLOADS_BUSY"):
        await stranger.at(replica).download(theirs.id)
    for call in running:
        call.cancel()

    async def free() -> bool:
        try:
            return await caller.at(replica).download(mine.id) == LARGE
        except grpc.aio.AioRpcError as error:
            if error.code() is not EXHAUSTED:
                raise
            return False

    assert await until(free)


async def test_a_client_that_does_not_read_is_cut_off_and_resumes(caller: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica(stall_seconds=0.5, max_downloads_of_user=1)
    data = LARGE * 2
    asset = await caller.upload(data)
    call = begin(caller.at(replica), asset.id)
    assert (await call.read()).asset == asset

    async def let_go() -> bool:
        return not replica.servicer._downloads._shares._held

    await until(let_go)
    got = b""
    with refused(grpc.StatusCode.UNAVAILABLE, "STREAM_STALLED"):
        while message := await call.read():
            got += message.data
    assert 0 < len(got) < len(data)
    assert got + await caller.download(asset.id, len(got)) == data


async def test_a_cancelled_download_lets_go_of_storage_and_says_nothing_of_it(
    caller: Caller, make_replica: MakeReplica, caplog: pytest.LogCaptureFixture
) -> None:
    replica = await make_replica(max_downloads_of_user=20)
    asset = await caller.upload(LARGE)
    calls = [begin(caller.at(replica), asset.id) for _ in range(20)]
    await asyncio.gather(*(call.read() for call in calls))
    await asyncio.gather(*(call.read() for call in calls))
    assert connections(replica) >= 20
    for call in calls:
        call.cancel()

    async def let_go() -> bool:
        return connections(replica) < 10

    await until(let_go)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_downloads_that_end_together_keep_their_connections(
    caller: Caller, make_replica: MakeReplica, caplog: pytest.LogCaptureFixture
) -> None:
    replica = await make_replica(max_downloads_of_user=20)
    asset = await caller.upload(LARGE)
    assert set(await asyncio.gather(*(caller.at(replica).download(asset.id) for _ in range(20)))) == {LARGE}
    assert not [record for record in caplog.records if "pool is full" in record.getMessage()]


async def test_a_download_that_is_not_read_gives_way_to_one_of_somebody_else(
    caller: Caller, stranger: Caller, make_replica: MakeReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "FAIR_SECONDS", 0.2)
    monkeypatch.setattr(shares, "FAIR_BYTES_PER_SECOND", 1e12)
    replica = await make_replica(max_downloads=2, max_downloads_of_user=2)
    mine, theirs = await caller.upload(LARGE * 2), await stranger.upload(wav())
    held = [begin(caller.at(replica), mine.id) for _ in range(2)]
    for call in held:
        assert (await call.read()).asset == mine

    async def let_in() -> bool:
        try:
            return await stranger.at(replica).download(theirs.id) == wav()
        except grpc.aio.AioRpcError as error:
            if error.code() is not EXHAUSTED:
                raise
            return False

    assert await until(let_in)
    endings = [await ending(call) for call in held]
    assert endings.count("STREAM_TOO_SLOW") >= 1


async def test_a_download_that_waits_for_storage_keeps_its_place(
    caller: Caller, stranger: Caller, make_replica: MakeReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "FAIR_SECONDS", 1e-6)
    replica = await make_replica(max_downloads=2, max_downloads_of_user=2)
    mine, theirs = await caller.upload(LARGE), await stranger.upload(wav())
    answers = asyncio.Event()
    whole = S3Store.read

    async def stalled(store: S3Store, key: str, offset: int = 0) -> AsyncIterator[bytes]:
        await answers.wait()
        async for block in whole(store, key, offset):
            yield block

    monkeypatch.setattr(S3Store, "read", stalled)
    held = [begin(caller.at(replica), mine.id) for _ in range(2)]
    for call in held:
        assert (await call.read()).asset == mine
    with refused(EXHAUSTED, "DOWNLOADS_BUSY"):
        await stranger.at(replica).download(theirs.id)
    answers.set()
    assert [await ending(call) for call in held] == ["OK", "OK"]


async def ending(call: Any) -> str:
    """How a download ends when it is read."""
    try:
        while await call.read():
            pass
    except grpc.aio.AioRpcError as error:
        return reason_of(error)
    return "OK"
