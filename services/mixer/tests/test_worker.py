"""A worker ends every job that it takes in a render or in a reason, and goes on to the next."""

import asyncio
import hashlib
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.database.pool import Database
from automix_common.events import messaging
from automix_common.events.outbox import Relay
from automix_common.events.settings import MessagingSettings
from automix_common.objects.storage import S3Store
from automix_common.runtime import open_runtime
from automix_local import Servers
from automix_mixer.domain import JobInput
from automix_mixer.engine import Settings as EngineSettings
from automix_mixer.repository import events
from automix_mixer.repository.burial import bury_project
from automix_mixer.repository.jobs import Jobs
from automix_mixer.worker.composition import open_intake
from kit.waiting import until

from .harness import (
    SHA,
    Caller,
    Owner,
    claim_job,
    forgetful,
    mixer_settings,
    queue_job,
    row_of,
    scalar,
    tone,
    track,
    worker_settings,
)

ENGINE = "automix_mixer.engine.face.child"
Wait = Callable[[UUID], Awaitable[dict[str, Any]]]


@pytest.fixture(scope="module")
async def relayed(migrated: Servers, database: Database) -> AsyncIterator[None]:
    """The stream is there, what other tests have queued is not, and events travel."""
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM jobs")
        await connection.execute("DELETE FROM outbox")
    provisioner = await messaging.connect(
        MessagingSettings(
            nats_url=migrated.nats_url,
            nats_user="provisioner",
            nats_password=migrated.nats_password("provisioner"),
        )
    )
    await messaging.provision(provisioner.jetstream())
    await provisioner.close()
    async with open_runtime(mixer_settings(migrated), "mixer") as runtime:
        relay = Relay(runtime.database, await runtime.stream(), schema="mixer", sweep_seconds=1)
        async with running(relay.run()):
            yield


@asynccontextmanager
async def running(work: Any) -> AsyncIterator["asyncio.Future[None]"]:
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


Work = Callable[..., Awaitable[None]]


@pytest.fixture
async def work(relayed: None, servers: Servers, tmp_path: Path) -> AsyncIterator[Work]:
    """work(render_wall_seconds=2) starts a worker with these settings; it has left nothing behind when it ends."""
    async with AsyncExitStack() as stack:

        async def start(on: Database | None = None, **changes: Any) -> None:
            settings = worker_settings(servers, **{"scratch_dir": tmp_path, **changes})
            runtime = await stack.enter_async_context(open_runtime(settings, "mixer"))
            runtime = replace(runtime, database=on or runtime.database)
            intake = stack.enter_context(open_intake(settings, runtime))
            await stack.enter_async_context(running(intake.run()))

        yield start
    assert left_in(tmp_path) == []
    assert engines() == []


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.fixture(scope="module")
async def beat(servers: Servers) -> JobInput:
    return await stored(servers, tone())


async def stored(servers: Servers, data: bytes, **changes: Any) -> JobInput:
    """A track whose object is there, as media leaves it."""
    found = track(size=len(data), **{"sha256": hashlib.sha256(data).hexdigest(), **changes})
    store = S3Store(
        worker_settings(
            servers, s3_access_key=servers.s3_access_key("media"), s3_secret_key=servers.s3_secret_key("media")
        )
    )
    await store.put_bytes(found.storage_key, data)
    store.close()
    return found


def engines() -> list[psutil.Process]:
    """Render processes of this process."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if ENGINE in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
    return found


async def engine() -> psutil.Process:
    found: list[psutil.Process] = await until(engines)
    return found[0]


async def ended(database: Database, job_id: UUID) -> dict[str, Any]:
    async def over() -> dict[str, Any] | None:
        row = await row_of(database, job_id)
        return row if not row or row["ended_at"] else None

    row: dict[str, Any] = await until(over)
    return row


async def status(database: Database, job_id: UUID) -> str:
    return str((await row_of(database, job_id)).get("status"))


async def test_a_job_becomes_a_render_and_its_plan_can_be_rendered_again(
    work: Work, caller: Caller, servers: Servers, database: Database
) -> None:
    await work()
    for role, hertz in (("vocals", 880), ("beat", 110)):
        data = tone(2.0, hertz)
        asset = caller.studio.add_asset(caller.project_id, role, data)
        await stored(servers, data, storage_key=asset.storage_key)
    inputs = [
        pb.JobInput(asset_id=asset.id)
        for asset in caller.studio.assets.values()
        if asset.project_id == caller.project_id and asset.size > 1
    ]
    job = await caller.create_job(inputs=inputs, settings=pb.MixSettings(stems=True, track_stems=True))
    assert (await ended(database, UUID(job.id)))["status"] == "succeeded"
    job = await caller.job(job.id)
    assert (job.status, job.attempt) == (pb.JOB_STATUS_SUCCEEDED, 1)
    answers = [
        answer async for answer in caller.stream("DownloadRender", pb.DownloadRenderRequest(render_id=job.render_id))
    ]
    render, data = answers[0].render, b"".join(answer.data for answer in answers)
    assert hashlib.sha256(data).hexdigest() == render.sha256
    assert data[:4] == b"RIFF"
    assert 2.0 <= render.duration < 5.0, "the space may ring out"
    assert render.filename == "Song (mix).wav"
    stems = {file.filename for file in render.files if file.kind == "stem"}
    assert stems >= {"Song (lead).wav", "Song (beat).wav"}
    tracks = {file.filename.partition(" (")[2][:2] for file in render.files if file.kind == "track"}
    assert tracks == {"1 ", "2 "}, "each by its number and its name"
    documents = await caller.call("GetRenderReport", pb.GetRenderReportRequest(render_id=job.render_id))
    assert json.loads(documents.report_json)["duration_s"] == pytest.approx(render.duration, abs=0.01)
    plan = json.loads(documents.plan_json)
    assert plan["version"] == 2
    assert {track["track"] for track in plan["tracks"]} == {0, 1}
    again = await caller.create_job(inputs=inputs, plan_json=documents.plan_json)
    assert (await ended(database, UUID(again.id)))["error_message"] is None
    second = await caller.job(again.id)
    repeated = (await caller.call("GetRender", pb.GetRenderRequest(render_id=second.render_id))).render
    assert repeated.sha256 == render.sha256, "the same plan gives the same bytes"


async def test_bad_inputs_fail_at_once_with_their_reason(
    work: Work, servers: Servers, database: Database, beat: JobInput, owner: Owner
) -> None:
    await work()
    changed = await stored(servers, b"other bytes", sha256=SHA)
    noise = await stored(servers, b"not audio at all")
    for bad, reason in ((track(), "INPUT_DELETED"), (changed, "INPUT_CHANGED"), (noise, "NOT_AUDIO")):
        row = await ended(database, await queue_job(database, owner, inputs=[beat, bad]))
        assert (row["status"], row["error_reason"], row["attempt"]) == ("failed", reason, 1)
        assert row["error_message"]


@pytest.mark.parametrize(
    ("changes", "strike", "reason"),
    [
        ({}, signal.SIGSEGV, "RENDER_CRASHED"),
        ({}, signal.SIGKILL, "RENDER_CRASHED"),
        ({"render_silence_seconds": 0.3}, signal.SIGSTOP, "RENDER_TIMEOUT"),
        ({"render_wall_seconds": 0.3}, signal.SIGSTOP, "RENDER_TIMEOUT"),
        ({"render_memory_bytes": 24 * 1024**2}, None, "RENDER_OUT_OF_MEMORY"),
    ],
    ids=["segfault", "kill", "silence", "hang", "memory"],
)
async def test_a_render_that_dies_is_tried_three_times(
    work: Work,
    database: Database,
    beat: JobInput,
    owner: Owner,
    changes: dict[str, Any],
    strike: signal.Signals | None,
    reason: str,
) -> None:
    await work(**changes)
    job_id = await queue_job(database, owner, inputs=[beat])
    struck = set()
    while strike is not None and len(struck) < 3:
        process = await engine()
        if process.pid not in struck:
            struck.add(process.pid)
            process.send_signal(strike)
        await asyncio.sleep(0.02)
    row = await ended(database, job_id)
    assert (row["status"], row["error_reason"], row["failures"], row["attempt"]) == ("failed", reason, 3, 3)


@pytest.fixture
def full_disk(tmp_path_factory: pytest.TempPathFactory, beat: JobInput) -> Iterator[Path]:
    """A file system with room for a job's track and for nothing of its mix."""
    folder = tmp_path_factory.mktemp("full")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={beat.size + 64 * 1024}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system of its own cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_disk_that_is_full_each_time_is_the_reason(
    full_disk: Path, work: Work, database: Database, beat: JobInput, owner: Owner
) -> None:
    await work(scratch_dir=full_disk)
    row = await ended(database, await queue_job(database, owner, inputs=[beat]))
    assert (row["status"], row["error_reason"], row["failures"]) == ("failed", "RENDER_DISK_FULL", 3)


async def test_after_a_crash_the_same_worker_renders_the_next_job(
    work: Work, database: Database, beat: JobInput, owner: Owner
) -> None:
    await work()
    first = await queue_job(database, owner, inputs=[beat])
    (await engine()).send_signal(signal.SIGSEGV)
    second = await queue_job(database, owner, inputs=[beat])
    assert (await ended(database, second))["status"] == "succeeded"
    row = await ended(database, first)
    assert (row["status"], row["failures"]) == ("succeeded", 1)


async def test_a_cancel_stops_the_render(work: Work, database: Database, beat: JobInput, owner: Owner) -> None:
    await work()
    job_id = await queue_job(database, owner, inputs=[beat])
    (await engine()).suspend()
    async with database.transaction() as connection:
        await Jobs(connection, owner.user_id).cancel(job_id)
    assert (await ended(database, job_id))["status"] == "cancelled"
    await until(lambda: not engines())


async def test_a_deleted_job_stops_the_render(work: Work, database: Database, beat: JobInput, owner: Owner) -> None:
    await work()
    job_id = await queue_job(database, owner, inputs=[beat])
    (await engine()).suspend()
    async with database.transaction() as connection:
        await bury_project(connection, owner.project_id)
    await until(lambda: not engines())
    assert await row_of(database, job_id) == {}
    another = await queue_job(database, Owner(), inputs=[beat])
    assert (await ended(database, another))["status"] == "succeeded"


async def test_a_job_that_another_took_over_stops_the_render(
    work: Work, database: Database, beat: JobInput, owner: Owner
) -> None:
    await work(lease_seconds=0.5, heartbeat_seconds=2)
    job_id = await queue_job(database, owner, inputs=[beat])
    process = await engine()
    process.suspend()
    taken = await until(lambda: claim_job(database, job_id))
    assert taken.attempt == 2
    await until(lambda: not process.is_running())
    row = await row_of(database, job_id)
    assert (row["status"], row["attempt"], row["worker_id"]) == ("processing", 2, "worker")


async def test_a_worker_that_stops_hands_its_job_back(
    servers: Servers, relayed: None, database: Database, beat: JobInput, owner: Owner, tmp_path: Path
) -> None:
    job_id = await queue_job(database, owner, inputs=[beat])
    settings = worker_settings(servers, scratch_dir=tmp_path)
    for attempt in (1, 2, 3, 4):
        async with open_runtime(settings, "mixer") as runtime:
            with open_intake(settings, runtime) as intake:
                async with running(intake.run()):
                    (await engine()).suspend()
        assert engines() == []
        row = await row_of(database, job_id)
        assert (row["status"], row["attempt"], row["failures"]) == ("queued", attempt, 0)
    async with database.transaction() as connection:
        await Jobs(connection, owner.user_id).cancel(job_id)


async def test_answers_that_are_lost_cost_nothing(work: Work, database: Database, beat: JobInput, owner: Owner) -> None:
    """Of the claim's commit and of the render's: the worker reads the row again and goes on with its own attempt."""
    async with forgetful(database, answers=1) as deaf:
        await work(on=deaf)
        job_id = await queue_job(database, owner, inputs=[beat])
        await engine()
        assert deaf.answers == 0, "the claim's answer was lost"
        deaf.answers = 1
        row = await ended(database, job_id)
        assert (row["status"], row["attempt"], row["failures"]) == ("succeeded", 1, 0)
        assert deaf.answers == 0, "the render's too"
    assert await scalar(database, "SELECT count(*) FROM renders WHERE job_id = %s", job_id) == 1


async def test_a_message_that_came_twice_renders_once(
    work: Work, database: Database, beat: JobInput, owner: Owner
) -> None:
    await work(worker_concurrency=2)
    job_id = await queue_job(database, owner, inputs=[beat])
    async with database.transaction() as connection:
        for _ in range(3):
            await events.job_queued(connection, job_id)
    assert (await ended(database, job_id))["attempt"] == 1
    assert await scalar(database, "SELECT count(*) FROM renders WHERE job_id = %s", job_id) == 1


async def test_another_users_job_is_next_whoever_queued_first(
    work: Work, database: Database, beat: JobInput, owner: Owner
) -> None:
    many = [await queue_job(database, owner, inputs=[beat]) for _ in range(4)]
    await work()
    process = await engine()
    process.suspend()
    other = await queue_job(database, Owner(), inputs=[beat])
    process.resume()
    started = [(await ended(database, job))["started_at"] for job in (*many, other)]
    assert sorted(started).index(started[-1]) == 1, "one was in work"


async def test_wav_settings_reach_the_engine(work: Work, database: Database, beat: JobInput, owner: Owner) -> None:
    await work()
    settings = EngineSettings(format="flac24").to_json()
    job_id = await queue_job(database, owner, inputs=[beat], settings=settings)
    assert (await ended(database, job_id))["error_message"] is None
    assert await scalar(database, "SELECT filetype::text FROM renders WHERE job_id = %s", job_id) == "flac"
