"""What a command writes: for a person, or as JSON for a program."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from google.protobuf.message import Message
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from automix_client.cli.documents import document
from automix_client.cli.exits import ExitCode, advice, exit_code
from automix_client.errors import AutomixError
from automix_client.printing import printable
from automix_client.settings import ConfigurationError
from automix_client.targets import is_standard_output

# Columns that people name, which may be long.
NAMES = frozenset({"name", "file", "reason", "written to"})
# A table that goes to no terminal keeps its lines whole, for grep and the like.
UNBOUNDED = 1000


def escaped(text: str | Path) -> str:
    """The text on one line, escaped so that it is no markup, without characters that a terminal would obey."""
    return escape(printable(text))


def _shown_lines(text: str) -> str:
    """The same for a message of several lines."""
    return "\n".join(map(escaped, text.split("\n")))


@contextmanager
def asking() -> Iterator[None]:
    """The block asks a question: Ctrl-C at it ends the command as it does everywhere."""
    try:
        yield
    except typer.Abort:
        raise typer.Exit(ExitCode.INTERRUPTED) from None


class Terminal:
    """Results go to standard output, everything else to standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = Console(emoji=False)
        self.err = Console(emoji=False, stderr=True)

    @property
    def interactive(self) -> bool:
        """Whether a person watches, so that bars and questions make sense."""
        return not self.as_json and self.err.is_terminal

    def say(self, text: str) -> None:
        """A line for a person; it may hold markup."""
        if not self.as_json:
            self.out.print(text, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """A line for a person beside the result."""
        if not self.as_json:
            self.err.print(text, highlight=False, soft_wrap=True)

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Says what takes so long, on a terminal alone."""
        if not self.interactive:
            yield
            return
        with self.err.status(text):
            yield

    def json(self, value: Any) -> None:
        """A JSON document on one line, for a program."""
        if self.as_json:
            file = sys.stderr if self.out.stderr else sys.stdout
            file.write(json.dumps(value) + "\n")
            file.flush()

    def message(self, message: Message, text: str) -> None:
        """One message: as JSON, or what `text` says of it."""
        self.json(document(message))
        self.say(text)

    def table(self, messages: Sequence[Message], columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A list: as JSON, or as a table."""
        self.json([document(message) for message in messages])
        if self.as_json:
            return
        if not messages:
            self.note("[dim]none[/dim]")
            return
        table = Table(box=None, header_style="dim", pad_edge=False)
        for column in columns:
            # Ids must stay whole to be copied; names may break.
            table.add_column(column, overflow="fold", no_wrap=column not in NAMES)
        for row in rows:
            table.add_row(*(escaped(cell) for cell in row))
        console = self.out if self.out.is_terminal else Console(emoji=False, width=UNBOUNDED)
        console.print(table)

    def beside(self, out: Path | None) -> None:
        """Where the result itself goes to standard output, words about it go to standard error."""
        if out is not None and is_standard_output(out):
            self.out = self.err

    def usage(self, message: str) -> NoReturn:
        """Leaves with 2: the command was written wrongly."""
        self.complain(message)
        raise typer.Exit(ExitCode.USAGE)

    def complain(self, message: str) -> None:
        """Says how the command was written wrongly."""
        if self.as_json:
            sys.stderr.write(json.dumps({"error": {"message": message, "exit_code": int(ExitCode.USAGE)}}) + "\n")
        else:
            self.err.print(f"[red]error:[/red] {_shown_lines(message)}", highlight=False, soft_wrap=True)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Asks before something is lost; leaves with 2 when nobody can answer, with 9 when the answer is no."""
        if yes:
            return
        if not (self.interactive and sys.stdin.isatty()):
            self.usage(f"{question} Confirm with --yes.")
        with asking():
            confirmed = typer.confirm(question, err=True)
        if not confirmed:
            raise typer.Exit(ExitCode.CANCELLED)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Turns an error into words (or JSON) and an exit code."""
        try:
            yield
        except KeyboardInterrupt:
            self.note("interrupted")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except (AutomixError, ConfigurationError, OSError) as error:
            if isinstance(error, BrokenPipeError) or os.environ.get("AUTOMIX_DEBUG"):
                raise
            self._tell(error)
            raise typer.Exit(exit_code(error)) from None

    def _tell(self, error: AutomixError | ConfigurationError | OSError) -> None:
        about = "; ".join(getattr(error, "__notes__", ()))
        message = _words(error)
        if self.as_json:
            sys.stderr.write(json.dumps({"error": {"message": message, "about": about, **_parts(error)}}) + "\n")
            return
        label = f"{about}: " if about and not message.startswith(about) else ""
        lines = [f"[red]error:[/red] {_shown_lines(label + message)}"]
        if isinstance(error, AutomixError):
            named = [(one.field, one.description) for one in error.violations]
            named += [(one.subject, one.description) for one in error.quota]
            lines += [f"  {escaped(f'{name}: {text}')}" for name, text in named if text not in message]
        if hint := advice(error):
            lines.append(f"  [dim]{escaped(hint)}[/dim]")
        self.err.print("\n".join(lines), highlight=False, soft_wrap=True)


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        about = f"{printable(str(error.filename))}: " if error.filename else ""
        return about + error.strerror[:1].lower() + error.strerror[1:]
    return str(error) or type(error).__name__


def _parts(error: Exception) -> dict[str, Any]:
    if not isinstance(error, AutomixError):
        return {"exit_code": int(exit_code(error))}
    return {
        "exit_code": int(exit_code(error)),
        "code": error.code.name,
        "reason": error.reason,
        "violations": [{"field": one.field, "description": one.description} for one in error.violations],
        "quota": [{"subject": one.subject, "description": one.description} for one in error.quota],
        "advice": advice(error),
    }
