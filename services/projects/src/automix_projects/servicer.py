"""ProjectsService: translates, authorises, calls."""

from uuid import UUID

from automix.events.v1 import events_pb2
from automix.projects.v1 import projects_pb2 as pb
from automix.projects.v1 import projects_pb2_grpc
from automix_common.database.idempotency import answer_once
from automix_common.database.pool import Database
from automix_common.events.outbox import add_event
from automix_common.process.ids import new_id
from automix_common.rpc.context import current_user
from automix_common.rpc.edge import Context
from automix_common.rpc.errors import mine, not_yours
from automix_common.rpc.paging import page_limit, page_messages, page_of, page_start
from automix_platform.events import PROJECT_DELETED

from automix_projects.domain import Project, require_room
from automix_projects.repository import Projects


class ProjectsServicer(projects_pb2_grpc.ProjectsServiceServicer):
    """The projects of the caller."""

    def __init__(self, database: Database, *, quota: int) -> None:
        self._database = database
        self._quota = quota

    async def CreateProject(self, request: pb.CreateProjectRequest, context: Context) -> pb.CreateProjectResponse:
        """Creates a project, once per request_id."""
        user = current_user()
        async with self._database.transaction() as connection:
            projects = Projects(connection, user.user_id)

            async def create() -> pb.CreateProjectResponse:
                require_room(await projects.count_exclusively(), self._quota)
                return pb.CreateProjectResponse(project=to_message(await projects.add(new_id(), request.name)))

            return await answer_once(
                connection, user.user_id, request, request.request_id, pb.CreateProjectResponse, create
            )

    async def GetProject(self, request: pb.GetProjectRequest, context: Context) -> pb.GetProjectResponse:
        """Reads one project."""
        async with self._database.read() as connection:
            found = await Projects(connection, current_user().user_id).get(UUID(request.project_id))
        return pb.GetProjectResponse(project=to_message(found))

    async def ListProjects(self, request: pb.ListProjectsRequest, context: Context) -> pb.ListProjectsResponse:
        """Reads a page of projects."""
        before, limit = page_start(request.page_token), page_limit(request.page_size)
        async with self._database.read() as connection:
            rows = await Projects(connection, current_user().user_id).page(before, limit)
        page, token = page_of(rows, limit)
        return pb.ListProjectsResponse(projects=await page_messages(to_message, page), next_page_token=token)

    async def UpdateProject(self, request: pb.UpdateProjectRequest, context: Context) -> pb.UpdateProjectResponse:
        """Sets what the mask names."""
        named = set(request.update_mask.paths)
        async with self._database.transaction() as connection:
            updated = await Projects(connection, current_user().user_id).update(
                UUID(request.project_id),
                name=request.name if "name" in named else None,
                completed=request.completed if "completed" in named else None,
            )
        return pb.UpdateProjectResponse(project=to_message(updated))

    async def DeleteProject(self, request: pb.DeleteProjectRequest, context: Context) -> pb.DeleteProjectResponse:
        """Deletes a project and tells the others."""
        user_id, project_id = current_user().user_id, UUID(request.project_id)
        async with self._database.transaction() as connection:
            if not await Projects(connection, user_id).delete(project_id):
                raise not_yours("project")
            deleted = events_pb2.ProjectDeleted(project_id=str(project_id), owner_id=str(user_id))
            await add_event(connection, PROJECT_DELETED, project_id, events_pb2.Event(project_deleted=deleted))
        return pb.DeleteProjectResponse()


def to_message(project: Project | None) -> pb.Project:
    """The project on the wire; raises PermissionDenied when there is none."""
    project = mine(project, "project")
    message = pb.Project(
        id=str(project.id),
        owner_id=str(project.owner_id),
        name=project.name,
        no_of_renders=project.no_of_renders,
        completed=project.completed,
    )
    message.created_at.FromDatetime(project.created_at)
    return message
