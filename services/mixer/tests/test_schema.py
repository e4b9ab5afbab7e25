"""Illegal states do not fit in the tables, even by raw SQL."""

from typing import Any

import psycopg
import pytest
from automix_common.database.pool import Connection, Database
from automix_common.process.ids import new_id

from .harness import Owner, execute, processing_job, queue_job, render_of, succeed

JOB = {
    "status": "'queued'",
    "input_count": "1",
    "settings": "'{}'",
}
INPUT = {
    "position": "0",
    "role": "'beat'",
    "storage_key": "'assets/x'",
    "sha256": f"'{'0' * 64}'",
    "filename": "'beat.wav'",
    "size": "1",
    "duration": "1",
}
RENDER = {
    "filename": "'mix.wav'",
    "filetype": "'wav'",
    "duration": "1",
    "size": "1",
    "sha256": f"'{'0' * 64}'",
    "loudness": "-14",
    "true_peak": "-1",
    "plan": "'{}'",
    "report": "'{}'",
}
REFUSED = (psycopg.errors.IntegrityError, psycopg.errors.DataError)


async def insert(connection: Connection, table: str, **columns: str) -> None:
    await execute(connection, f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(columns.values())})")


async def insert_job(connection: Connection, owner: Owner, **changes: str) -> str:
    job_id = f"'{new_id()}'"
    parents = {"owner_id": f"'{owner.user_id}'", "project_id": f"'{owner.project_id}'"}
    await insert(
        connection, "jobs", **({"id": job_id, "requested_by": f"'{owner.user_id}'", **parents, **JOB} | changes)
    )
    return changes.get("id", job_id)


async def insert_input(connection: Connection, job_id: str, **changes: str) -> None:
    await insert(connection, "job_inputs", **({"job_id": job_id, "asset_id": f"'{new_id()}'", **INPUT} | changes))


async def test_the_row_that_the_others_vary_is_legal(database: Database, owner: Owner) -> None:
    async with database.transaction() as connection:
        await insert_input(connection, await insert_job(connection, owner))


@pytest.mark.parametrize(
    "changes",
    [
        {
            "status": "'processing'",
            "worker_id": "'w'",
            "lease_expires_at": "now()",
            "attempt": "1",
            "started_at": "now()",
        },
        {"status": "'succeeded'", "ended_at": "now()", "attempt": "1", "started_at": "now()", "progress": "1"},
        {"status": "'failed'", "ended_at": "now()", "error_reason": "'X'", "error_message": "'x'"},
        {"status": "'cancelled'", "ended_at": "now()", "cancel_requested": "true"},
        {"status": "'done'"},
        {"status": "NULL"},
        {"ended_at": "now()"},
        {"started_at": "now()"},
        {"worker_id": "'w'"},
        {"lease_expires_at": "now()"},
        {"worker_id": "'w'", "lease_expires_at": "now()"},
        {"cancel_requested": "true"},
        {"error_reason": "'X'"},
        {"error_message": "'x'"},
        {"attempt": "1", "started_at": "now()"},
        {"attempt": "-1"},
        {"failures": "1"},
        {"failures": "-1"},
        {"failures": "4"},
        {"progress": "0.5"},
        {"progress": "-0.1"},
        {"progress": "1.1"},
        {"progress": "'NaN'"},
        {"stage": "'mixing'"},
        {"settings": "'[]'"},
        {"settings": "NULL"},
        {"plan": "'1'"},
        {"input_count": "0"},
        {"input_count": "NULL"},
        {"project_id": "NULL"},
        {"owner_id": "NULL"},
        {"requested_by": "NULL"},
        {"created_at": "NULL"},
        {"created_at": "'infinity'"},
        {"last_announced_at": "now() - interval '1 minute'"},
        {"last_announced_at": "NULL"},
    ],
    ids=str,
)
async def test_a_job_is_not_born_so(database: Database, owner: Owner, changes: dict[str, str]) -> None:
    with pytest.raises(REFUSED):
        async with database.transaction() as connection:
            await insert_input(connection, await insert_job(connection, owner, **changes))


@pytest.mark.parametrize(("declared", "given"), [(1, 0), (1, 2), (2, 1)])
async def test_a_job_has_the_inputs_of_its_creation(
    database: Database, owner: Owner, declared: int, given: int
) -> None:
    async def create() -> None:
        async with database.transaction() as connection:
            job_id = await insert_job(connection, owner, input_count=str(declared))
            for position in range(given):
                await insert_input(connection, job_id, position=str(position))

    with pytest.raises(psycopg.errors.CheckViolation):
        await create()


@pytest.mark.parametrize(
    "changes",
    [
        {"position": "-1"},
        {"role": "'drums'"},
        {"role": "NULL"},
        {"storage_key": "''"},
        {"storage_key": "'renders/x'"},
        {"sha256": "'abc'"},
        {"sha256": f"'{'A' * 64}'"},
        {"filename": "' '"},
        {"filename": "repeat('x', 256)"},
        {"size": "0"},
        {"duration": "0"},
        {"duration": "-1"},
        {"duration": "'infinity'"},
        {"duration": "'NaN'"},
        {"asset_id": "NULL"},
    ],
    ids=str,
)
async def test_an_input_does_not_look_so(database: Database, owner: Owner, changes: dict[str, str]) -> None:
    with pytest.raises(REFUSED):
        async with database.transaction() as connection:
            await insert_input(connection, await insert_job(connection, owner), **changes)


async def test_inputs_are_frozen(database: Database, owner: Owner) -> None:
    job_id = await queue_job(database, owner)
    for statement in (
        "UPDATE job_inputs SET storage_key = 'assets/other' WHERE job_id = %s",
        "DELETE FROM job_inputs WHERE job_id = %s",
        "INSERT INTO job_inputs SELECT job_id, 1, gen_random_uuid(), role, storage_key, sha256, filename, size, 1"
        " FROM job_inputs WHERE job_id = %s",
        "INSERT INTO job_inputs SELECT job_id, 1, asset_id, role, storage_key, sha256, filename, size, duration"
        " FROM job_inputs WHERE job_id = %s",
    ):
        with pytest.raises(REFUSED):
            async with database.transaction() as connection:
                await execute(connection, statement, job_id)


async def test_a_job_repeats_only_another_of_its_project(database: Database, owner: Owner) -> None:
    foreign = await queue_job(database, Owner(owner.user_id))
    for retry_of in (f"'{new_id()}'", f"'{foreign}'"):
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            async with database.transaction() as connection:
                await insert_input(connection, await insert_job(connection, owner, retry_of=retry_of))
    own = f"'{new_id()}'"
    with pytest.raises(psycopg.errors.CheckViolation):
        async with database.transaction() as connection:
            await insert_input(connection, await insert_job(connection, owner, id=own, retry_of=own))


async def end_with_render(connection: Connection, claimed: Any, owner: Owner, **changes: str) -> None:
    await execute(
        connection,
        "UPDATE jobs SET status = 'succeeded', progress = 1, worker_id = NULL, lease_expires_at = NULL,"
        " ended_at = clock_timestamp() WHERE id = %s",
        claimed.job_id,
    )
    await insert_render(connection, claimed, owner, **changes)


async def insert_render(connection: Connection, claimed: Any, owner: Owner, **changes: str) -> None:
    own = {
        "id": f"'{new_id()}'",
        "job_id": f"'{claimed.job_id}'",
        "project_id": f"'{owner.project_id}'",
        "owner_id": f"'{owner.user_id}'",
        "storage_key": f"'renders/{claimed.job_id}/{claimed.attempt}/{new_id()}'",
    }
    await insert(connection, "renders", **(own | RENDER | changes))


async def test_the_render_that_the_others_vary_is_legal(database: Database, owner: Owner) -> None:
    claimed = await processing_job(database, owner)
    async with database.transaction() as connection:
        await end_with_render(connection, claimed, owner)


@pytest.mark.parametrize(
    "changes",
    [
        {"project_id": "gen_random_uuid()"},
        {"owner_id": "gen_random_uuid()"},
        {"job_id": "gen_random_uuid()"},
        {"job_id": "NULL"},
        {"storage_key": "'renders/other/1/mix.wav'"},
        {"storage_key": "''"},
        {"filename": "''"},
        {"filetype": "'aac'"},
        {"duration": "0"},
        {"duration": "'infinity'"},
        {"duration": "'NaN'"},
        {"size": "0"},
        {"sha256": "''"},
        {"loudness": "'-infinity'"},
        {"loudness": "'NaN'"},
        {"true_peak": "'infinity'"},
        {"true_peak": "'NaN'"},
        {"plan": "NULL"},
        {"plan": "'[]'"},
        {"report": "'null'"},
    ],
    ids=str,
)
async def test_a_render_does_not_look_so(database: Database, owner: Owner, changes: dict[str, str]) -> None:
    claimed = await processing_job(database, owner)
    with pytest.raises(REFUSED):
        async with database.transaction() as connection:
            await end_with_render(connection, claimed, owner, **changes)


async def test_no_success_without_a_render(database: Database, owner: Owner) -> None:
    claimed = await processing_job(database, owner)
    with pytest.raises(psycopg.errors.CheckViolation, match="exactly the jobs that succeeded"):
        async with database.transaction() as connection:
            await execute(
                connection,
                "UPDATE jobs SET status = 'succeeded', progress = 1, worker_id = NULL, lease_expires_at = NULL,"
                " ended_at = clock_timestamp() WHERE id = %s",
                claimed.job_id,
            )


async def test_no_render_without_success(database: Database, owner: Owner) -> None:
    claimed = await processing_job(database, owner)
    failed = await processing_job(database, owner)
    async with database.transaction() as connection:
        await execute(
            connection,
            "UPDATE jobs SET status = 'failed', worker_id = NULL, lease_expires_at = NULL, error_reason = 'X',"
            " error_message = 'x', ended_at = clock_timestamp() WHERE id = %s",
            failed.job_id,
        )
    for held in (claimed, failed):
        with pytest.raises(psycopg.errors.CheckViolation, match="exactly the jobs that succeeded"):
            async with database.transaction() as connection:
                await insert_render(connection, held, owner)


async def test_no_second_render(database: Database, owner: Owner) -> None:
    claimed = await processing_job(database, owner)
    assert await succeed(database, claimed)
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with database.transaction() as connection:
            await insert_render(connection, claimed, owner)


async def test_a_render_never_changes_and_goes_with_its_job(database: Database, owner: Owner) -> None:
    claimed = await processing_job(database, owner)
    render = render_of(claimed)
    assert await succeed(database, claimed, render)
    async with database.transaction() as connection:
        await execute(
            connection,
            "INSERT INTO render_files VALUES (%s, %s, 'stem', %s, 'stem.wav', 1, repeat('0', 64))",
            new_id(),
            render.id,
            f"renders/{claimed.job_id}/1/stem.wav",
        )
    for statement in (
        "UPDATE renders SET sha256 = repeat('1', 64) WHERE id = %s",
        "DELETE FROM renders WHERE id = %s",
        "UPDATE render_files SET size = 2 WHERE render_id = %s",
        "DELETE FROM render_files WHERE render_id = %s",
        "INSERT INTO render_files SELECT gen_random_uuid(), id, 'stem', 'renders/other', 's', 1, sha256 FROM renders"
        " WHERE id = %s",
        "INSERT INTO render_files SELECT gen_random_uuid(), id, 'score', storage_key, 's', 1, sha256 FROM renders"
        " WHERE id = %s",
    ):
        with pytest.raises(REFUSED):
            async with database.transaction() as connection:
                await execute(connection, statement, render.id)
    async with database.transaction() as connection:
        await execute(connection, "DELETE FROM jobs WHERE id = %s", claimed.job_id)
        cursor = await connection.execute("SELECT count(*) FROM render_files WHERE render_id = %s", (render.id,))
        assert await cursor.fetchone() == (0,)


async def add_file(database: Database, claimed: Any, render: Any, **changes: str) -> None:
    own = {
        "id": "gen_random_uuid()",
        "render_id": f"'{render.id}'",
        "kind": "'stem'",
        "storage_key": f"'renders/{claimed.job_id}/1/{new_id()}.wav'",
        "filename": "'stem.wav'",
        "size": "1",
        "sha256": "repeat('0', 64)",
    }
    async with database.transaction() as connection:
        await insert(connection, "render_files", **(own | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "'score'"},
        {"storage_key": "NULL"},
        {"storage_key": "'assets/x'"},
        {"filename": "' '"},
        {"filename": "repeat('x', 256)"},
        {"size": "0"},
        {"sha256": "'abc'"},
        {"render_id": "gen_random_uuid()"},
    ],
    ids=str,
)
async def test_a_file_of_a_render_does_not_look_so(database: Database, owner: Owner, changes: dict[str, str]) -> None:
    claimed = await processing_job(database, owner)
    render = render_of(claimed)
    assert await succeed(database, claimed, render)
    await add_file(database, claimed, render)
    with pytest.raises(REFUSED):
        await add_file(database, claimed, render, **changes)


async def test_two_files_never_share_an_object(database: Database, owner: Owner) -> None:
    claimed = await processing_job(database, owner)
    render = render_of(claimed)
    assert await succeed(database, claimed, render)
    key = f"'renders/{claimed.job_id}/1/stem.wav'"
    await add_file(database, claimed, render, storage_key=key)
    with pytest.raises(psycopg.errors.UniqueViolation):
        await add_file(database, claimed, render, storage_key=key)
