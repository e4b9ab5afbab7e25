"""Projects: the containers of a user's work."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import AsyncIterator

from automix.projects.v1 import projects_pb2, projects_pb2_grpc
from google.protobuf.field_mask_pb2 import FieldMask

from automix_client.pages import pages
from automix_client.session import Session

LONGEST_NAME = 200
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and a sign that look like nothing."""


def fit_name(text: str) -> str:
    """The text as the platform takes a name (automix.rules.v1.name): empty where nothing of it can be seen."""
    name = "".join(letter if letter.isprintable() else " " for letter in text).strip()[:LONGEST_NAME].strip()
    seen = (one for one in name if one != " " and one not in _FILLERS and unicodedata.category(one)[0] != "M")
    return name if any(seen) else ""


class Projects:
    """The caller's projects."""

    def __init__(self, projects: projects_pb2_grpc.ProjectsServiceAsyncStub, session: Session) -> None:
        self._projects = projects
        self._session = session

    async def create(self, name: str, *, request_id: str | None = None) -> projects_pb2.Project:
        """A new project; the same `request_id` again gets the same project."""
        request = projects_pb2.CreateProjectRequest(name=name, request_id=request_id or str(uuid.uuid4()))
        return (await self._session.call(self._projects.CreateProject, request, idempotent=True)).project

    async def get(self, project_id: str) -> projects_pb2.Project:
        """One project."""
        request = projects_pb2.GetProjectRequest(project_id=project_id)
        return (await self._session.call(self._projects.GetProject, request, idempotent=True)).project

    def list(self) -> AsyncIterator[projects_pb2.Project]:
        """Every project, newest first."""
        request = projects_pb2.ListProjectsRequest()
        return pages(self._session, self._projects.ListProjects, request, lambda answer: answer.projects)

    async def update(
        self, project_id: str, *, name: str | None = None, completed: bool | None = None
    ) -> projects_pb2.Project:
        """Renames, completes or reopens a project; what is None stays."""
        paths = [path for path, value in (("name", name), ("completed", completed)) if value is not None]
        request = projects_pb2.UpdateProjectRequest(
            project_id=project_id, name=name or "", completed=bool(completed), update_mask=FieldMask(paths=paths)
        )
        return (await self._session.call(self._projects.UpdateProject, request, idempotent=True)).project

    async def delete(self, project_id: str) -> None:
        """Deletes a project and everything in it."""
        # Not repeated by itself: after a lost answer the second would say that it is not yours.
        request = projects_pb2.DeleteProjectRequest(project_id=project_id)
        await self._session.call(self._projects.DeleteProject, request, idempotent=False)
