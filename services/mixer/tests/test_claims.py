"""One job, one worker: claims and leases."""

import asyncio
from uuid import UUID

from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_mixer.domain import JobError
from automix_mixer.repository import lifecycle
from automix_mixer.repository.jobs import Jobs

from .harness import (
    Owner,
    announcements,
    claim_job,
    processing_job,
    queue_job,
    row_of,
    scalar,
    succeed,
    track,
)

FAULT = JobError("RENDER_CRASHED", "it crashed")


async def test_a_claim_hands_over_what_was_frozen(database: Database, owner: Owner) -> None:
    inputs = [track("vocals"), track("beat"), track("reference")]
    job_id = await queue_job(database, owner, inputs=inputs)
    claimed = await claim_job(database, job_id, worker="me")
    assert claimed is not None
    assert claimed.inputs == inputs
    assert (claimed.owner_id, claimed.attempt, claimed.plan) == (owner.user_id, 1, None)
    row = await row_of(database, job_id)
    assert (row["status"], row["worker_id"], row["failures"]) == ("processing", "me", 0)


async def test_two_workers_race_for_a_job_and_one_has_it(database: Database, owner: Owner) -> None:
    for _ in range(20):
        job_id = await queue_job(database, owner)
        claims = await asyncio.gather(*(claim_job(database, job_id, worker=f"w{n}") for n in range(4)))
        assert sum(claimed is not None for claimed in claims) == 1
        assert (await row_of(database, job_id))["attempt"] == 1


async def test_a_held_job_is_not_to_be_had(database: Database, owner: Owner) -> None:
    held = await processing_job(database, owner)
    assert await claim_job(database, held.job_id) is None


async def test_an_expired_lease_is_taken_over_at_the_cost_of_a_failure(database: Database, owner: Owner) -> None:
    lost = await processing_job(database, owner, lease=-1)
    for attempt in (2, 3):
        taken = await claim_job(database, lost.job_id, lease=-1)
        assert taken is not None
        assert taken.attempt == attempt
        assert (await row_of(database, lost.job_id))["failures"] == attempt - 1
    assert await claim_job(database, lost.job_id) is None, "the third failure leaves nothing to take over"


async def test_cancelled_and_ended_jobs_are_not_to_be_had(database: Database, owner: Owner) -> None:
    job_id = await queue_job(database, owner)
    await cancel(database, owner, job_id)
    expired = await processing_job(database, owner, lease=-1)
    await cancel(database, owner, expired.job_id)
    done = await processing_job(database, owner)
    await succeed(database, done)
    for one in (job_id, expired.job_id, done.job_id):
        assert await claim_job(database, one) is None


async def test_no_job_no_claim(database: Database) -> None:
    assert await claim_job(database, Owner().user_id) is None


async def test_a_claim_whose_answer_was_lost_is_found_again(database: Database, owner: Owner) -> None:
    worker = str(new_id())
    claimed = await claim_job(database, await queue_job(database, owner), worker=worker)
    async with database.transaction() as connection:
        other = await lifecycle.reclaim(connection, worker_id=str(new_id()), lease_seconds=60)
        mine = await lifecycle.reclaim(connection, worker_id=worker, lease_seconds=60)
    assert other is None
    assert mine == claimed


async def cancel(database: Database, owner: Owner, job_id: UUID) -> None:
    async with database.transaction() as connection:
        await Jobs(connection, owner.user_id).cancel(job_id)


async def test_a_lease_that_was_extended_meanwhile_is_not_taken_for_lost(database: Database, owner: Owner) -> None:
    claimed = await processing_job(database, owner)
    async with database.transaction() as connection:
        assert await lifecycle.hold(connection, claimed.job_id, 1, expired=True) is None
        assert await lifecycle.hold(connection, claimed.job_id, 1) is not None


async def test_a_hand_back_counts_no_failure_however_often(database: Database, owner: Owner) -> None:
    job_id = await queue_job(database, owner)
    for attempt in range(1, 6):
        claimed = await claim_job(database, job_id)
        assert claimed is not None
        assert claimed.attempt == attempt
        async with database.transaction() as connection:
            held = await lifecycle.hold(connection, job_id, attempt)
            assert held is not None
            await lifecycle.hand_back(connection, held)
        row = await row_of(database, job_id)
        assert (row["status"], row["failures"], row["worker_id"]) == ("queued", 0, None)
        assert await announcements(database, job_id) == attempt + 1


async def test_three_failures_end_the_job_in_its_reason(database: Database, owner: Owner) -> None:
    job_id = await queue_job(database, owner)
    for attempt, status in ((1, "queued"), (2, "queued"), (3, "failed")):
        assert await claim_job(database, job_id) is not None
        async with database.transaction() as connection:
            held = await lifecycle.hold(connection, job_id, attempt)
            assert held is not None
            assert await lifecycle.count_failure(connection, held, FAULT) == status
    row = await row_of(database, job_id)
    assert (row["failures"], row["error_reason"], row["error_message"]) == (3, FAULT.reason, FAULT.message)
    assert await announcements(database, job_id) == 3
    failed = "SELECT count(*) FROM outbox WHERE subject = 'automix.mixer.job.failed' AND aggregate_id = %s"
    assert await scalar(database, failed, job_id) == 1


async def test_a_frozen_holder_of_a_users_turn_is_cut_off(database: Database, owner: Owner) -> None:
    """As a worker that is stopped in the middle of its commit: the others go on within seconds."""
    frozen, other = await processing_job(database, owner), await queue_job(database, owner)
    async with database.read() as connection:
        await connection.execute("BEGIN")
        held = await lifecycle.hold(connection, frozen.job_id, frozen.attempt)
        assert held is not None
        await lifecycle.fail(connection, held, FAULT)
        async with asyncio.timeout(20):
            assert await claim_job(database, other) is not None
        await connection.close()
