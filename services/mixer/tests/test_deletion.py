"""Deleted users and projects leave nothing behind, also while their jobs are being worked on."""

import asyncio

import psycopg
import pytest
from automix_common.database.pool import Database
from automix_common.database.refusals import PARENT_GONE
from automix_common.process.ids import new_id
from automix_mixer.domain import RenderFile
from automix_mixer.repository import lifecycle
from automix_mixer.repository.burial import bury_owner, bury_project
from automix_mixer.repository.jobs import Jobs
from automix_mixer.repository.keys import kept_keys
from automix_mixer.worker.ending import Endings
from automix_mixer.worker.outcomes import Rendered

from .harness import SHA, Owner, processing_job, queue_job, render_of, row_of, scalar, succeed


async def bury(database: Database, owner: Owner, *, user: bool) -> None:
    async with database.transaction() as connection:
        if user:
            await bury_owner(connection, owner.user_id)
        else:
            await bury_project(connection, owner.project_id)


async def noted(database: Database, key: str) -> bool:
    return await scalar(database, "SELECT count(*) FROM object_deletions WHERE storage_key = %s", key) == 1


@pytest.mark.parametrize("user", [True, False], ids=["user", "project"])
async def test_everything_goes_and_objects_are_noted(database: Database, owner: Owner, user: bool) -> None:
    claimed = await processing_job(database, owner)
    stem_key = f"renders/{claimed.job_id}/1/stem.wav"
    render = render_of(claimed, files=[RenderFile(new_id(), "stem", stem_key, "stem.wav", 1, SHA)])
    assert await succeed(database, claimed, render)
    queued = await queue_job(database, owner)
    bystander = await queue_job(database, Owner())
    await bury(database, owner, user=user)
    assert await noted(database, render.storage_key)
    assert await noted(database, stem_key)
    assert not await row_of(database, claimed.job_id)
    assert not await row_of(database, queued)
    assert await row_of(database, bystander)
    for table in ("job_inputs", "renders"):
        assert await scalar(database, f"SELECT count(*) FROM {table} WHERE job_id = %s", claimed.job_id) == 0


@pytest.mark.parametrize("user", [True, False], ids=["user", "project"])
async def test_nothing_is_born_on_a_dead_parent(database: Database, owner: Owner, user: bool) -> None:
    await bury(database, owner, user=user)
    with pytest.raises(psycopg.DatabaseError, match="is gone"):
        await queue_job(database, owner)


async def test_a_job_that_is_being_worked_on_is_gone_and_its_worker_learns_it(database: Database, owner: Owner) -> None:
    claimed = await processing_job(database, owner)
    await bury(database, owner, user=False)
    async with database.read() as connection:
        extended = await lifecycle.extend(connection, claimed.job_id, 1, lease_seconds=60, progress=0.5, stage="")
    assert extended is None
    assert await Endings(database).settle(claimed, Rendered(render_of(claimed))) is None


async def test_deletion_and_success_at_the_same_moment_leave_no_object_unnoted(database: Database) -> None:
    for _ in range(20):
        owner = Owner()
        claimed = await processing_job(database, owner)
        render = render_of(claimed)
        succeeded, _ = await asyncio.gather(succeed(database, claimed, render), bury(database, owner, user=False))
        assert not await row_of(database, claimed.job_id)
        assert await noted(database, render.storage_key) == succeeded


async def test_creation_and_deletion_at_the_same_moment_leave_no_orphan(database: Database) -> None:
    for _ in range(20):
        owner = Owner()
        created, _ = await asyncio.gather(
            queue_job(database, owner), bury(database, owner, user=True), return_exceptions=True
        )
        if isinstance(created, BaseException):
            assert isinstance(created, psycopg.DatabaseError)
            assert created.sqlstate == PARENT_GONE
        left = await scalar(database, "SELECT count(*) FROM jobs WHERE owner_id = %s", owner.user_id)
        assert left == 0


async def test_retries_go_with_the_jobs_that_they_repeat(database: Database, owner: Owner) -> None:
    first = await queue_job(database, owner)
    async with database.transaction() as connection:
        jobs = Jobs(connection, owner.user_id)
        blueprint = await jobs.blueprint(first)
        assert blueprint is not None
        await jobs.add(new_id(), blueprint)
    await bury(database, owner, user=False)
    assert not await row_of(database, first)


async def test_what_the_collector_keeps(database: Database, owner: Owner) -> None:
    done, held = await processing_job(database, owner), await processing_job(database, owner)
    render = render_of(done, files=[RenderFile(new_id(), "stem", f"renders/{done.job_id}/1/s.wav", "s", 1, SHA)])
    assert await succeed(database, done, render)
    kept = {
        render.storage_key,
        render.files[0].storage_key,
        f"renders/{held.job_id}/1/mix.wav",
        f"renders/{held.job_id}/1/deeper/mix.wav",
    }
    orphans = {
        f"renders/{done.job_id}/1/left.wav",
        f"renders/{held.job_id}/2/mix.wav",
        f"renders/{held.job_id}/0/mix.wav",
        f"renders/{held.job_id}/99999999999999/mix.wav",
        f"renders/{new_id()}/1/mix.wav",
        "renders/strange",
        "renders/x/y/z",
    }
    async with database.read() as connection:
        assert await kept_keys(connection, sorted(kept | orphans)) == kept
