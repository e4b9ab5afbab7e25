"""What becomes of bytes: an asset with their true facts, or a reason."""

import asyncio
import hashlib
import io
import struct
from pathlib import Path

import av
import grpc
import numpy as np
import pytest
from automix.media.v1 import media_pb2 as pb
from automix_local import Servers
from kit.audio import TAGS_ALONE, listed
from kit.refusals import refused
from kit.storage import client_of

from .conftest import MakeReplica
from .harness import Caller, post, refused_for, verifying_child, wav

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"this is not a song, sorry....."[:30], "NOT_AUDIO"),
        (b"\0" * 5000, "NOT_AUDIO"),
        (b"#EXTM3U\nhttp://127.0.0.1/song.wav\n", "PLAYLIST"),
        (wav(0), "EMPTY"),
        (b"PK\x03\x04" + b"\0" * 100, "NOT_AUDIO"),
    ],
    ids=["text", "zeros", "playlist", "no samples", "archive"],
)
async def test_what_is_no_recording_is_refused_with_its_reason(caller: Caller, data: bytes, reason: str) -> None:
    await refused_for(caller, data, reason)


async def test_samples_that_are_not_numbers_are_refused(caller: Caller) -> None:
    samples = struct.pack("<1000f", *([0.1] * 500 + [float("nan")] + [0.1] * 499))
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 3, 1, 8000, 32000, 4,
                       32, b"data", len(samples))  # fmt: skip
    await refused_for(caller, head + samples, "NON_FINITE")


async def test_a_header_that_claims_two_gigabytes_is_not_believed(caller: Caller) -> None:
    data = bytearray(wav(0.1))[:1024]
    struct.pack_into("<I", data, 4, 2**31)
    struct.pack_into("<I", data, 40, 2**31 - 36)
    asset = await caller.upload(bytes(data))
    assert asset.size == 1024
    assert asset.duration == pytest.approx((1024 - 44) / 2 / 8000, abs=1e-6)


async def test_thirty_bytes_declared_as_two_gibibytes_never_become_an_asset(caller: Caller) -> None:
    upload = await caller.open(2 * 1024**3)
    await caller.send(upload.id, b"x" * 30)
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "INCOMPLETE"):
        await caller.complete(upload.id)
    assert (await caller.get_upload(upload.id)).received == 30


async def test_a_recording_beyond_the_limits_is_refused(caller: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica(max_duration_seconds=1, max_channels=2, max_sample_rate=48_000)
    await refused_for(caller.at(replica), wav(1.01), "TOO_LONG")
    await refused_for(caller.at(replica), wav(0.1, channels=3), "TOO_MANY_CHANNELS")
    few = await make_replica(max_samples=8_000)
    await refused_for(caller.at(few), wav(0.6, channels=2), "TOO_MANY_SAMPLES")
    assert (await caller.at(few).upload(wav(0.5, channels=2))).duration == 0.5
    await refused_for(caller.at(replica), wav(0.1, rate=96_000), "ABSURD_SAMPLE_RATE")
    assert (await caller.at(replica).upload(wav(1))).duration == 1


def opus(seconds: int) -> bytes:
    """Noise in Ogg, a page a second."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        noise = np.random.default_rng(0).normal(0.0, 0.1, (1, seconds * 48_000)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(noise, format="flt", layout="mono")
        frame.sample_rate = 48_000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return file.getvalue()


async def test_a_damaged_recording_says_where(caller: Caller) -> None:
    whole = opus(8)
    sound = await caller.upload(whole, filename="whole.opus")
    assert (sound.damaged_packets, list(sound.gaps)) == (0, [])
    data = bytearray(whole)
    data[len(data) // 2] ^= 1  # its page fails its checksum
    made = await caller.upload(bytes(data), filename="damaged.opus")
    asset = (await caller.call("GetAsset", pb.GetAssetRequest(asset_id=made.id))).asset
    assert asset == made
    assert asset.damaged_packets > 0
    assert asset.duration == pytest.approx(sound.duration)
    (gap,) = asset.gaps
    assert 2.0 < gap.start < 4.5
    assert 0.0 < gap.length <= 1.1


async def test_the_reported_damage_is_told(caller: Caller, audio: Path) -> None:
    path = audio.parent / "cases" / "opus-one-bit-30000.opus"
    if not path.is_file():
        pytest.skip("there are no reported cases beside the repository")
    asset = await caller.upload(path.read_bytes(), filename=path.name)
    assert asset.damaged_packets == 1
    assert asset.gaps[0].length == pytest.approx(1.0)


async def uploads_at_once(caller: Caller, paths: list[Path]) -> list[tuple[bytes, pb.Upload, pb.Asset | None]]:
    """Uploads files, a few at the same time; None for an asset that was refused."""
    free = asyncio.Semaphore(4)

    async def one(path: Path) -> tuple[bytes, pb.Upload, pb.Asset | None]:
        data = await asyncio.to_thread(path.read_bytes)
        async with free:
            upload = await caller.open(len(data), filename=path.name)
            await caller.send(upload.id, data)
            try:
                asset = await caller.complete(upload.id)
            except grpc.aio.AioRpcError as error:
                if error.code() is not INVALID:
                    raise
                asset = None
            return data, await caller.get_upload(upload.id), asset

    return await asyncio.gather(*map(one, paths))


async def test_every_odd_file_becomes_an_asset_with_its_true_facts(caller: Caller, audio: Path) -> None:
    found = listed(audio, "odd")
    assert len(found) > 25
    made = await uploads_at_once(caller, [row.path for row in found])
    for row, (data, upload, asset) in zip(found, made, strict=True):
        if row.path.name in TAGS_ALONE:
            assert upload.refusal_reason == "EMPTY", (row.path.name, upload)
            continue
        assert asset is not None, (row.path.name, upload)
        assert asset.duration == pytest.approx(row.duration_s, abs=0.06), row.path.name
        assert (asset.channels, asset.sample_rate) == (row.channels, row.sample_rate), row.path.name
        assert asset.sha256 == hashlib.sha256(data).hexdigest()


async def test_every_broken_file_is_an_asset_or_a_reason_to_act_on(caller: Caller, audio: Path) -> None:
    found = listed(audio, "broken")
    assert len(found) > 15
    made = await uploads_at_once(caller, [row.path for row in found])
    for data, upload, asset in made:
        if asset is None:
            assert upload.state == pb.UPLOAD_STATE_REFUSED
            assert not upload.refusal_reason.startswith("VERIFIER_"), upload
        else:
            assert 0 < asset.duration < 60, upload
            assert await caller.download(asset.id) == data
    assert sum(asset is None for _, _, asset in made) > 5


async def test_overwriting_what_was_uploaded_changes_nothing(caller: Caller) -> None:
    data, other = wav(0.5), bytes(reversed(wav(0.5)))
    answer = await caller.create(len(data), method=pb.UPLOAD_METHOD_POST)
    assert await post(answer.post, data) == 204
    asset = await caller.complete(answer.upload.id)
    assert await post(answer.post, other) == 204  # the form still works, for the key that it was made for
    assert await caller.complete(answer.upload.id) == asset
    assert (await caller.call("GetAsset", pb.GetAssetRequest(asset_id=asset.id))).asset == asset
    stored = await caller.download(asset.id)
    assert (stored, hashlib.sha256(stored).hexdigest()) == (data, asset.sha256)


async def test_what_is_overwritten_while_it_is_verified_is_not_what_becomes_the_asset(caller: Caller) -> None:
    data, other = wav(0.5), wav(0.5, channels=1).replace(b"\x01", b"\x02")
    assert len(data) == len(other)
    answer = await caller.create(len(data), method=pb.UPLOAD_METHOD_POST)
    await post(answer.post, data)
    completing = asyncio.create_task(caller.complete(answer.upload.id))
    child = await verifying_child()
    child.suspend()
    await post(answer.post, other)
    child.resume()
    asset = await completing
    assert await caller.download(asset.id) == data
    assert asset.sha256 == hashlib.sha256(data).hexdigest()


async def test_bytes_that_storage_has_lost_are_said_to_be_lost(caller: Caller, servers: Servers) -> None:
    data = wav()
    upload = await caller.sent(data)
    client = client_of(servers)
    for entry in client.list_objects(servers.s3_bucket, f"incoming/{upload.id}/", recursive=True):
        client.remove_object(servers.s3_bucket, str(entry.object_name))
    with refused(INVALID, "BYTES_LOST"):
        await caller.complete(upload.id)


@pytest.mark.parametrize("method", [pb.UPLOAD_METHOD_POST, pb.UPLOAD_METHOD_STREAM])
async def test_bytes_that_storage_holds_in_another_number_than_declared_are_refused(
    caller: Caller, servers: Servers, method: pb.UploadMethod.ValueType
) -> None:
    data = wav()
    answer = await caller.create(len(data), method=method)
    if method == pb.UPLOAD_METHOD_POST:
        await post(answer.post, data)
    else:
        await caller.send(answer.upload.id, data)
    client = client_of(servers)
    for entry in client.list_objects(servers.s3_bucket, f"incoming/{answer.upload.id}/", recursive=True):
        client.put_object(servers.s3_bucket, str(entry.object_name), io.BytesIO(data + data), 2 * len(data))
    with refused(INVALID, "SIZE_MISMATCH"):
        await caller.complete(answer.upload.id)
