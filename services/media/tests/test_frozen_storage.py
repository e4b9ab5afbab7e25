"""A storage that takes connections and answers nothing, as a frozen one does: whoever waits for it is told."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest
from automix.media.v1 import media_pb2 as pb
from automix_common.objects import storage
from automix_local import Servers
from kit.refusals import refused

from .conftest import MakeReplica
from .harness import Caller, Replica, messages, wav

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


@pytest.fixture
async def frozen(make_replica: MakeReplica, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Replica]:
    """A media service on such a storage, which gives up in a sixtieth of the time."""
    monkeypatch.setattr(storage, "READ_SECONDS", 0.2)
    monkeypatch.setattr(storage, "TURN_SECONDS", 0.5)
    for address in listening():
        yield await make_replica(s3_endpoint=address)


def listening() -> Iterator[str]:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        opened.listen(64)
        yield f"http://127.0.0.1:{opened.getsockname()[1]}"


async def test_uploads_without_a_deadline_hear_of_it(caller: Caller, stranger: Caller, frozen: Replica) -> None:
    data = wav()
    # More than there are threads to wait in.
    uploads = [(one, await one.open(len(data))) for one in (caller, stranger) for _ in range(6)]
    streams = [
        one.at(frozen).stub.UploadBytes(messages(upload.id, data, 0), metadata=one.metadata) for one, upload in uploads
    ]
    for stream in streams:
        with refused(UNAVAILABLE, "STORAGE_UNAVAILABLE"):
            await stream
    # Nothing that was not stored counts as received, and the upload goes on where storage answers.
    one, upload = uploads[0]
    assert (await one.get_upload(upload.id)).received == 0
    await one.send(upload.id, data)
    assert (await one.complete(upload.id)).size == len(data)


async def test_completing_and_downloading_hear_of_it(caller: Caller, frozen: Replica) -> None:
    data = wav()
    asset, upload = await caller.upload(data), await caller.sent(data)
    there = caller.at(frozen)
    completing = frozen.stub.CompleteUpload(
        pb.CompleteUploadRequest(upload_id=upload.id), metadata=caller.metadata, timeout=60
    )
    downloading = frozen.stub.DownloadAsset(pb.DownloadAssetRequest(asset_id=asset.id), metadata=caller.metadata)
    with refused(UNAVAILABLE, "STORAGE_UNAVAILABLE"):
        await completing
    with refused(UNAVAILABLE, "STORAGE_UNAVAILABLE"):
        async for _ in downloading:
            pass
    # What the database holds is answered meanwhile.
    shape = await there.call("GetWaveform", pb.GetWaveformRequest(asset_id=asset.id), 10)
    assert len(shape.minimum) == len(shape.maximum) > 0
    assert (await caller.complete(upload.id)).size == len(data)


async def test_a_download_in_its_middle_hears_of_it_and_goes_on_elsewhere(
    caller: Caller, servers: Servers, make_replica: MakeReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "READ_SECONDS", 0.2)
    data = wav(40)
    asset = await caller.upload(data)
    async with stopping_after(len(data) // 2, servers.s3_endpoint) as endpoint:
        there = await make_replica(s3_endpoint=endpoint)
        call = there.stub.DownloadAsset(pb.DownloadAssetRequest(asset_id=asset.id), metadata=caller.metadata)
        arrived = b""
        with refused(UNAVAILABLE, "STORAGE_UNAVAILABLE"):
            async for message in call:
                arrived += message.data
    assert 0 < len(arrived) < len(data)
    assert arrived + await caller.download(asset.id, len(arrived)) == data


@contextlib.asynccontextmanager
async def stopping_after(count: int, endpoint: str) -> AsyncIterator[str]:
    """The storage by a way on which every connection freezes after so many bytes of answers."""
    host, port = endpoint.removeprefix("http://").split(":")
    frozen = asyncio.Event()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: float) -> None:
        while most > 0 and (block := await reader.read(65_536)):
            writer.write(block[: int(min(most, len(block)))])
            most -= len(block)
        if most <= 0:
            await frozen.wait()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(carry(reader, back, float("inf")), carry(there, writer, count))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        yield f"http://127.0.0.1:{address[1]}"
        frozen.set()
