"""A job is watched to its end, whatever happens to the watching."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import grpc
import pytest
from automix.mixer.v1 import mixer_pb2 as pb
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_client.errors import JobCancelledError, JobFailedError, NotReachableError, NotYoursError, RefusedError
from automix_client.settings import TlsFiles
from automix_common.rpc.errors import ServiceError, Unauthenticated, Unavailable
from kit.stand_in.platform import serve
from kit.stand_in.world import World

from .conftest import PATIENCE

pytestmark = pytest.mark.usefixtures("project")

CUT = pb.Job()


def processing(progress: float) -> pb.Job:
    return pb.Job(status=pb.JOB_STATUS_PROCESSING, progress=progress, stage="mixing")


def ended(status: pb.JobStatus.ValueType, reason: str = "") -> pb.Job:
    return pb.Job(status=status, progress=1.0, error=pb.JobError(reason=reason, message=f"because {reason}"))


async def watched(client: AsyncClient, job_id: str) -> list[tuple[int, float]]:
    return [(job.status, job.progress) async for job in client.jobs.watch(job_id)]


async def test_every_change_is_seen_and_the_end(client: AsyncClient, world: World) -> None:
    job = await client.jobs.create("p")
    world.script = [processing(0.1), processing(0.6), ended(pb.JOB_STATUS_SUCCEEDED)]
    assert await watched(client, job.id) == [
        (pb.JOB_STATUS_QUEUED, 0.0),
        (pb.JOB_STATUS_PROCESSING, pytest.approx(0.1)),
        (pb.JOB_STATUS_PROCESSING, pytest.approx(0.6)),
        (pb.JOB_STATUS_SUCCEEDED, 1.0),
    ]


class Cancelled(ServiceError):
    """How a server ends its streams when it stops without further words."""

    code = grpc.StatusCode.CANCELLED


CUTS = [Unavailable("STOPPING", "bye"), Unauthenticated("TOKEN_EXPIRED", "expired"), Cancelled("", "cancelled")]


@pytest.mark.parametrize("cut", CUTS)
async def test_a_cut_watch_is_taken_up_and_tells_nothing_twice(
    client: AsyncClient, world: World, cut: ServiceError
) -> None:
    job = await client.jobs.create("p")
    world.cut_by = cut
    world.script = [CUT, processing(0.1), CUT, CUT, processing(0.6), CUT, ended(pb.JOB_STATUS_SUCCEEDED)]
    seen = await watched(client, job.id)
    assert len(seen) == len(set(seen)) == 4
    assert world.calls["WatchJob"] == 5


async def test_a_server_that_stops_and_comes_back_is_watched_on(world: World) -> None:
    async with serve(world) as port:
        client = AsyncClient(Endpoints.parse(f"127.0.0.1:{port}"), tls=TlsFiles(), patience=PATIENCE)
        await client.account.sign_up("me@example.org", "long enough")
        job = await client.jobs.create("p")
        jobs = client.jobs.watch(job.id)
        assert (await anext(jobs)).status == pb.JOB_STATUS_QUEUED
        following = asyncio.ensure_future(anext(jobs))
        await asyncio.sleep(0)
    world.jobs[job.id] = ended(pb.JOB_STATUS_SUCCEEDED)
    async with serve(world, port), client, aclosing(jobs):
        assert (await following).status == pb.JOB_STATUS_SUCCEEDED


async def test_a_silent_stream_is_opened_anew(client: AsyncClient, world: World) -> None:
    job = await client.jobs.create("p")
    client.session.patience = replace(PATIENCE, stall=0.05)
    async with aclosing(client.jobs.watch(job.id)) as jobs:
        await anext(jobs)
        following = asyncio.ensure_future(anext(jobs))
        async with asyncio.timeout(20):
            while world.calls["WatchJob"] < 3:
                await asyncio.sleep(0.01)
        world.move(ended(pb.JOB_STATUS_SUCCEEDED))
        world.jobs[job.id] = ended(pb.JOB_STATUS_SUCCEEDED)
        assert (await following).status == pb.JOB_STATUS_SUCCEEDED


async def test_watching_ends_when_nobody_answers(client: AsyncClient, world: World) -> None:
    job = await client.jobs.create("p")
    client.session.patience = replace(PATIENCE, stubborn=0.1)
    world.unavailable["WatchJob"] = 1_000_000
    with pytest.raises(NotReachableError):
        await watched(client, job.id)


async def test_a_job_of_somebody_else_is_not_watched(client: AsyncClient, world: World) -> None:
    with pytest.raises(NotYoursError):
        await watched(client, "x")
    assert world.calls["WatchJob"] == 1


async def test_waiting_raises_how_it_ended(client: AsyncClient, world: World) -> None:
    job = await client.jobs.create("p")
    world.script = [processing(0.1), ended(pb.JOB_STATUS_FAILED, "NOT_AUDIO")]
    with pytest.raises(JobFailedError, match="because NOT_AUDIO") as failed:
        await client.jobs.wait(job.id)
    assert (failed.value.reason, failed.value.job.id) == ("NOT_AUDIO", job.id)
    job = await client.jobs.create("p")
    world.script = [ended(pb.JOB_STATUS_CANCELLED)]
    with pytest.raises(JobCancelledError):
        await client.jobs.wait(job.id)


async def test_a_cancel_whose_answer_got_lost_has_cancelled(client: AsyncClient, world: World) -> None:
    job = await client.jobs.create("p")
    world.lost_answers["CancelJob"] = 1
    assert (await client.jobs.cancel(job.id)).status == pb.JOB_STATUS_CANCELLED
    assert world.calls["CancelJob"] == 2


async def test_a_job_that_has_ended_is_not_cancelled(client: AsyncClient, world: World) -> None:
    job = await client.jobs.create("p")
    world.jobs[job.id].status = pb.JOB_STATUS_SUCCEEDED
    world.unavailable["CancelJob"] = 1
    with pytest.raises(RefusedError) as caught:
        await client.jobs.cancel(job.id)
    assert caught.value.reason == "JOB_ENDED"


async def test_the_same_request_is_one_job(client: AsyncClient, world: World) -> None:
    world.lost_answers["CreateJob"] = 1
    job = await client.jobs.create("p")
    assert list(world.jobs) == [job.id]
