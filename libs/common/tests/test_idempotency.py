"""A create may be repeated, at the same time too, and happens once."""

import asyncio

import pytest
from automix.projects.v1 import projects_pb2 as pb
from automix_common.database.idempotency import answer_once
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_common.rpc.errors import InvalidArgument

USER = new_id()


async def create(database: Database, request: pb.CreateProjectRequest, user: object = USER) -> str:
    async def work() -> pb.CreateProjectResponse:
        return pb.CreateProjectResponse(project=pb.Project(id=str(new_id())))

    async with database.transaction() as connection:
        answer = await answer_once(connection, user, request, request.request_id, pb.CreateProjectResponse, work)
    return answer.project.id


async def test_the_same_request_at_the_same_time_is_answered_alike(database: Database) -> None:
    request = pb.CreateProjectRequest(name="a", request_id=str(new_id()))
    assert len(set(await asyncio.gather(*(create(database, request) for _ in range(20))))) == 1


async def test_ids_are_the_users_own_and_an_empty_one_is_no_id(database: Database) -> None:
    request = pb.CreateProjectRequest(name="a", request_id=str(new_id()))
    assert await create(database, request) != await create(database, request, new_id())
    nameless = pb.CreateProjectRequest(name="a")
    assert await create(database, nameless) != await create(database, nameless)


async def test_an_id_is_the_same_in_upper_case(database: Database) -> None:
    request_id = str(new_id())
    first = await create(database, pb.CreateProjectRequest(name="a", request_id=request_id))
    assert await create(database, pb.CreateProjectRequest(name="a", request_id=request_id.upper())) == first


async def test_another_body_under_the_same_id_is_refused(database: Database) -> None:
    request_id = str(new_id())
    await create(database, pb.CreateProjectRequest(name="a", request_id=request_id))
    with pytest.raises(InvalidArgument) as refused:
        await create(database, pb.CreateProjectRequest(name="b", request_id=request_id))
    assert refused.value.reason == "REQUEST_ID_REUSED"


async def test_a_failed_create_leaves_its_id_free(database: Database) -> None:
    request = pb.CreateProjectRequest(name="a", request_id=str(new_id()))

    async def fail() -> pb.CreateProjectResponse:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as connection:
            await answer_once(connection, USER, request, request.request_id, pb.CreateProjectResponse, fail)
    assert await create(database, request)
