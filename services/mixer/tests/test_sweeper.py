"""Jobs that nobody looks after are found."""

import asyncio

from automix_common.database.pool import Database
from automix_mixer.repository.jobs import Jobs
from automix_mixer.sweeper import Sweeper

from .harness import Owner, announcements, claim_job, execute, processing_job, queue_job, row_of


def sweeper(database: Database, stale_seconds: float = 3600) -> Sweeper:
    return Sweeper(database, sweep_seconds=1, stale_seconds=stale_seconds)


async def test_a_lost_worker_costs_a_failure_and_the_job_is_announced_again(database: Database, owner: Owner) -> None:
    lost = await processing_job(database, owner, lease=-1)
    await sweeper(database).sweep()
    row = await row_of(database, lost.job_id)
    assert (row["status"], row["failures"], row["attempt"]) == ("queued", 1, 1)
    assert await announcements(database, lost.job_id) == 2


async def test_after_the_third_lost_worker_the_job_has_failed(database: Database, owner: Owner) -> None:
    job_id = await queue_job(database, owner)
    for _ in range(3):
        assert await claim_job(database, job_id, lease=-1) is not None
        await sweeper(database).sweep()
    row = await row_of(database, job_id)
    assert (row["status"], row["failures"], row["error_reason"]) == ("failed", 3, "WORKER_LOST")


async def test_a_cancelled_job_whose_worker_is_lost_is_cancelled(database: Database, owner: Owner) -> None:
    lost = await processing_job(database, owner, lease=-1)
    async with database.transaction() as connection:
        await Jobs(connection, owner.user_id).cancel(lost.job_id)
    await sweeper(database).sweep()
    row = await row_of(database, lost.job_id)
    assert (row["status"], row["failures"]) == ("cancelled", 0)


async def test_a_job_that_is_held_is_left_alone(database: Database, owner: Owner) -> None:
    held = await processing_job(database, owner)
    before = await row_of(database, held.job_id)
    await sweeper(database).sweep()
    assert await row_of(database, held.job_id) == before


async def age(database: Database, job_id: object, *, announced: str, created: str) -> None:
    """Puts a job into the past, as only the tables' owner can."""
    async with database.transaction() as connection:
        await execute(connection, "ALTER TABLE jobs DISABLE TRIGGER frozen")
        await execute(
            connection,
            "UPDATE jobs SET created_at = now() - %s::interval, last_announced_at = now() - %s::interval WHERE id = %s",
            created,
            announced,
            job_id,
        )
        await execute(connection, "ALTER TABLE jobs ENABLE TRIGGER frozen")


async def test_a_queued_job_that_nobody_picked_up_is_announced_again(database: Database, owner: Owner) -> None:
    fresh, stale = await queue_job(database, owner), await queue_job(database, owner)
    await age(database, stale, announced="2 minutes", created="2 minutes")
    await sweeper(database, 60).sweep()
    await sweeper(database, 60).sweep()
    assert (await announcements(database, fresh), await announcements(database, stale)) == (1, 2)


async def test_a_job_that_waits_long_is_announced_at_growing_intervals(database: Database, owner: Owner) -> None:
    job_id = await queue_job(database, owner)
    await age(database, job_id, announced="2 minutes", created="7 minutes")
    await sweeper(database, 60).sweep()
    assert await announcements(database, job_id) == 1, "it was announced after 5 minutes, and waits as long again"
    await age(database, job_id, announced="6 minutes", created="11 minutes")
    await sweeper(database, 60).sweep()
    assert await announcements(database, job_id) == 2
    await age(database, job_id, announced="11 minutes", created="10 hours")
    await sweeper(database, 60).sweep()
    assert await announcements(database, job_id) == 3, "but never longer than ten times the first"


async def test_sweepers_at_the_same_time_count_a_failure_once(database: Database, owner: Owner) -> None:
    for _ in range(10):
        lost = await processing_job(database, owner, lease=-1)
        await asyncio.gather(*(sweeper(database).sweep() for _ in range(3)))
        row = await row_of(database, lost.job_id)
        assert (row["status"], row["failures"]) == ("queued", 1)


async def test_a_sweeper_and_a_claim_at_the_same_time_count_a_failure_once(database: Database, owner: Owner) -> None:
    for _ in range(10):
        lost = await processing_job(database, owner, lease=-1)
        await asyncio.gather(sweeper(database).sweep(), claim_job(database, lost.job_id))
        assert (await row_of(database, lost.job_id))["failures"] == 1
