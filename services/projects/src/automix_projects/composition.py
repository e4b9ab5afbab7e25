"""Composition root of the projects service."""

from functools import partial

from automix.projects.v1 import projects_pb2, projects_pb2_grpc
from automix_common.database import command
from automix_common.rpc.client import open_channel
from automix_common.rpc.peer_keys import token_verifier
from automix_common.rpc.server import Service
from automix_common.runtime import open_runtime

from automix_projects.reactions import on_job_succeeded, on_render_deleted, on_user_deleted
from automix_projects.servicer import ProjectsServicer
from automix_projects.settings import ProjectsSettings


async def serve_projects(settings: ProjectsSettings) -> None:
    """Wires the service and serves until told to stop."""
    async with (
        open_runtime(settings, "projects") as runtime,
        open_channel(settings.auth_endpoint, settings) as auth,
    ):
        servicer = ProjectsServicer(runtime.database, quota=settings.max_projects)
        service = Service(
            names=[projects_pb2.DESCRIPTOR.services_by_name["ProjectsService"].full_name],
            add=partial(projects_pb2_grpc.add_ProjectsServiceServicer_to_server, servicer),
            background=[
                partial(runtime.relay, settings.relay_sweep_seconds),
                runtime.forget,
                partial(runtime.consume, "projects-user-deleted", on_user_deleted),
                partial(runtime.consume, "projects-job-succeeded", on_job_succeeded),
                partial(runtime.consume, "projects-render-deleted", on_render_deleted),
            ],
        )
        await runtime.serve(service, settings, token_verifier(auth, settings), living=runtime.living())


def main() -> None:
    """Runs `python -m automix_projects`."""
    command.main("automix_projects", ProjectsSettings, serve_projects)
