"""A project as a person names it: by its id or its name."""

import uuid
from collections.abc import Callable, Sequence
from typing import Annotated

import grpc
import typer

from automix_client.cli.units import moment
from automix_client.client import AsyncClient
from automix_client.errors import ErrorDetails, InvalidInputError, NotYoursError

ProjectArgument = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's id or name.")]


async def project_id(client: AsyncClient, text: str) -> str:
    """The id of the project that `text` names.

    Raises NotYoursError when no project has this name, InvalidInputError when several have.
    """
    if is_id(text):
        return text
    matches = [project async for project in client.projects.list() if project.name.casefold() == text.casefold()]
    if not matches:
        raise NotYoursError(
            f"you have no project called {text!r}",
            code=grpc.StatusCode.NOT_FOUND,
            details=ErrorDetails(reason="NO_SUCH_PROJECT"),
        )
    if len(matches) > 1:
        raise InvalidInputError(
            f"several projects are called {text!r}, name one by its id: "
            + ", ".join(f"{project.id} of {moment(project.created_at)}" for project in matches),
            code=grpc.StatusCode.INVALID_ARGUMENT,
        )
    return matches[0].id


def one_of(names: Sequence[str]) -> Callable[[str | None], str | None]:
    """A check of an option that is one of a few words."""

    def checked(given: str | None) -> str | None:
        if given is not None and given not in names:
            raise typer.BadParameter(f"{given!r} is not one of {', '.join(names)}.")
        return given

    return checked


def an_id(given: str) -> str:
    """A check of an argument that must be an id, so that the message is the same in every command."""
    if not is_id(given):
        raise typer.BadParameter(f"{given!r} is not an id, such as 01a220a1-227e-775c-85be-341cecb8cfdc.")
    return given


def is_id(text: str) -> bool:
    """Whether it has the form of an id."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
