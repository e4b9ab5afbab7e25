"""Workers that freeze, are told to stop, or meet at the same job."""

import asyncio
import os
import signal

import nats
from automix.events.v1 import events_pb2
from automix_common.process.ids import new_id
from automix_platform.events import JOB_QUEUED
from kit.jobs import ended, job_row, processing, render_child, settle
from kit.people import Studio
from kit.stack import Stack
from kit.strikes import Strikes
from kit.waiting import until

WORKER, OTHER = "worker", "worker-2"


async def test_a_zombie_changes_nothing(stack: Stack, strikes: Strikes, studio: Studio) -> None:
    """A worker freezes with its render stored and wakes up when another has long finished the job."""
    point = "worker.after_upload"
    strikes.order(point)
    async with stack.told(strikes.armed(point, action="stop"), WORKER):
        async with stack.without(OTHER):
            job = await studio.job()
            await until(lambda: strikes.struck(point) and stack.is_halted(WORKER), what="a frozen worker")
        finished = await ended(stack, job)
        assert (finished["status"], finished["attempt"], finished["failures"]) == ("succeeded", 2, 1)
        await stack.stop(OTHER)
        stack.resume(WORKER)
        # The zombie takes its next job only when it is done with this one.
        following = await ended(stack, await studio.job())
        assert following["status"] == "succeeded"
        await stack.start(OTHER)
    assert await job_row(stack, job) == finished
    await settle(stack, [job, following["id"]])


async def test_three_stops_cost_no_failure(stack: Stack, studio: Studio) -> None:
    async with stack.without(OTHER):
        job = await studio.job()
        for attempt in (1, 2, 3):
            await processing(stack, job, attempt)
            child = await render_child(stack, WORKER)
            child.suspend()  # so that the stop finds it rendering, however fast it is
            await asyncio.to_thread(stack.processes.restart, WORKER)
            assert not child.is_running()
        finished = await ended(stack, job)
    assert (finished["status"], finished["attempt"], finished["failures"]) == ("succeeded", 4, 0)
    await settle(stack, [job])


async def test_two_workers_with_the_same_job_make_one_render(stack: Stack, studio: Studio) -> None:
    async with stack.without(WORKER, OTHER):
        jobs = [await studio.job() for _ in range(4)]
        client = await nats.connect(
            stack.servers.nats_url,
            user="mixer",
            password=stack.servers.nats_password("mixer"),
            inbox_prefix=b"_INBOX_mixer",
        )
        for _ in range(5):
            for job in jobs:
                event_id = str(new_id())
                event = events_pb2.Event(event_id=event_id, job_queued=events_pb2.JobQueued(job_id=job))
                await client.jetstream().publish(
                    JOB_QUEUED, event.SerializeToString(), headers={"Nats-Msg-Id": event_id}
                )
        await client.close()
    for job in jobs:
        finished = await ended(stack, job)
        assert (finished["status"], finished["attempt"], len(finished["renders"])) == ("succeeded", 1, 1)
    await settle(stack, jobs)


async def test_a_killed_worker_costs_one_failure(stack: Stack, studio: Studio) -> None:
    async with stack.without(OTHER):
        job = await studio.job()
        await processing(stack, job)
        child = await render_child(stack, WORKER)
        child.suspend()
        os.kill(stack.processes.pid(WORKER), signal.SIGKILL)
        finished = await ended(stack, job)
        assert not child.is_running()
    assert (finished["status"], finished["attempt"], finished["failures"]) == ("succeeded", 2, 1)
    await settle(stack, [job])
