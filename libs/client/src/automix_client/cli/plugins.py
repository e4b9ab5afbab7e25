"""Commands and hooks that other packages contribute by entry points."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from automix_client.cli.help_page import make_readable

COMMANDS = "automix.commands"
STACK = "automix.stack"
DEMO = "automix.demo"
ENGINE = "automix.engine"
# The section of the help for contributed commands that name none themselves.
PANEL = "This machine, and operators"

RunningStack = Callable[..., AbstractContextManager[Mapping[str, str]]]
WriteDemo = Callable[[Path], Mapping[str, list[Path]]]
MixFiles = Callable[..., Mapping[str, Any]]
MasterFiles = Callable[..., list[dict[str, Any]]]
MeasureFile = Callable[[Path], Mapping[str, Any]]
IsVoice = Callable[[str], bool]


class ContributedGroup(TyperGroup):
    """A group whose commands also come from entry points, each loaded when it is asked for.

    The SDK alone has none of them; where the engine or the embedded stack are installed, `automix mix` does not wait
    for their imports.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Own commands first, in their order; contributed ones after them, by name."""
        own = super().list_commands(ctx)
        return [*own, *sorted({entry.name for entry in entry_points(group=COMMANDS)} - set(own))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The own command of this name, else the contributed one."""
        command: Any = super().get_command(ctx, cmd_name)
        entry = None if command is not None else _entry(COMMANDS, cmd_name)
        if entry is not None:
            command = _command(entry)
        if command is not None:
            make_readable(command)
        return command


def running_stack() -> RunningStack | None:
    """What starts an embedded stack for a while and stops it afterwards, where a package offers it.

    It calls `on_wait` when it cannot stop it yet, because others use it.
    """
    return next((entry.load() for entry in entry_points(group=STACK)), None)


def write_demo() -> WriteDemo | None:
    """What writes the stems of the demo song into a folder, where a package offers it."""
    return next((entry.load() for entry in entry_points(group=DEMO)), None)


def mix_files() -> MixFiles | None:
    """What mixes files on this machine without any service, where a package offers it."""
    return next((entry.load() for entry in entry_points(group=ENGINE, name="files")), None)


def master_files() -> MasterFiles | None:
    """What masters finished songs on this machine without any service, where a package offers it."""
    return next((entry.load() for entry in entry_points(group=ENGINE, name="masters")), None)


def measure_file() -> MeasureFile | None:
    """What measures a sound file as a report does, where a package offers it."""
    return next((entry.load() for entry in entry_points(group=ENGINE, name="measures")), None)


def is_voice() -> IsVoice | None:
    """What tells from the name of a file whether it is sung, where a package offers it."""
    return next((entry.load() for entry in entry_points(group=ENGINE, name="voices")), None)


def _entry(group: str, name: str) -> EntryPoint | None:
    return next(iter(entry_points(group=group, name=name)), None)


def _command(entry: EntryPoint) -> Any:
    """A Typer app becomes a group, a function a command; one that cannot be loaded says why when it is called."""
    try:
        contributed = entry.load()
    except ImportError as error:
        contributed = _broken(entry, error)
    if not isinstance(contributed, typer.Typer):
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command(entry.name)(contributed)
        contributed = app
    command = get_command(contributed)
    command.name = entry.name
    if isinstance(command, TyperCommand | TyperGroup):
        command.rich_help_panel = command.rich_help_panel or PANEL
    return command


def _broken(entry: EntryPoint, error: ImportError) -> Callable[[], None]:
    def unavailable() -> None:
        """Not available, because a package that it needs cannot be loaded."""
        typer.echo(f"`automix {entry.name}` is not available: {error}", err=True)
        raise typer.Exit(1)

    return unavailable
