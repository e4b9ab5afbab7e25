"""A render that its owner deletes: what goes with it, what stays, and for whom."""

import asyncio
from typing import Any

import grpc
import psycopg
import pytest
from automix.events.v1 import events_pb2
from automix.mixer.v1 import mixer_pb2 as pb
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_mixer.domain import RenderFile
from automix_mixer.repository.jobs import Jobs
from kit.refusals import reason_of

from .harness import Caller, Owner, execute, processing_job, render_of, row_of, scalar, succeed

TOLD = "SELECT count(*) FROM outbox WHERE subject = 'automix.mixer.render.deleted' AND aggregate_id = %s"


async def rendered(database: Database, owner: Owner) -> Any:
    """A render with a stem beside it."""
    claimed = await processing_job(database, owner)
    prefix = f"renders/{claimed.job_id}/{claimed.attempt}"
    stem = RenderFile(new_id(), "stem", f"{prefix}/stem-1.wav", "stem.wav", 10, "0" * 64)
    render = render_of(claimed, files=[stem])
    assert await succeed(database, claimed, render)
    return claimed, render


async def delete(caller: Caller, render_id: object) -> None:
    await caller.call("DeleteRender", pb.DeleteRenderRequest(render_id=str(render_id)))


async def test_a_deleted_render_is_gone_with_its_files_and_its_job_stays(database: Database, caller: Caller) -> None:
    claimed, render = await rendered(database, caller.owner)
    async with database.transaction() as connection:
        before = await Jobs(connection, caller.user_id).usage_exclusively()
    await delete(caller, render.id)
    with pytest.raises(grpc.aio.AioRpcError) as gone:
        await caller.call("GetRender", pb.GetRenderRequest(render_id=str(render.id)))
    assert reason_of(gone.value) == "NOT_YOURS"
    job = await caller.job(claimed.job_id)
    assert (job.status, job.render_id) == (pb.JOB_STATUS_SUCCEEDED, "")
    async with database.transaction() as connection:
        after = await Jobs(connection, caller.user_id).usage_exclusively()
    assert (before.render_bytes, after.render_bytes) == (20, 0)
    keys = [render.storage_key, render.files[0].storage_key]
    noted = "SELECT count(*) FROM object_deletions WHERE storage_key = ANY(%s) AND due_at > now() + interval '9 min'"
    assert await scalar(database, noted, keys) == 2, "downloads under way end whole"
    assert await scalar(database, TOLD, claimed.job_id) == 1


async def test_deleting_it_again_changes_nothing(database: Database, caller: Caller) -> None:
    claimed, render = await rendered(database, caller.owner)
    await asyncio.gather(*(delete(caller, render.id) for _ in range(5)))
    await delete(caller, render.id)
    assert await scalar(database, TOLD, claimed.job_id) == 1


async def test_a_strangers_render_is_not_to_be_had_before_or_after(
    database: Database, caller: Caller, stranger: Caller
) -> None:
    _, render = await rendered(database, caller.owner)
    for _ in range(2):
        for render_id in (render.id, new_id()):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await delete(stranger, render_id)
            assert reason_of(refused.value) == "NOT_YOURS"
        await delete(caller, render.id)


async def test_what_is_told_names_the_render(database: Database, caller: Caller) -> None:
    claimed, render = await rendered(database, caller.owner)
    await delete(caller, render.id)
    payload = await scalar(
        database,
        "SELECT payload FROM outbox WHERE subject = 'automix.mixer.render.deleted' AND aggregate_id = %s",
        claimed.job_id,
    )
    told = events_pb2.Event.FromString(payload).render_deleted
    assert (told.render_id, told.project_id) == (str(render.id), caller.project_id)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM renders WHERE job_id = %(job)s",
        "UPDATE jobs SET deleted_render_id = %(render)s WHERE id = %(job)s",
        "UPDATE jobs SET deleted_render_id = uuidv7() WHERE id = %(job)s",
        "UPDATE jobs SET deleted_render_id = %(render)s, progress = 0 WHERE id = %(job)s",
    ],
)
async def test_a_job_and_its_render_never_disagree(database: Database, owner: Owner, statement: str) -> None:
    """Nor half of a deletion by raw SQL."""
    claimed, render = await rendered(database, owner)
    with pytest.raises(psycopg.errors.CheckViolation):
        async with database.transaction() as connection:
            await connection.execute(statement.encode(), {"job": claimed.job_id, "render": render.id})


async def test_a_deletion_is_never_taken_back(database: Database, caller: Caller) -> None:
    claimed, render = await rendered(database, caller.owner)
    await delete(caller, render.id)
    with pytest.raises(psycopg.errors.CheckViolation):
        async with database.transaction() as connection:
            await execute(connection, "UPDATE jobs SET deleted_render_id = NULL WHERE id = %s", claimed.job_id)
    assert (await row_of(database, claimed.job_id))["deleted_render_id"] == str(render.id)
