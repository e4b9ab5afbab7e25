"""A job's status goes only where it may, even by raw SQL."""

from typing import Any

import psycopg
import pytest
from automix_common.database import Database

from .harness import Owner, claim_job, execute, processing_job, queue_job, row_of, succeed

LEASED = "worker_id = 'w', lease_expires_at = clock_timestamp() + interval '1 minute'"
STARTED = "started_at = coalesce(started_at, clock_timestamp())"
RELEASED = "worker_id = NULL, lease_expires_at = NULL, stage = ''"
ENDED = f"{RELEASED}, ended_at = clock_timestamp()"
FAILED = f"status = 'failed', error_reason = 'X', error_message = 'x', {ENDED}"
CANCELLED = f"status = 'cancelled', cancel_requested = true, {ENDED}"
QUEUED = f"status = 'queued', progress = 0, {RELEASED}"
TAKEN = f"status = 'processing', attempt = attempt + 1, {STARTED}, {LEASED}"


async def change(database: Database, job_id: Any, assignments: str) -> None:
    async with database.transaction() as connection:
        await execute(connection, f"UPDATE jobs SET {assignments} WHERE id = %s", job_id)


@pytest.mark.parametrize(
    "assignments",
    [
        TAKEN,
        FAILED,
        CANCELLED,
        "last_announced_at = clock_timestamp()",
    ],
)
async def test_a_queued_job_may(database: Database, owner: Owner, assignments: str) -> None:
    await change(database, await queue_job(database, owner), assignments)


@pytest.mark.parametrize(
    "assignments",
    [
        f"{TAKEN}, attempt = attempt",
        f"status = 'processing', {STARTED}, {LEASED}",
        f"status = 'processing', attempt = 2, {STARTED}, {LEASED}",
        f"{TAKEN}, failures = 1",
        f"status = 'succeeded', attempt = 1, {STARTED}, progress = 1, {ENDED}",
        f"{FAILED}, failures = 1, attempt = 1, {STARTED}",
        f"attempt = 1, {STARTED}",
        "cancel_requested = true",
        "owner_id = gen_random_uuid()",
        "project_id = gen_random_uuid()",
        "requested_by = gen_random_uuid()",
        "id = gen_random_uuid()",
        "settings = '{\"a\": 1}'",
        "plan = '{}'",
        "input_count = 2",
        "created_at = created_at - interval '1 s'",
        "retry_of = id",
    ],
)
async def test_a_queued_job_may_not(database: Database, owner: Owner, assignments: str) -> None:
    job_id = await queue_job(database, owner)
    before = await row_of(database, job_id)
    with pytest.raises((psycopg.errors.IntegrityError, psycopg.errors.SyntaxError)):
        await change(database, job_id, assignments)
    assert await row_of(database, job_id) == before


@pytest.mark.parametrize(
    "assignments",
    [
        "lease_expires_at = clock_timestamp() + interval '1 hour', progress = 0.5, stage = 'mixing'",
        "cancel_requested = true",
        QUEUED,
        f"{QUEUED}, failures = failures + 1",
        FAILED,
        f"{FAILED}, failures = failures + 1",
        CANCELLED,
    ],
)
async def test_a_processing_job_may(database: Database, owner: Owner, assignments: str) -> None:
    await change(database, (await processing_job(database, owner)).job_id, assignments)


@pytest.mark.parametrize(
    "assignments",
    [
        "worker_id = 'another'",
        "worker_id = NULL",
        "lease_expires_at = NULL",
        "lease_expires_at = 'infinity'",
        "attempt = attempt - 1",
        "attempt = attempt + 1",
        f"{TAKEN}, failures = failures + 1",
        f"{QUEUED}, failures = failures + 2, attempt = attempt + 1",
        f"{QUEUED}, attempt = attempt + 1",
        f"{QUEUED}, cancel_requested = true",
        f"{QUEUED}, progress = 0.3",
        "failures = failures + 1",
        "started_at = NULL",
        "started_at = started_at - interval '1 microsecond'",
        "ended_at = clock_timestamp()",
        "progress = 2",
        f"{FAILED}, error_reason = NULL",
        f"{FAILED}, error_message = ' '",
        f"{FAILED}, error_reason = 'not upper'",
        f"{FAILED}, failures = failures + 2",
        f"{FAILED}, ended_at = created_at - interval '1 s'",
        f"{FAILED}, lease_expires_at = clock_timestamp()",
        f"{FAILED}, cancel_requested = true",
        f"status = 'cancelled', {ENDED}",
        f"{CANCELLED}, failures = failures + 1",
        f"{CANCELLED}, stage = 'mixing'",
    ],
)
async def test_a_processing_job_may_not(database: Database, owner: Owner, assignments: str) -> None:
    job_id = (await processing_job(database, owner)).job_id
    before = await row_of(database, job_id)
    with pytest.raises((psycopg.errors.IntegrityError, psycopg.errors.SyntaxError)):
        await change(database, job_id, assignments)
    assert await row_of(database, job_id) == before


async def test_a_cancel_is_never_taken_back(database: Database, owner: Owner) -> None:
    job_id = (await processing_job(database, owner)).job_id
    await change(database, job_id, "cancel_requested = true")
    with pytest.raises(psycopg.errors.CheckViolation):
        await change(database, job_id, "cancel_requested = false")


async def test_a_cancelled_job_never_succeeds(database: Database, owner: Owner) -> None:
    claimed = await processing_job(database, owner)
    await change(database, claimed.job_id, "cancel_requested = true")
    with pytest.raises(psycopg.errors.CheckViolation):
        await change(database, claimed.job_id, f"status = 'succeeded', progress = 1, {ENDED}")
    assert not await succeed(database, claimed)


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
@pytest.mark.parametrize(
    "assignments",
    [
        "status = 'queued', ended_at = NULL, progress = 0, error_reason = NULL, error_message = NULL,"
        " cancel_requested = false",
        f"{TAKEN}, ended_at = NULL, error_reason = NULL, error_message = NULL",
        f"{FAILED}, cancel_requested = false",
        f"{CANCELLED}, error_reason = NULL, error_message = NULL",
        "ended_at = ended_at + interval '1 s'",
        "last_announced_at = clock_timestamp()",
        "attempt = attempt",
    ],
)
async def test_what_has_ended_never_changes(database: Database, owner: Owner, end: str, assignments: str) -> None:
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
        await change(database, job_id, f"{QUEUED}, failures = failures + 1")
    assert await claim_job(database, job_id)
    with pytest.raises(psycopg.errors.CheckViolation):
        await change(database, job_id, f"{QUEUED}, failures = failures + 1")
    await change(database, job_id, f"{FAILED}, failures = failures + 1")
