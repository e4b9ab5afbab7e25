"""Servers and services struck by SIGKILL while jobs wait and run, and NATS's storage deleted."""

import asyncio
import random

import pytest
from automix_client.errors import AutomixError
from kit.jobs import ended, settle, statuses, unsuccessful
from kit.people import PASSWORD, Person, Studio
from kit.servers import require_servers_of_our_own, wipe_nats
from kit.stack import WORKERS, Stack
from kit.strikes import STRIKES
from kit.waiting import until

TARGETS = ("nats", "postgres", "s3", "worker", "mixer", "projects")
"""Servers, a worker, an API and a relay: that of `projects`, which has no other work of its own."""
STORAGE = "NATS's storage"


@pytest.mark.timeout(1800)
async def test_everything_is_killed_again_and_again(stack: Stack) -> None:
    """Rounds in which every target is struck once, in another order each time, while jobs are made and mixed."""
    require_servers_of_our_own()
    chance = random.Random(7)
    accepted: list[str] = []
    refused = 0
    async with Studio.open(stack) as studio:
        # One more, since both jobs of a single round may be refused.
        for _ in range(STRIKES + 1):
            # Not more than the workers can keep up with.
            await until(lambda: _few_wait(stack, accepted), what="workers that keep up")
            for target in chance.sample((*TARGETS, STORAGE), len(TARGETS) + 1):
                if target == STORAGE:
                    await asyncio.to_thread(_wipe, stack)
                else:
                    await stack.kill(target)
            try:
                accepted.extend([await studio.job(), await studio.job()])
            except AutomixError:
                refused += 1
        assert accepted
        assert refused < len(accepted)
        await settle(stack, await _jobs_of(stack, studio), studio)
        ends = await statuses(stack, accepted)
        assert sorted(ends) == sorted(accepted)
        assert "succeeded" in ends.values()
    await stack.shorten_ack_waits()


async def _few_wait(stack: Stack, accepted: list[str]) -> bool:
    found = await statuses(stack, accepted)
    return sum(status in ("queued", "processing") for status in found.values()) < 6


async def _jobs_of(stack: Stack, studio: Studio) -> list[str]:
    """Every job of the project: also those whose acceptance was not heard."""
    rows = await stack.query("SELECT id::text FROM mixer.jobs WHERE project_id = %s", studio.project_id)
    return [job for (job,) in rows]


async def test_natss_storage_is_deleted_while_jobs_wait(stack: Stack) -> None:
    """Announced jobs, an unheard deletion and counted renders: losing all of it loses nothing, and repeats nothing."""
    require_servers_of_our_own()
    doomed = await Person.sign_up(stack)
    async with Studio.open(stack) as studio, doomed.client() as client:
        before = [await studio.job() for _ in range(2)]
        for job in before:
            assert (await ended(stack, job))["status"] == "succeeded"
        await client.projects.create("Doomed")
        async with stack.without(*WORKERS):
            jobs = [await studio.job() for _ in range(4)]
            await client.account.delete(PASSWORD)
            await until(lambda: _all_published(stack), what="events on the stream")
            await asyncio.to_thread(_wipe, stack)
        await settle(stack, [*before, *jobs], studio)
        assert await unsuccessful(stack, jobs) == {}
        rows = await stack.query("SELECT id FROM projects.projects WHERE owner_id = %s", doomed.id)
        assert rows == []
    await stack.shorten_ack_waits()


async def test_the_stream_is_deleted_while_nats_runs_on_and_jobs_wait(stack: Stack) -> None:
    """As an operator's mistake would: it is made again, and everything that is kept is published into it."""
    async with Studio.open(stack) as studio:
        async with stack.without(*WORKERS):
            jobs = [await studio.job() for _ in range(2)]
            await until(lambda: _all_published(stack), what="events on the stream")
            await stack.delete_stream()
        await settle(stack, jobs, studio)
        assert await unsuccessful(stack, jobs) == {}
    await stack.shorten_ack_waits()


async def _all_published(stack: Stack) -> bool:
    ((waiting,),) = await stack.query("SELECT count(*) FROM mixer.outbox WHERE published_at IS NULL")
    return bool(waiting == 0)


def _wipe(stack: Stack) -> None:
    wipe_nats(stack.servers)
