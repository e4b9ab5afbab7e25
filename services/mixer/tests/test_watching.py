"""WatchJob shows a job as it changes, on any replica, with or without NATS."""

import asyncio
from typing import Any

import grpc
import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.database.pool import Database
from automix_common.events import messaging
from automix_local import Servers
from automix_mixer.progress import Progress, subject
from automix_mixer.repository import lifecycle
from automix_mixer.repository.burial import bury_project
from automix_mixer.worker.ending import Endings
from automix_mixer.worker.outcomes import Rendered
from kit.refusals import reason_of, refused
from kit.waiting import until

from .conftest import MakeReplica
from .harness import Caller, Replica, claim_job, render_of, worker_settings

NOWHERE = "nats://127.0.0.1:9"


def watch(caller: Caller, job_id: object, token: str | None = None) -> Any:
    return caller.stream("WatchJob", pb.WatchJobRequest(job_id=str(job_id)), token)


async def next_job(call: Any) -> pb.Job:
    async with asyncio.timeout(20):
        answer = await call.read()
    assert answer is not grpc.aio.EOF
    return answer.job


async def at(caller: Caller, replica: Replica) -> Caller:
    return Caller(replica.stub, caller.issuer, caller.studio, caller.user_id, caller.project_id)


@pytest.mark.parametrize("nats", ["with", "without"])
async def test_from_queued_to_the_render(
    caller: Caller, make_replica: MakeReplica, database: Database, nats: str
) -> None:
    changes = {} if nats == "with" else {"nats_url": NOWHERE}
    watcher = await at(caller, await make_replica(watch_seconds=0.1, **changes))
    job = await caller.create_job()
    call = watch(watcher, job.id)
    assert await next_job(call) == job
    claimed = await claim_job(database, job.id)
    assert claimed is not None
    assert (await next_job(call)).status == pb.JOB_STATUS_PROCESSING
    async with database.read() as connection:
        await lifecycle.extend(connection, claimed.job_id, 1, lease_seconds=60, progress=0.5, stage="mixing")
    half = await next_job(call)
    assert (half.progress, half.stage) == (0.5, "mixing")
    await Endings(database).settle(claimed, Rendered(render_of(claimed)))
    done = await next_job(call)
    assert (done.status, done.progress, done.stage) == (pb.JOB_STATUS_SUCCEEDED, 1, "")
    assert done.render_id
    assert await call.read() is grpc.aio.EOF


async def test_hints_show_progress_between_readings_and_only_the_row_ends_it(
    caller: Caller, make_replica: MakeReplica, database: Database, servers: Servers
) -> None:
    watcher = await at(caller, await make_replica(watch_seconds=3600))
    job = await caller.create_job()
    claimed = await claim_job(database, job.id)
    assert claimed is not None
    call = watch(watcher, job.id)
    assert (await next_job(call)).status == pb.JOB_STATUS_PROCESSING
    nats = await messaging.connect(worker_settings(servers))

    async def hint(progress: float, *, changed: bool = False, attempt: int = 1) -> None:
        await nats.publish(subject(claimed.job_id), Progress(attempt, progress, "mixing", changed).encode())
        await nats.flush()

    await nats.publish(subject(claimed.job_id), b"nonsense")
    await hint(0.25)
    shown = await next_job(call)
    assert (shown.progress, shown.stage) == (0.25, "mixing")
    await hint(0.75, attempt=2)  # not the attempt of the row
    await hint(1.0)
    shown = await next_job(call)
    assert (shown.progress, shown.status) == (1.0, pb.JOB_STATUS_PROCESSING), "a hint of 100 % is no success"
    await Endings(database).settle(claimed, Rendered(render_of(claimed)))
    await hint(1.0, changed=True)
    assert (await next_job(call)).status == pb.JOB_STATUS_SUCCEEDED
    assert await call.read() is grpc.aio.EOF
    await nats.close()


async def test_a_job_that_has_ended_is_shown_once(caller: Caller) -> None:
    job = await caller.create_job()
    await caller.call("CancelJob", pb.CancelJobRequest(job_id=job.id))
    call = watch(caller, job.id)
    assert (await next_job(call)).status == pb.JOB_STATUS_CANCELLED
    assert await call.read() is grpc.aio.EOF


async def test_strangers_see_nothing(caller: Caller, stranger: Caller) -> None:
    job = await caller.create_job()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await next_job(watch(stranger, job.id))
    assert reason_of(raised.value) == "NOT_YOURS"


async def test_a_deleted_job_ends_the_watch(caller: Caller, make_replica: MakeReplica, database: Database) -> None:
    watcher = await at(caller, await make_replica(watch_seconds=0.1))
    call = watch(watcher, (await caller.create_job()).id)
    await next_job(call)
    async with database.transaction() as connection:
        await bury_project(connection, caller.owner.project_id)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await next_job(call)
    assert reason_of(raised.value) == "NOT_YOURS"


@pytest.mark.parametrize("nats", ["with", "without"])
async def test_the_watch_ends_with_its_token(caller: Caller, make_replica: MakeReplica, nats: str) -> None:
    changes = {} if nats == "with" else {"nats_url": NOWHERE}
    watcher = await at(caller, await make_replica(watch_seconds=3600, **changes))
    job = await caller.create_job()
    call = watch(watcher, job.id, caller.issuer.token(caller.user_id, seconds=1.5))
    await next_job(call)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await next_job(call)
    assert (raised.value.code(), reason_of(raised.value)) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")


async def test_a_stopping_server_sends_its_watchers_elsewhere(caller: Caller, make_replica: MakeReplica) -> None:
    stopping = await make_replica(watch_seconds=3600)
    call = watch(await at(caller, stopping), (await caller.create_job()).id)
    await next_job(call)
    stopping.runtime.stopping.set()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await next_job(call)
    assert (raised.value.code(), reason_of(raised.value)) == (grpc.StatusCode.UNAVAILABLE, "STOPPING")


async def test_one_user_watches_so_many_jobs_at_once(
    caller: Caller, stranger: Caller, make_replica: MakeReplica
) -> None:
    replica = await make_replica(max_watches=2, watch_seconds=3600)
    mine, theirs = await at(caller, replica), await at(stranger, replica)
    job = await caller.create_job()
    watches = [watch(mine, job.id) for _ in range(2)]
    for call in watches:
        assert await next_job(call) == job
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCHES_BUSY") as refusal:
        await next_job(watch(mine, job.id))
    assert refusal.retry_after_seconds
    their_job = await stranger.create_job()
    assert await next_job(watch(theirs, their_job.id)) == their_job
    watches[0].cancel()

    async def room() -> bool:
        try:
            return bool(await next_job(watch(mine, job.id)) == job)
        except grpc.aio.AioRpcError:
            return False

    assert await until(room)


async def test_a_watcher_who_leaves_leaves_nothing(caller: Caller, make_replica: MakeReplica) -> None:
    replica = await make_replica(watch_seconds=0.1)
    nats = await replica.runtime.nats()
    subscriptions = len(nats._subs)
    call = watch(await at(caller, replica), (await caller.create_job()).id)
    await next_job(call)
    assert len(nats._subs) == subscriptions + 1
    call.cancel()
    async with asyncio.timeout(20):
        while len(nats._subs) > subscriptions:
            await asyncio.sleep(0.02)
