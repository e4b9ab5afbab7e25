"""automix render: a mix from files on this machine by the engine alone, without any service."""

import errno
import json
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from automix_client.cli.connection import JsonOption
from automix_client.cli.mix_options import Beat, Out, Plan, Reference, Vocals, with_settings
from automix_client.cli.plugins import mix_files
from automix_client.cli.terminal import Terminal
from automix_client.cli.units import dbtp, length, lufs
from automix_client.errors import ErrorDetails, InvalidInputError
from automix_client.mix_settings import format_of


@with_settings
def render(
    settings: dict[str, Any],
    vocals: Vocals = None,
    beat: Beat = None,
    reference: Reference = None,
    out: Out = Path("mix.wav"),
    plan: Plan = None,
    plan_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the plan (JSON) here.")] = None,
    extras: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", file_okay=False, help="Folder for report, picture, comparison and stems."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Mix vocals and beats into one file on this machine: no server, no account, nothing leaves it."""
    terminal = Terminal(as_json=as_json)
    tracks = [(path, "vocals") for path in vocals or ()]
    tracks += [(path, "beat") for path in beat or ()]
    tracks += [(path, "reference") for path in reference or ()]
    if not vocals and not beat:
        terminal.usage("there is nothing to mix: name a file with --vocals or --beat")
    if settings.get("match_reference_loudness") and not reference:
        terminal.usage("--match-reference-loudness needs a reference: name a song with --reference")
    inputs = [path for path, _ in tracks] + ([plan] if plan else [])
    with terminal.failures():
        asked = settings | {"format": format_of(out, settings.get("format"))}
        for written in (out, plan_out):
            if written is not None:
                _check_target(terminal, written, inputs)
        result = _mix(terminal, tracks, out, asked, plan, extras)
        if plan_out is not None:
            plan_out.write_text(json.dumps(result["plan"], indent=2) + "\n")
    terminal.json(result)
    terminal.say(
        f"[bold green]{escape(str(out.absolute()))}[/bold green]  {length(result['duration_s'])}\n"
        f"loudness [bold]{lufs(result['integrated_lufs'])}[/bold]"
        f"   true peak [bold]{dbtp(result['true_peak_dbtp'])}[/bold]"
    )
    for note in result["report"]["notes"]:
        terminal.say(f"[yellow]note[/yellow] {escape(note)}")


def _mix(
    terminal: Terminal,
    tracks: list[tuple[Path, str]],
    out: Path,
    settings: dict[str, Any],
    plan: Path | None,
    extras: Path | None,
) -> dict[str, Any]:
    engine = mix_files()
    if engine is None:
        terminal.usage("the engine comes with the package automix-mixer, which is not installed here")
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal.err, transient=True, disable=not terminal.interactive) as bar:
        task = bar.add_task("mixing", total=1.0)

        def show(share: float, stage: str) -> None:
            bar.update(task, completed=share, description=stage)

        text = _read(plan)
        try:
            with _beside(out) as part:
                result = dict(engine(tracks, part, settings=settings, plan=text, extras=extras, progress=show))
        except ValueError as error:  # the engine's word for what cannot be mixed
            details = ErrorDetails(reason=getattr(error, "reason", ""))
            message = str(getattr(error, "message", error))
            raise InvalidInputError(message, code=grpc.StatusCode.INVALID_ARGUMENT, details=details) from None
        except OSError as error:
            if error.filename is not None or error.errno is None:
                raise
            # A write that fails does not say to which file.
            place = f"{out} or the temporary folder {tempfile.gettempdir()}"
            raise OSError(error.errno, error.strerror, place) from None
    named = [file | {"path": str(out)} if file["kind"] == "mix" else file for file in result["files"]]
    return result | {"files": named}


def _read(plan: Path | None) -> str | None:
    """The text of a plan. Raises InvalidInputError when it is no text at all."""
    try:
        return plan.read_text("utf-8") if plan is not None else None
    except UnicodeDecodeError:
        raise InvalidInputError(
            f"{plan} is not a mix plan, which is text (JSON)",
            code=grpc.StatusCode.INVALID_ARGUMENT,
            details=ErrorDetails(reason="PLAN_INVALID"),
        ) from None


def _check_target(terminal: Terminal, target: Path, inputs: list[Path]) -> None:
    """Refuses before the work what would fail after it, or cost an input. Leaves with 2, or raises OSError."""
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"cannot be written: there is no folder {target.parent}", str(target))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder: name a file in it", str(target))
    if target.exists() and any(path.samefile(target) for path in inputs):
        terminal.usage(f"{target} is one of the inputs, which would be lost: name another file")


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A name in the output's folder that becomes the output at the end: a mix that fails leaves what was there."""
    part = out.with_name(f".{secrets.token_hex(8)}.part")
    try:
        yield part
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
