"""A job's status goes only where it may, even by raw SQL."""

from typing import Any

import psycopg
import pytest
from automix_common.database.pool import Database

from .harness import Owner, claim_job, execute, processing_job, queue_job, row_of, succeed

Assignments = dict[str, str]

LEASED = {"worker_id": "'w'", "lease_expires_at": "clock_timestamp() + interval '1 minute'"}
STARTED = {"started_at": "coalesce(started_at, clock_timestamp())"}
RELEASED = {"worker_id": "NULL", "lease_expires_at": "NULL", "stage": "''"}
ENDED = RELEASED | {"ended_at": "clock_timestamp()"}
SUCCEEDED = ENDED | {"status": "'succeeded'", "progress": "1"}
FAILED = ENDED | {"status": "'failed'", "error_reason": "'X'", "error_message": "'x'"}
CANCELLED = ENDED | {"status": "'cancelled'", "cancel_requested": "true"}
QUEUED = RELEASED | {"status": "'queued'", "progress": "0"}
TAKEN = LEASED | STARTED | {"status": "'processing'", "attempt": "attempt + 1"}
FAILURE = {"failures": "failures + 1"}


async def change(database: Database, job_id: Any, assignments: Assignments) -> None:
    changes = ", ".join(f"{column} = {value}" for column, value in assignments.items())
    async with database.transaction() as connection:
        await execute(connection, f"UPDATE jobs SET {changes} WHERE id = %s", job_id)


@pytest.mark.parametrize(
    "assignments",
    [
        TAKEN,
        FAILED,
        CANCELLED,
        {"last_announced_at": "clock_timestamp()"},
    ],
    ids=str,
)
async def test_a_queued_job_may(database: Database, owner: Owner, assignments: Assignments) -> None:
    await change(database, await queue_job(database, owner), assignments)


@pytest.mark.parametrize(
    "assignments",
    [
        TAKEN | {"attempt": "attempt"},
        TAKEN | {"attempt": "2"},
        TAKEN | {"failures": "1"},
        TAKEN | {"started_at": "NULL"},
        TAKEN | {"started_at": "created_at - interval '1 s'"},
        TAKEN | {"started_at": "'infinity'"},
        TAKEN | {"worker_id": "' '"},
        SUCCEEDED | STARTED | {"attempt": "1"},
        FAILED | STARTED | {"attempt": "1", "failures": "1"},
        FAILED | {"ended_at": "created_at - interval '1 s'"},
        STARTED | {"attempt": "1"},
        {"cancel_requested": "true"},
        {"owner_id": "gen_random_uuid()"},
        {"project_id": "gen_random_uuid()"},
        {"requested_by": "gen_random_uuid()"},
        {"id": "gen_random_uuid()"},
        {"settings": "'{\"a\": 1}'"},
        {"plan": "'{}'"},
        {"input_count": "2"},
        {"created_at": "created_at - interval '1 s'"},
        {"retry_of": "id"},
        {"last_announced_at": "'infinity'"},
    ],
    ids=str,
)
async def test_a_queued_job_may_not(database: Database, owner: Owner, assignments: Assignments) -> None:
    job_id = await queue_job(database, owner)
    before = await row_of(database, job_id)
    with pytest.raises(psycopg.errors.IntegrityError):
        await change(database, job_id, assignments)
    assert await row_of(database, job_id) == before


@pytest.mark.parametrize(
    "assignments",
    [
        {"lease_expires_at": "clock_timestamp() + interval '1 hour'", "progress": "0.5", "stage": "'mixing'"},
        {"cancel_requested": "true"},
        QUEUED,
        QUEUED | FAILURE,
        FAILED,
        FAILED | FAILURE,
        CANCELLED,
    ],
    ids=str,
)
async def test_a_processing_job_may(database: Database, owner: Owner, assignments: Assignments) -> None:
    await change(database, (await processing_job(database, owner)).job_id, assignments)


@pytest.mark.parametrize(
    "assignments",
    [
        {"worker_id": "'another'"},
        {"worker_id": "NULL"},
        {"lease_expires_at": "NULL"},
        {"lease_expires_at": "'infinity'"},
        {"attempt": "attempt - 1"},
        {"attempt": "attempt + 1"},
        TAKEN | FAILURE,
        QUEUED | {"failures": "failures + 2", "attempt": "attempt + 1"},
        QUEUED | {"attempt": "attempt + 1"},
        QUEUED | {"cancel_requested": "true"},
        QUEUED | {"progress": "0.3"},
        FAILURE,
        {"started_at": "NULL"},
        {"started_at": "started_at - interval '1 microsecond'"},
        {"ended_at": "clock_timestamp()"},
        {"progress": "2"},
        {"stage": "repeat('x', 101)"},
        SUCCEEDED | FAILURE,
        SUCCEEDED | {"progress": "0.9"},
        FAILED | {"error_reason": "NULL"},
        FAILED | {"error_message": "NULL"},
        FAILED | {"error_message": "' '"},
        FAILED | {"error_reason": "'not upper'"},
        FAILED | {"failures": "failures + 2"},
        FAILED | {"ended_at": "created_at - interval '1 s'"},
        FAILED | {"ended_at": "'infinity'"},
        FAILED | {"ended_at": "NULL"},
        FAILED | {"lease_expires_at": "clock_timestamp()"},
        FAILED | {"cancel_requested": "true"},
        CANCELLED | {"cancel_requested": "false"},
        CANCELLED | FAILURE,
        CANCELLED | {"stage": "'mixing'"},
    ],
    ids=str,
)
async def test_a_processing_job_may_not(database: Database, owner: Owner, assignments: Assignments) -> None:
    job_id = (await processing_job(database, owner)).job_id
    before = await row_of(database, job_id)
    with pytest.raises(psycopg.errors.IntegrityError):
        await change(database, job_id, assignments)
    assert await row_of(database, job_id) == before


async def test_a_cancel_is_never_taken_back(database: Database, owner: Owner) -> None:
    job_id = (await processing_job(database, owner)).job_id
    await change(database, job_id, {"cancel_requested": "true"})
    with pytest.raises(psycopg.errors.CheckViolation):
        await change(database, job_id, {"cancel_requested": "false"})


async def test_a_cancelled_job_never_succeeds(database: Database, owner: Owner) -> None:
    claimed = await processing_job(database, owner)
    await change(database, claimed.job_id, {"cancel_requested": "true"})
    with pytest.raises(psycopg.errors.CheckViolation):
        await change(database, claimed.job_id, SUCCEEDED)
    assert not await succeed(database, claimed)


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
@pytest.mark.parametrize(
    "assignments",
    [
        QUEUED | {"ended_at": "NULL", "error_reason": "NULL", "error_message": "NULL", "cancel_requested": "false"},
        TAKEN | {"ended_at": "NULL", "error_reason": "NULL", "error_message": "NULL"},
        FAILED | {"cancel_requested": "false"},
        CANCELLED | {"error_reason": "NULL", "error_message": "NULL"},
        {"ended_at": "ended_at + interval '1 s'"},
        {"last_announced_at": "clock_timestamp()"},
        {"attempt": "attempt"},
    ],
    ids=str,
)
async def test_what_has_ended_never_changes(
    database: Database, owner: Owner, end: str, assignments: Assignments
) -> None:
    claimed = await processing_job(database, owner)
    if end == "succeeded":
        assert await succeed(database, claimed)
    else:
        await change(database, claimed.job_id, FAILED if end == "failed" else CANCELLED)
    before = await row_of(database, claimed.job_id)
    with pytest.raises(psycopg.errors.CheckViolation, match="never changes"):
        await change(database, claimed.job_id, assignments)
    assert await row_of(database, claimed.job_id) == before


async def test_the_third_failure_is_the_end(database: Database, owner: Owner) -> None:
    job_id = await queue_job(database, owner)
    for _ in range(2):
        assert await claim_job(database, job_id)
        await change(database, job_id, QUEUED | FAILURE)
    assert await claim_job(database, job_id)
    with pytest.raises(psycopg.errors.CheckViolation):
        await change(database, job_id, QUEUED | FAILURE)
    await change(database, job_id, FAILED | FAILURE)
