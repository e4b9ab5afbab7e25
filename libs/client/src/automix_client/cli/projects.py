"""automix projects ..."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from automix.projects.v1.projects_pb2 import Project

from automix_client.cli.connection import EndpointOption, JsonOption, YesOption, execute
from automix_client.cli.names import ProjectArgument, project_id
from automix_client.cli.terminal import Terminal, escaped
from automix_client.cli.units import moment
from automix_client.client import AsyncClient


def create(
    name: Annotated[str, typer.Argument(help="The name of the project.")],
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a project."""
    terminal = Terminal(as_json=as_json)
    project = execute(terminal, endpoint, lambda client: client.projects.create(name))
    terminal.message(project, f"{project.id}  {escaped(project.name)}")


def list_projects(endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """List your projects, newest first."""
    terminal = Terminal(as_json=as_json)

    async def work(client: AsyncClient) -> list[Project]:
        return [project async for project in client.projects.list()]

    projects = execute(terminal, endpoint, work)
    terminal.table(
        projects,
        ("id", "name", "renders", "state", "created"),
        ((one.id, one.name, str(one.no_of_renders), _state(one), moment(one.created_at)) for one in projects),
    )


def show(project: ProjectArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Show one project."""
    _change(project, lambda client, found: client.projects.get(found), endpoint, as_json=as_json)


def rename(
    project: ProjectArgument,
    name: Annotated[str, typer.Argument(help="The new name.")],
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rename a project."""
    _change(project, lambda client, found: client.projects.update(found, name=name), endpoint, as_json=as_json)


def complete(project: ProjectArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Mark a project as finished: it takes no uploads and no mixes until it is reopened."""
    _change(project, lambda client, found: client.projects.update(found, completed=True), endpoint, as_json=as_json)


def reopen(project: ProjectArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Open a finished project again."""
    _change(project, lambda client, found: client.projects.update(found, completed=False), endpoint, as_json=as_json)


def delete(
    project: ProjectArgument,
    yes: YesOption = False,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a project with its audio and mixes."""
    terminal = Terminal(as_json=as_json)
    terminal.confirm(f"Delete project {project} with its audio and mixes for good?", yes=yes)

    async def work(client: AsyncClient) -> None:
        await client.projects.delete(await project_id(client, project))

    execute(terminal, endpoint, work)
    terminal.json({})
    terminal.say("deleted")


def _change(
    project: str,
    work: Callable[[AsyncClient, str], Awaitable[Project]],
    endpoint: list[str] | None,
    *,
    as_json: bool,
) -> None:
    """Changes one project and shows the result."""
    terminal = Terminal(as_json=as_json)

    async def found(client: AsyncClient) -> Project:
        return await work(client, await project_id(client, project))

    one = execute(terminal, endpoint, found)
    terminal.message(
        one,
        f"{escaped(one.name)}\n[dim]id[/dim] {one.id}  [dim]renders[/dim] {one.no_of_renders}  "
        f"[dim]state[/dim] {_state(one)}  [dim]created[/dim] {moment(one.created_at)}",
    )


def _state(project: Project) -> str:
    return "completed" if project.completed else "open"
