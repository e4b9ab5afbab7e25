"""Whose job is next: nobody waits for more than one job of another, and who is alone has every worker."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import psycopg
import pytest
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_mixer.domain import Claim, JobError
from automix_mixer.repository import lifecycle
from automix_mixer.repository.jobs import Jobs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .harness import Owner, execute, queue_job, scalar, succeed

FAULT = JobError("RENDER_CRASHED", "it crashed")


@pytest.fixture
async def idle(database: Database) -> Database:
    """A schema without jobs: whose turn it is depends on everybody's."""
    async with database.transaction() as connection:
        await execute(connection, "DELETE FROM jobs")
    return database


async def next_job(database: Database) -> Claim | None:
    """What a worker is given that has heard that a job waits."""
    async with database.pipelined() as connection:
        return await lifecycle.claim_next(connection, worker_id=str(new_id()), lease_seconds=60)


async def served(database: Database, workers: int, ends: int) -> Sequence[UUID]:
    """Owners in the order in which so many workers, each of which ends its job before the next, are given theirs."""
    order, held = [], []
    for _ in range(ends):
        while len(held) < workers and (claimed := await next_job(database)) is not None:
            order.append(claimed.owner_id)
            held.append(claimed)
        if held:
            assert await succeed(database, held.pop(0))
    return order


async def test_one_job_waits_for_one_job_of_a_user_with_fifty(
    idle: Database, record_property: Callable[[str, object], None]
) -> None:
    many, one = Owner(), Owner()
    for _ in range(50):
        await queue_job(idle, many)
    running = await next_job(idle)
    assert running is not None
    await queue_job(idle, one)
    assert await succeed(idle, running)
    order = await served(idle, workers=1, ends=50)
    record_property("jobs_that_the_single_one_waited_for", order.index(one.user_id) + 1)
    assert order.index(one.user_id) == 0


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
async def test_a_newcomer_has_the_next_free_worker_of_any_number(idle: Database, workers: int) -> None:
    alone, newcomer = Owner(), Owner()
    for _ in range(20):
        await queue_job(idle, alone)
    held = [await next_job(idle) for _ in range(workers)]
    assert {claimed.owner_id for claimed in held if claimed} == {alone.user_id}, "who is alone has all"
    await queue_job(idle, newcomer)
    assert held[0] is not None
    assert await succeed(idle, held[0])
    claimed = await next_job(idle)
    assert claimed is not None
    assert claimed.owner_id == newcomer.user_id


async def test_users_take_turns_and_each_has_their_oldest_first(idle: Database) -> None:
    owners = [Owner() for _ in range(3)]
    queued = {owner.user_id: [await queue_job(idle, owner) for _ in range(4)] for owner in owners}
    order = await served(idle, workers=1, ends=12)
    assert [order[n : n + 3] for n in range(0, 12, 3)] == [[owner.user_id for owner in owners]] * 4
    oldest_first = "SELECT array_agg(id ORDER BY started_at) FROM jobs WHERE owner_id = %s"
    for owner in owners:
        assert await scalar(idle, oldest_first, owner.user_id) == queued[owner.user_id]


async def test_workers_that_are_free_at_the_same_moment_all_get_a_job(idle: Database) -> None:
    """Each has heard of one, and none would be announced again soon."""
    for owners in ([Owner()], [Owner() for _ in range(4)]):
        for number in range(8):
            await queue_job(idle, owners[number % len(owners)])
        claims = await asyncio.gather(*(next_job(idle) for _ in range(8)))
        assert len({claimed.job_id for claimed in claims if claimed}) == 8
        for claimed in claims:
            assert claimed is not None
            assert await succeed(idle, claimed)


async def test_where_no_job_waits_there_is_no_claim(idle: Database) -> None:
    await queue_job(idle, Owner())
    assert await next_job(idle) is not None
    assert await next_job(idle) is None


async def test_a_frozen_claim_keeps_nobody_elses_jobs_waiting(idle: Database) -> None:
    await queue_job(idle, Owner())
    other = await queue_job(idle, Owner())
    async with idle.read() as frozen:
        await frozen.execute("BEGIN")
        assert await lifecycle.claim_next(frozen, worker_id="frozen", lease_seconds=60) is not None
        claimed = await next_job(idle)
        assert claimed is not None
        assert claimed.job_id == other
        await frozen.execute("ROLLBACK")


WRONG_TURNS = """
SELECT count(*) FROM (
    SELECT owner_id, count(*) FILTER (WHERE status = 'queued') AS queued,
           count(*) FILTER (WHERE status = 'processing') AS processing
    FROM jobs WHERE status IN ('queued', 'processing') GROUP BY owner_id) counted
FULL JOIN turns USING (owner_id)
WHERE (counted.queued, counted.processing) IS DISTINCT FROM (turns.queued, turns.processing)
"""
STEPS = ("queue", "claim", "succeed", "fail", "hand back", "count failure", "cancel", "delete")


@given(steps=st.lists(st.sampled_from(STEPS), max_size=25))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_turns_say_what_jobs_are_whatever_becomes_of_them(idle: Database, steps: list[str]) -> None:
    owner = Owner()
    queued: list[UUID] = []
    held: list[Claim] = []
    for step in steps:
        if step == "queue":
            queued.append(await queue_job(idle, owner))
        elif step == "claim":
            claimed = await next_job(idle)
            held += [claimed] if claimed else []
        elif step == "succeed" and held:
            await succeed(idle, held.pop())
        elif step == "cancel" and queued:
            async with idle.transaction() as connection:
                await Jobs(connection, owner.user_id).cancel(queued.pop())
        elif step == "delete" and queued:
            async with idle.transaction() as connection:
                await connection.execute("DELETE FROM jobs WHERE id = %s", (queued.pop(),))
        elif held:
            await end(idle, step, held.pop())
        assert await scalar(idle, WRONG_TURNS) == 0, step


async def end(database: Database, how: str, claimed: Claim) -> None:
    async with database.transaction() as connection:
        held = await lifecycle.hold(connection, claimed.job_id, claimed.attempt)
        if held is None:
            return
        if how == "fail":
            await lifecycle.fail(connection, held, FAULT)
        elif how == "hand back":
            await lifecycle.hand_back(connection, held)
        elif how == "count failure":
            await lifecycle.count_failure(connection, held, FAULT)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE turns SET queued = 7",
        "DELETE FROM turns",
        "INSERT INTO turns (owner_id, queued, processing) VALUES (uuidv7(), 1, 0)",
    ],
)
async def test_turns_are_kept_by_jobs_alone(idle: Database, change: str) -> None:
    await queue_job(idle, Owner())
    with pytest.raises(psycopg.errors.CheckViolation):
        async with idle.transaction() as connection:
            await execute(connection, change)
