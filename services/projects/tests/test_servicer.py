"""The service behind its own edge: what its calls leave in the database."""

import grpc
import pytest
from automix.events.v1 import events_pb2
from automix.projects.v1 import projects_pb2 as pb
from automix.projects.v1 import projects_pb2_grpc
from automix_common.database.pool import Database
from automix_common.process.ids import new_id
from automix_platform.events import PROJECT_DELETED
from automix_projects.servicer import ProjectsServicer
from kit.inprocess import Issuer, listening
from kit.refusals import reason_of


async def test_a_deletion_is_announced_with_it_and_once(database: Database) -> None:
    issuer, owner = Issuer(), new_id()
    servicer = ProjectsServicer(database, quota=10)
    caller = [("authorization", f"Bearer {issuer.token(owner)}")]
    async with (
        listening(
            issuer.verifier(), lambda server: projects_pb2_grpc.add_ProjectsServiceServicer_to_server(servicer, server)
        ) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub = projects_pb2_grpc.ProjectsServiceStub(channel)
        created = await stub.CreateProject(pb.CreateProjectRequest(name="a"), metadata=caller)
        deletion = pb.DeleteProjectRequest(project_id=created.project.id)
        await stub.DeleteProject(deletion, metadata=caller)
        with pytest.raises(grpc.aio.AioRpcError) as again:
            await stub.DeleteProject(deletion, metadata=caller)
        assert reason_of(again.value) == "NOT_YOURS"
    async with database.read() as connection:
        cursor = await connection.execute(
            "SELECT payload FROM outbox WHERE subject = %s AND aggregate_id = %s", (PROJECT_DELETED, created.project.id)
        )
        ((payload,),) = await cursor.fetchall()
    told = events_pb2.Event.FromString(payload).project_deleted
    assert (told.project_id, told.owner_id) == (created.project.id, str(owner))
