"""Render children that crash, outgrow their memory or hang: tried again, then failed with a reason, and forgotten."""

import asyncio
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import psutil
import pytest
from automix.mixer.v1 import mixer_pb2
from kit.jobs import ended, processing, render_child, settle
from kit.people import Studio
from kit.stack import Stack
from kit.waiting import until

WORKER = "worker"


LOADED_BYTES = 90_000_000
"""The engine with its libraries; a child that is still loading them would only fail to start."""
LEFT_BYTES = 500_000
"""Enough for a thread to begin: one that cannot hangs its process, which is another fault."""


async def crash(child: psutil.Process) -> None:
    child.send_signal(signal.SIGSEGV)


async def hang(child: psutil.Process) -> None:
    child.suspend()


async def starve(child: psutil.Process) -> None:
    """Takes away nearly all that its limit had left; the next block of sound is one too many."""
    await until(lambda: child.memory_info().rss > LOADED_BYTES, what="a child at work")
    most = child.memory_info().data + LEFT_BYTES
    resource.prlimit(child.pid, resource.RLIMIT_DATA, (most, most))


@pytest.fixture(scope="module")
async def worker(stack: Stack) -> AsyncIterator[int]:
    """The process id of the one worker, which waits for seconds alone for a child that says nothing."""
    async with stack.without("worker-2"), stack.told({"AUTOMIX_RENDER_SILENCE_SECONDS": "8"}, WORKER):
        yield stack.processes.pid(WORKER)


@pytest.mark.parametrize(
    ("strike", "reason"),
    [(crash, "RENDER_CRASHED"), (starve, "RENDER_OUT_OF_MEMORY"), (hang, "RENDER_TIMEOUT")],
    ids=["SIGSEGV", "memory", "hung"],
)
async def test_three_lost_children_fail_the_job(
    stack: Stack, studio: Studio, worker: int, strike: Callable[[psutil.Process], Awaitable[None]], reason: str
) -> None:
    job = await studio.job()
    for attempt, blow in ((1, strike), (2, crash), (3, strike)):
        await processing(stack, job, attempt)
        child = await render_child(stack, WORKER)
        await blow(child)
        await asyncio.to_thread(child.wait, 30)
    finished = await ended(stack, job)
    assert (finished["status"], finished["attempt"], finished["failures"]) == ("failed", 3, 3)
    assert finished["error_reason"] == reason
    assert finished["error_message"]

    again = await studio.client.jobs.retry(job)
    assert (again.retry_of, again.status) == (job, mixer_pb2.JOB_STATUS_QUEUED)
    assert (await ended(stack, again.id))["status"] == "succeeded"
    assert stack.processes.pid(WORKER) == worker
    await settle(stack, [job, again.id])


async def test_one_lost_child_costs_nothing_but_time(stack: Stack, studio: Studio, worker: int) -> None:
    job = await studio.job()
    await processing(stack, job)
    await crash(await render_child(stack, WORKER))
    finished = await ended(stack, job)
    assert (finished["status"], finished["attempt"], finished["failures"]) == ("succeeded", 2, 1)
    assert stack.processes.pid(WORKER) == worker
    await settle(stack, [job])
