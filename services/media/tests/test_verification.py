"""What becomes of bytes: an asset with their true facts, or a reason. Whatever the file does, the service goes on."""

import asyncio
import hashlib
import shutil
import struct
from pathlib import Path

import grpc
import psutil
import pytest
import urllib3
from automix.media.v1 import media_pb2 as pb
from automix_local import Servers
from kit.refusals import refused
from kit.waiting import until
from minio import Minio

from .conftest import MakeReplica
from .harness import Caller, Replica, wav

INVALID = grpc.StatusCode.INVALID_ARGUMENT
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


async def refused_for(caller: Caller, data: bytes, reason: str, **fields: object) -> pb.Upload:
    """Uploads what must be refused, twice asked, and returns the upload."""
    upload = await caller.open(len(data), **fields)
    await caller.send(upload.id, data)
    messages = []
    for _ in range(2):
        with refused(INVALID, reason) as refusal:
            await caller.complete(upload.id)
        messages.append(refusal.message)
    after = await caller.get_upload(upload.id)
    assert (after.state, after.refusal_reason) == (pb.UPLOAD_STATE_REFUSED, reason)
    assert messages == [after.refusal_message] * 2
    assert len(after.refusal_message) > 20
    return after


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


def manifest(audio: Path, folder: str) -> list[tuple[Path, list[str]]]:
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in (audio / "MANIFEST.md").read_text().splitlines()
    ]
    return [(audio / row[0], row) for row in rows if row[0].startswith(f"{folder}/")]


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
    found = manifest(audio, "odd")
    assert len(found) > 25
    made = await uploads_at_once(caller, [path for path, _ in found])
    for (path, row), (data, upload, asset) in zip(found, made, strict=True):
        assert asset is not None, (path.name, upload)
        assert asset.duration == pytest.approx(float(row[4]), abs=0.06), path.name
        assert (asset.channels, asset.sample_rate) == (int(row[5]), int(row[6])), path.name
        assert asset.sha256 == hashlib.sha256(data).hexdigest()


async def test_every_broken_file_is_an_asset_or_a_reason_to_act_on(caller: Caller, audio: Path) -> None:
    found = manifest(audio, "broken")
    assert len(found) > 15
    made = await uploads_at_once(caller, [path for path, _ in found])
    for data, upload, asset in made:
        if asset is None:
            assert upload.state == pb.UPLOAD_STATE_REFUSED
            assert not upload.refusal_reason.startswith("VERIFIER_"), upload
        else:
            assert 0 < asset.duration < 60, upload
            assert await caller.download(asset.id) == data
    assert sum(asset is None for _, _, asset in made) > 5


async def test_a_file_that_needs_too_much_memory_is_refused_and_the_next_is_verified(
    caller: Caller, make_replica: MakeReplica
) -> None:
    replica = await make_replica(verify_memory_bytes=90 * 1024**2)
    await refused_for(caller.at(replica), wav(0.3, rate=384_000, channels=24), "VERIFIER_OUT_OF_MEMORY")
    assert (await caller.at(replica).upload(wav())).size == len(wav())


async def test_a_verifier_that_takes_too_long_is_ended(caller: Caller, make_replica: MakeReplica) -> None:
    slow = await make_replica(verify_wall_seconds=0.05)
    await refused_for(caller.at(slow), wav(), "VERIFIER_TIMEOUT")
    silent = await make_replica(verify_silence_seconds=0.05)
    await refused_for(caller.at(silent), wav(), "VERIFIER_TIMEOUT")


async def child_of_this_process() -> psutil.Process:
    """The verifying child, once there is one."""

    async def find() -> psutil.Process | None:
        for process in psutil.Process().children():
            if "automix_common.limited" in process.cmdline():
                return process
        return None

    found = await until(find)
    assert isinstance(found, psutil.Process)
    return found


async def test_a_verifier_that_is_killed_refuses_its_upload_alone(caller: Caller, stranger: Caller) -> None:
    data = wav()
    upload = await caller.open(len(data))
    await caller.send(upload.id, data)
    completing = asyncio.create_task(caller.complete(upload.id))
    (await child_of_this_process()).kill()
    with refused(INVALID, "VERIFIER_CRASHED"):
        await completing
    assert (await stranger.upload(data)).size == len(data)


async def test_a_verifier_that_hangs_is_ended_while_others_are_served(
    caller: Caller, stranger: Caller, make_replica: MakeReplica
) -> None:
    replica = await make_replica(verify_silence_seconds=2, max_verifications=2)
    data = wav()
    upload = await caller.open(len(data))
    await caller.send(upload.id, data)
    completing = asyncio.create_task(caller.at(replica).complete(upload.id))
    child = await child_of_this_process()
    child.suspend()
    assert (await stranger.at(replica).upload(data)).size == len(data)
    with refused(INVALID, "VERIFIER_TIMEOUT"):
        await completing
    assert not child.is_running()


async def test_one_user_does_not_take_every_place_to_verify(
    caller: Caller, stranger: Caller, make_replica: MakeReplica
) -> None:
    replica = await make_replica(max_verifications=2)
    data = wav()
    uploads = [await caller.open(len(data)) for _ in range(3)]
    for upload in uploads:
        await caller.send(upload.id, data)
    completing = [asyncio.create_task(caller.at(replica).complete(upload.id)) for upload in uploads]
    child = await child_of_this_process()
    child.suspend()
    assert (await stranger.at(replica).upload(data)).size == len(data)
    states = [(await caller.get_upload(upload.id)).state for upload in uploads]
    assert states.count(pb.UPLOAD_STATE_VERIFYING) == 1
    child.resume()
    assert len({asset.id for asset in await asyncio.gather(*completing)}) == 3


async def test_overwriting_what_was_uploaded_changes_nothing(caller: Caller, servers: Servers) -> None:
    data, other = wav(0.5), bytes(reversed(wav(0.5)))
    answer = await caller.create(len(data), method=pb.UPLOAD_METHOD_POST)
    assert await post(answer.post, data) == 204
    asset = await caller.complete(answer.upload.id)
    assert await post(answer.post, other) == 204  # the form still works, for the key that it was made for
    assert await caller.complete(answer.upload.id) == asset
    assert (await caller.call("GetAsset", pb.GetAssetRequest(asset_id=asset.id))).asset == asset
    stored = await caller.download(asset.id)
    assert (stored, hashlib.sha256(stored).hexdigest()) == (data, asset.sha256)


async def test_what_is_overwritten_while_it_is_verified_is_not_what_becomes_the_asset(
    caller: Caller, servers: Servers
) -> None:
    data, other = wav(0.5), wav(0.5, channels=1).replace(b"\x01", b"\x02")
    assert len(data) == len(other)
    answer = await caller.create(len(data), method=pb.UPLOAD_METHOD_POST)
    await post(answer.post, data)
    completing = asyncio.create_task(caller.complete(answer.upload.id))
    child = await child_of_this_process()
    child.suspend()
    await post(answer.post, other)
    child.resume()
    asset = await completing
    assert await caller.download(asset.id) == data
    assert asset.sha256 == hashlib.sha256(data).hexdigest()


async def post(policy: pb.PostPolicy, data: bytes) -> int:
    fields = dict(policy.fields) | {"file": ("song.wav", data)}
    with urllib3.PoolManager() as http:
        answer = await asyncio.to_thread(http.request, "POST", policy.url, fields=fields, retries=False)
    return int(answer.status)


async def test_bytes_that_storage_has_lost_are_said_to_be_lost(caller: Caller, servers: Servers) -> None:
    data = wav()
    upload = await caller.open(len(data))
    await caller.send(upload.id, data)
    client = administrator(servers)
    for entry in client.list_objects(servers.s3_bucket, f"incoming/{upload.id}/", recursive=True):
        client.remove_object(servers.s3_bucket, str(entry.object_name))
    with refused(INVALID, "BYTES_LOST"):
        await caller.complete(upload.id)


def administrator(servers: Servers) -> Minio:
    return Minio(
        servers.s3_endpoint.removeprefix("http://"),
        access_key=servers.s3_access_key("admin"),
        secret_key=servers.s3_secret_key("admin"),
        secure=False,
        region="us-east-1",
    )


async def test_storage_away_leaves_the_upload_to_be_completed_later(caller: Caller, make_replica: MakeReplica) -> None:
    data = wav()
    upload = await caller.open(len(data))
    await caller.send(upload.id, data)
    nowhere = await make_replica(s3_endpoint="http://127.0.0.1:9")
    with refused(UNAVAILABLE, "STORAGE_UNAVAILABLE"):
        await caller.at(nowhere).complete(upload.id)
    assert (await caller.complete(upload.id)).size == len(data)


async def test_a_caller_who_gives_up_does_not_end_the_verification(caller: Caller) -> None:
    data = wav()
    upload = await caller.open(len(data))
    await caller.send(upload.id, data)
    completing = asyncio.create_task(caller.complete(upload.id, 0.3))
    child = await child_of_this_process()
    child.suspend()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await completing
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert (await caller.get_upload(upload.id)).state == pb.UPLOAD_STATE_VERIFYING
    child.resume()

    async def done() -> bool:
        return (await caller.get_upload(upload.id)).state == pb.UPLOAD_STATE_DONE

    await until(done)
    assert (await caller.complete(upload.id)).size == len(data)


async def test_another_replica_waits_for_the_lease_and_takes_over_from_the_dead(
    caller: Caller, make_replica: MakeReplica
) -> None:
    dead, alive = await make_replica(verify_lease_seconds=0.6), await make_replica()
    data = wav()
    upload = await caller.open(len(data))
    await caller.send(upload.id, data)
    completing = asyncio.create_task(caller.at(dead).complete(upload.id))
    child = await child_of_this_process()
    child.suspend()
    with refused(grpc.StatusCode.ABORTED, "VERIFYING"):
        await caller.at(alive).complete(upload.id)
    # While it says that it lives, it keeps the upload for longer than one lease.
    await lease_renewed(alive, upload.id)
    with refused(grpc.StatusCode.ABORTED, "VERIFYING"):
        await caller.at(alive).complete(upload.id)
    await dead.runtime.database.close()

    async def taken_over() -> pb.Asset | None:
        try:
            return await caller.at(alive).complete(upload.id)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.ABORTED:
                raise
            return None

    asset = await until(taken_over)
    child.resume()
    with pytest.raises(grpc.aio.AioRpcError):
        await completing
    assert await caller.complete(upload.id) == asset
    assert await caller.download(asset.id) == data


async def lease_renewed(replica: Replica, upload_id: str) -> None:
    async def expiry() -> object:
        async with replica.runtime.database.read() as connection:
            cursor = await connection.execute("SELECT lease_expires_at FROM uploads WHERE id = %s", (upload_id,))
            return await cursor.fetchone()

    first = await expiry()

    async def changed() -> bool:
        return await expiry() != first

    await until(changed)
    second = await expiry()

    async def changed_again() -> bool:
        return await expiry() != second

    await until(changed_again)


async def test_verifications_beyond_the_limit_wait_their_turn(caller: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica(max_verifications=1)
    data = wav()
    uploads = [await caller.open(len(data)) for _ in range(3)]
    for upload in uploads:
        await caller.send(upload.id, data)
    # Each is asked for twice: who waits for a turn finds that the other has had it.
    completing = [asyncio.create_task(caller.at(replica).complete(upload.id)) for upload in [*uploads, *uploads]]
    child = await child_of_this_process()
    child.suspend()
    states = [(await caller.get_upload(upload.id)).state for upload in uploads]
    assert sorted(states) == [pb.UPLOAD_STATE_OPEN, pb.UPLOAD_STATE_OPEN, pb.UPLOAD_STATE_VERIFYING]
    child.resume()
    assert len({asset.id for asset in await asyncio.gather(*completing)}) == 3


async def test_a_stopping_service_gives_its_verification_back(caller: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica()
    data = wav()
    upload = await caller.open(len(data))
    await caller.send(upload.id, data)
    completing = asyncio.create_task(caller.at(replica).complete(upload.id))
    (await child_of_this_process()).suspend()
    await replica.servicer._verifier.close()
    with refused(UNAVAILABLE, "STOPPING"):
        await completing
    assert (await caller.complete(upload.id)).size == len(data)


async def test_no_file_of_a_stranger_stays_behind(caller: Caller, make_replica: MakeReplica, tmp_path: Path) -> None:
    replica = await make_replica(scratch_dir=tmp_path)
    await caller.at(replica).upload(wav())
    await refused_for(caller.at(replica), b"nothing to hear", "NOT_AUDIO")
    assert not uploads_in(tmp_path)


def uploads_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if "upload" in path.name]


async def test_what_a_killed_process_left_of_an_upload_goes_when_the_next_one_starts(
    caller: Caller, make_replica: MakeReplica, tmp_path: Path
) -> None:
    replica = await make_replica(scratch_dir=tmp_path / "dead")
    data = wav()
    upload = await caller.open(len(data))
    await caller.send(upload.id, data)
    completing = asyncio.create_task(caller.at(replica).complete(upload.id))
    child = await child_of_this_process()
    child.suspend()
    shutil.copytree(tmp_path / "dead", tmp_path / "left")  # as a kill leaves it: without its owner's lock
    assert uploads_in(tmp_path / "left")
    child.resume()
    await completing
    await make_replica(scratch_dir=tmp_path / "left")
    assert not uploads_in(tmp_path / "left")
