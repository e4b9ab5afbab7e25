"""Cancels at every moment of a job: an acknowledged one never succeeds."""

import asyncio

import pytest
from automix.mixer.v1 import mixer_pb2
from automix_client.errors import RefusedError
from kit.jobs import ended, job_row, processing, render_child, settle
from kit.people import Studio
from kit.stack import WORKERS, Stack
from kit.strikes import Strikes
from kit.waiting import until

ROUNDS = 20


async def held(stack: Stack, holds: Strikes, studio: Studio, point: str) -> str:
    """A new job whose worker is halted at the point."""
    struck = holds.struck(point)
    holds.order(point)
    job = await studio.job()
    await until(lambda: holds.struck(point) > struck and stack.is_halted("worker"), what="a worker held")
    return job


async def test_while_queued(stack: Stack, studio: Studio) -> None:
    async with stack.without(*WORKERS):
        job = await studio.job()
        answer = await studio.client.jobs.cancel(job)
        assert answer.status == mixer_pb2.JOB_STATUS_CANCELLED
    # The workers have looked at everything that was announced once a later job is done.
    assert (await ended(stack, await studio.job()))["status"] == "succeeded"
    row = await job_row(stack, job)
    assert (row["status"], row["attempt"]) == ("cancelled", 0)
    await settle(stack, [job])


async def test_at_the_claim(stack: Stack, studio: Studio) -> None:
    """Cancels that race with the claim, a little later in each round."""
    acknowledged = []
    for number in range(ROUNDS):
        job = await studio.job()
        await asyncio.sleep(number * 0.002)  # the moment itself is what varies
        answer = await studio.client.jobs.cancel(job)
        assert answer.cancel_requested or answer.status == mixer_pb2.JOB_STATUS_CANCELLED
        acknowledged.append(job)
    for job in acknowledged:
        assert (await ended(stack, job))["status"] == "cancelled"
    attempts = {(await job_row(stack, job))["attempt"] for job in acknowledged}
    assert attempts <= {0, 1}
    await settle(stack, acknowledged)


@pytest.mark.parametrize("point", ["worker.after_claim", "worker.after_upload"])
async def test_a_worker_held_at(stack: Stack, holds: Strikes, studio: Studio, point: str) -> None:
    """Right after the claim, and with the render stored and its success about to be written."""
    job = await held(stack, holds, studio, point)
    answer = await studio.client.jobs.cancel(job)
    assert (answer.status, answer.cancel_requested) == (mixer_pb2.JOB_STATUS_PROCESSING, True)
    stack.resume("worker")
    finished = await ended(stack, job)
    assert (finished["status"], finished["renders"]) == ("cancelled", [])
    await settle(stack, [job])


async def test_while_success_is_being_committed(stack: Stack, holds: Strikes, studio: Studio) -> None:
    """The cancel waits for the row, finds success, and is refused: it is not acknowledged."""
    job = await held(stack, holds, studio, "worker.before_commit")
    cancel = asyncio.create_task(studio.client.jobs.cancel(job))
    await until(lambda: _waits_for_a_lock(stack), what="a cancel that waits for the row")
    stack.resume("worker")
    with pytest.raises(RefusedError) as refused:
        await cancel
    finished = await ended(stack, job)
    assert refused.value.reason == "JOB_ENDED"
    assert (finished["status"], len(finished["renders"])) == ("succeeded", 1)
    await settle(stack, [job])


async def _waits_for_a_lock(stack: Stack) -> bool:
    rows = await stack.query("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return bool(rows)


async def test_while_rendering(stack: Stack, holds: Strikes, studio: Studio) -> None:
    job = await studio.job()
    await processing(stack, job)
    child = await render_child(stack, "worker")
    child.suspend()
    answer = await studio.client.jobs.cancel(job)
    assert answer.cancel_requested
    finished = await ended(stack, job)
    assert not child.is_running()
    assert (finished["status"], finished["attempt"], finished["failures"]) == ("cancelled", 1, 0)
    await settle(stack, [job])


async def test_a_cancel_twice_and_one_too_late(stack: Stack, studio: Studio) -> None:
    job = await studio.job()
    await ended(stack, job)
    with pytest.raises(RefusedError) as refused:
        await studio.client.jobs.cancel(job)
    assert refused.value.reason == "JOB_ENDED"
