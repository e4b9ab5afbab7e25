"""Whatever a file does to its verifier, the service goes on: limits, turns, leases, and what is left behind."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import grpc
import psutil
import pytest
from automix.media.v1 import media_pb2 as pb
from automix_media import lanes
from kit.refusals import refused
from kit.waiting import until

from .conftest import MakeReplica
from .harness import Caller, Replica, refused_for, verifying_child, verifying_children, wav

INVALID = grpc.StatusCode.INVALID_ARGUMENT
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


async def test_a_file_that_needs_too_much_memory_is_refused_and_the_next_is_verified(
    caller: Caller, make_replica: MakeReplica
) -> None:
    # Of private memory the imports take 64 MiB and OpenBLAS 32 for its first product (4 of which are ever touched); a
    # file of usual shape adds little.
    replica = await make_replica(verify_memory_bytes=112 * 1024**2)
    await refused_for(caller.at(replica), wav(0.3, rate=384_000, channels=24), "VERIFIER_OUT_OF_MEMORY")
    assert (await caller.at(replica).upload(wav())).size == len(wav())


async def test_a_verifier_that_takes_too_long_is_ended(caller: Caller, make_replica: MakeReplica) -> None:
    slow = await make_replica(verify_wall_seconds=0.05)
    await refused_for(caller.at(slow), wav(), "VERIFIER_TIMEOUT")
    silent = await make_replica(verify_silence_seconds=0.05)
    await refused_for(caller.at(silent), wav(), "VERIFIER_TIMEOUT")


async def test_a_verifier_that_is_killed_refuses_its_upload_alone(caller: Caller, stranger: Caller) -> None:
    data = wav()
    upload = await caller.sent(data)
    completing = asyncio.create_task(caller.complete(upload.id))
    (await verifying_child()).kill()
    with refused(INVALID, "VERIFIER_CRASHED"):
        await completing
    assert (await stranger.upload(data)).size == len(data)


async def test_a_verifier_that_hangs_is_ended_while_others_are_served(
    caller: Caller, stranger: Caller, make_replica: MakeReplica
) -> None:
    replica = await make_replica(verify_silence_seconds=5, max_verifications=2)
    data = wav()
    upload = await caller.sent(data)
    completing = asyncio.create_task(caller.at(replica).complete(upload.id))
    child = await verifying_child()
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
    child = await verifying_child()
    child.suspend()
    assert (await stranger.at(replica).upload(data)).size == len(data)
    states = [(await caller.get_upload(upload.id)).state for upload in uploads]
    assert states.count(pb.UPLOAD_STATE_VERIFYING) <= 2  # one that takes long goes on beside the places
    child.resume()
    assert len({asset.id for asset in await asyncio.gather(*completing)}) == 3


async def test_storage_away_leaves_the_upload_to_be_completed_later(caller: Caller, make_replica: MakeReplica) -> None:
    data = wav()
    upload = await caller.sent(data)
    nowhere = await make_replica(s3_endpoint="http://127.0.0.1:9")
    with refused(UNAVAILABLE, "STORAGE_UNAVAILABLE"):
        await caller.at(nowhere).complete(upload.id)
    assert (await caller.complete(upload.id)).size == len(data)


async def test_a_caller_who_gives_up_does_not_end_the_verification(caller: Caller) -> None:
    data = wav()
    upload = await caller.sent(data)
    completing = asyncio.create_task(caller.complete(upload.id, 0.3))
    child = await verifying_child()
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
    upload = await caller.sent(data)
    completing = asyncio.create_task(caller.at(dead).complete(upload.id))
    child = await verifying_child()
    child.suspend()
    with refused(grpc.StatusCode.ABORTED, "VERIFYING") as refusal:
        await caller.at(alive).complete(upload.id)
    assert refusal.retry_after_seconds
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


async def test_a_verifier_that_comes_too_late_answers_with_the_others_asset_and_leaves_no_object(
    caller: Caller, make_replica: MakeReplica
) -> None:
    late, other = await make_replica(), await make_replica()
    data = wav()
    upload = await caller.sent(data)
    completing = asyncio.create_task(caller.at(late).complete(upload.id))
    child = await verifying_child()
    child.suspend()
    async with late.runtime.database.transaction() as connection:
        cursor = await connection.execute(
            "UPDATE uploads SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE id = %s RETURNING verifier",
            (upload.id,),
        )
        ((verifier,),) = await cursor.fetchall()
    asset = await caller.at(other).complete(upload.id)
    child.resume()
    assert await completing == asset
    async with late.runtime.database.read() as connection:
        cursor = await connection.execute("SELECT storage_key FROM object_deletions")
        noted = {key for (key,) in await cursor.fetchall()}
    assert f"assets/{verifier}" in noted
    assert asset.storage_key not in noted


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
    child = await verifying_child()
    child.suspend()
    states = [(await caller.get_upload(upload.id)).state for upload in uploads]
    assert sorted(states) == [pb.UPLOAD_STATE_OPEN, pb.UPLOAD_STATE_OPEN, pb.UPLOAD_STATE_VERIFYING]
    child.resume()
    assert len({asset.id for asset in await asyncio.gather(*completing)}) == 3


async def test_a_stopping_service_gives_its_verification_back(caller: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica()
    data = wav()
    upload = await caller.sent(data)
    completing = asyncio.create_task(caller.at(replica).complete(upload.id))
    (await verifying_child()).suspend()
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
    upload = await caller.sent(data)
    completing = asyncio.create_task(caller.at(replica).complete(upload.id))
    child = await verifying_child()
    child.suspend()
    shutil.copytree(tmp_path / "dead", tmp_path / "left")  # as a kill leaves it: without its owner's lock
    assert uploads_in(tmp_path / "left")
    child.resume()
    await completing
    await make_replica(scratch_dir=tmp_path / "left")
    assert not uploads_in(tmp_path / "left")


async def test_long_verifications_make_way_and_beyond_the_long_places_begin_anew_later(
    caller: Caller, stranger: Caller, make_replica: MakeReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MOST_SECONDS", 0.5)
    replica = await make_replica(max_verifications=1)
    data = wav()
    completing = []
    held: list[psutil.Process] = []
    own = psutil.Process().nice()
    for niceness in (10, 5, 0):  # one in each lane, the last lane first
        upload = await caller.sent(data)
        completing.append(asyncio.create_task(caller.at(replica).complete(upload.id)))
        child = await until(lambda: next((one for one in verifying_children() if one not in held), None))
        assert isinstance(child, psutil.Process)
        child.suspend()
        held.append(child)
        lower = min(19, own + niceness)
        await until(lambda lower=lower: held[-1].nice() == lower)
    assert all(child.is_running() for child in held)  # nobody wants their places
    # Somebody does: the shortest goes, for there is no room where it belongs, and begins anew later.
    other = asyncio.create_task(stranger.at(replica).upload(data))
    await until(lambda: not held[2].is_running())
    monkeypatch.setattr(lanes, "MOST_SECONDS", 60)
    assert (await other).size == len(data)
    assert not any(task.done() for task in completing)
    for child in held[:2]:
        child.resume()
    assert [asset.size for asset in await asyncio.gather(*completing)] == [len(data)] * 3


async def test_work_that_waits_has_its_time_in_every_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LOOK_SECONDS", 0.0)
    place = await lanes.Lanes(2).place(uuid4())
    begun: list[lanes.Work] = []
    end = asyncio.Event()

    async def wait(work: lanes.Work) -> None:
        begun.append(work)
        await end.wait()

    running = asyncio.create_task(place.run(wait))
    await until(lambda: begun)
    for niceness in (5, 10):
        begun[0].began -= lanes.MOST_SECONDS + 1
        await until(lambda niceness=niceness: begun[0].niceness >= niceness)
        for _ in range(100):  # turns of the loop, in which it looks again
            await asyncio.sleep(0)
        assert begun[0].niceness == niceness
    end.set()
    await running
    place.leave()
    assert len(begun) == 1


def test_a_verifier_gives_way_to_its_service_whose_own_priority_stays() -> None:
    own = psutil.Process().nice()
    children = [subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(2)]
    for child, niceness in zip(children, (0, 5), strict=True):
        with child:
            nicer = psutil.Process(child.pid)
            nicer.nice(min(19, own + 1))  # as an administrator has it: what asks for no step leaves it
            lanes.Work(niceness).started(child.pid)
            assert nicer.nice() == min(19, own + (niceness or 1))
            child.communicate(b"\n")


def test_a_priority_that_may_not_be_changed_ends_no_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr("os.setpriority", refuse)
    lanes.Work(5).started(psutil.Process().pid)


async def test_one_user_alone_never_begins_a_verification_anew(
    caller: Caller, make_replica: MakeReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MOST_SECONDS", 0.0)
    monkeypatch.setattr(lanes, "LOOK_SECONDS", 0.02)
    begun: list[int] = []
    started = lanes.Work.started

    def counted(work: lanes.Work, process_id: int) -> None:
        begun.append(process_id)
        started(work, process_id)

    monkeypatch.setattr(lanes.Work, "started", counted)
    replica = await make_replica(max_verifications=1)
    data = wav()
    uploads = [await caller.sent(data) for _ in range(5)]
    assets = await asyncio.gather(*(caller.at(replica).complete(upload.id) for upload in uploads))
    assert len({asset.id for asset in assets}) == len(begun) == 5
