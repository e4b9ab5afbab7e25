"""Projects of one owner: quota under concurrency, scoping, reactions."""

import asyncio
from itertools import permutations

import pytest
from automix.events.v1 import events_pb2
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_common.rpc.errors import ResourceExhausted
from automix_projects.domain import require_room
from automix_projects.reactions import on_job_succeeded, on_render_deleted, on_user_deleted
from automix_projects.repository import Projects


async def test_the_quota_holds_against_creates_at_the_same_time(database: Database) -> None:
    owner = new_id()

    async def create() -> None:
        async with database.transaction() as connection:
            projects = Projects(connection, owner)
            require_room(await projects.count_exclusively(), 3)
            await projects.add(new_id(), "a")

    outcomes = await asyncio.gather(*(create() for _ in range(12)), return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 3
    assert sum(isinstance(outcome, ResourceExhausted) for outcome in outcomes) == 9


async def test_an_owner_reaches_only_their_own(database: Database) -> None:
    owner, stranger, project = new_id(), new_id(), new_id()
    async with database.transaction() as connection:
        await Projects(connection, owner).add(project, "mine")
        theirs = Projects(connection, stranger)
        assert await theirs.get(project) is None
        assert await theirs.update(project, name="taken", completed=True) is None
        assert not await theirs.delete(project)
        found = await Projects(connection, owner).get(project)
    assert found is not None
    assert (found.name, found.completed) == ("mine", False)


async def test_a_render_counts_once_and_a_deleted_users_projects_go(database: Database) -> None:
    owner, project, render = new_id(), new_id(), new_id()
    succeeded = events_pb2.JobSucceeded(render_id=str(render), project_id=str(project), owner_id=str(owner))
    async with database.transaction() as connection:
        projects = Projects(connection, owner)
        await projects.add(project, "a")
        for _ in range(2):
            await on_job_succeeded(connection, events_pb2.Event(job_succeeded=succeeded))
        found = await projects.get(project)
        assert found is not None
        assert found.no_of_renders == 1
        await on_user_deleted(connection, events_pb2.Event(user_deleted=events_pb2.UserDeleted(user_id=str(owner))))
        assert await projects.get(project) is None
        await on_job_succeeded(connection, events_pb2.Event(job_succeeded=succeeded))


@pytest.mark.parametrize("order", [*permutations(("counted", "deleted", "counted again"))])
async def test_a_deleted_render_counts_for_nothing_in_whatever_order_it_is_heard(
    database: Database, order: tuple[str, ...]
) -> None:
    owner, project, kept, gone = new_id(), new_id(), new_id(), new_id()
    deleted = events_pb2.RenderDeleted(render_id=str(gone), project_id=str(project), owner_id=str(owner))

    def succeeded(render: object) -> events_pb2.Event:
        told = events_pb2.JobSucceeded(render_id=str(render), project_id=str(project), owner_id=str(owner))
        return events_pb2.Event(job_succeeded=told)

    async with database.transaction() as connection:
        projects = Projects(connection, owner)
        await projects.add(project, "a")
        await on_job_succeeded(connection, succeeded(kept))
        for heard in order:
            if heard == "deleted":
                await on_render_deleted(connection, events_pb2.Event(render_deleted=deleted))
            else:
                await on_job_succeeded(connection, succeeded(gone))
        found = await projects.get(project)
        assert found is not None
        assert found.no_of_renders == 1
