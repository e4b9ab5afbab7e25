"""`automix render`: a mix from files on this machine, without any service."""

from __future__ import annotations

import errno
import json
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from automix_mixer.engine import EngineError, Settings, SettingsError, Track
from automix_mixer.engine.settings import described

_FAILED, _USAGE, _REFUSED = 1, 2, 5
"""Exit codes, as `automix --help` explains them."""

_EXTENSIONS = {".wav": "wav24", ".flac": "flac24", ".mp3": "mp3"}

Paths = list[Path]


class _OverwriteError(Exception):
    """What would be written is an input; the message is its path."""


def render(
    output: Annotated[
        Path, typer.Option("--out", "--output", "-o", metavar="FILE", help="Where the mix goes; .wav, .flac or .mp3.")
    ],
    vocals: Annotated[
        Paths | None, typer.Option("--vocals", "-v", metavar="FILE", help="A vocal track; repeatable.")
    ] = None,
    beat: Annotated[
        Paths | None, typer.Option("--beat", "-b", metavar="FILE", help="A beat, or a stem of it; repeatable.")
    ] = None,
    reference: Annotated[
        Paths | None, typer.Option("--reference", "-r", metavar="FILE", help="A song to come close to; repeatable.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="NAME=VALUE", help=f"A setting; repeatable. {'; '.join(described())}."),
    ] = None,
    plan_in: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="Render this plan (JSON) instead of a new one.")
    ] = None,
    plan_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the plan (JSON) here.")] = None,
    extras: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder for report, picture, comparison and stems.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Mix vocals and beats into one file, on this machine and without any server."""
    console = Console(stderr=True)
    inputs = [path for path in (*(vocals or ()), *(beat or ()), *(reference or ()), plan_in) if path is not None]
    try:
        for written in (output, plan_out):
            if written is not None:
                _check_target(written, inputs)
        result = _render(console, output, vocals, beat, reference, setting, plan_in, extras, quiet=as_json)
        if plan_out is not None:
            plan_out.write_text(json.dumps(result["plan"], indent=2) + "\n")
    except _OverwriteError as error:
        _fail(
            console, str(error), "is one of the inputs, which would be lost: name another file", _USAGE, as_json=as_json
        )
    except EngineError as error:
        _fail(console, error.reason, error.message, _REFUSED, as_json=as_json)
    except SettingsError as error:
        _fail(console, f"setting {error.field}", error.message, _USAGE, as_json=as_json)
    except OSError as error:
        # A write that fails does not say to which file.
        about = error.filename or f"{output} or the temporary folder {tempfile.gettempdir()}"
        _fail(console, str(about), str(error.strerror), _FAILED, as_json=as_json)
    if as_json:
        typer.echo(json.dumps(result))
        return
    console.print(
        f"{output}: {result['duration_s']:.1f} s, {result['integrated_lufs']:.1f} LUFS,"
        f" {result['true_peak_dbtp']:.1f} dBTP"
    )
    for note in result["report"]["notes"]:
        console.print(f"[yellow]note[/yellow] {note}")


def _fail(console: Console, about: str, message: str, code: int, *, as_json: bool) -> NoReturn:
    """Says what is wrong on standard error, for a program as the other commands do, and leaves."""
    if as_json:
        typer.echo(json.dumps({"error": {"message": message, "about": about, "exit_code": code}}), err=True)
    else:
        console.print(f"[red]{escape(about)}[/red] {escape(message)}", soft_wrap=True)
    raise typer.Exit(code)


def _render(
    console: Console,
    output: Path,
    vocals: Paths | None,
    beat: Paths | None,
    reference: Paths | None,
    setting: list[str] | None,
    plan_in: Path | None,
    extras: Path | None,
    *,
    quiet: bool,
) -> dict[str, Any]:
    from automix_mixer.engine.face.mixing import mix  # noqa: PLC0415 - `automix --help` needs no numpy
    from automix_mixer.engine.plan.plan_json import DELIVERY, delivered, plan_from_json  # noqa: PLC0415

    tracks = [
        Track(path, role)
        for role, paths in (("vocals", vocals), ("beat", beat), ("reference", reference))
        for path in paths or []
    ]
    given = _settings(setting or [], output)
    settings, plan = Settings.from_json(given), None
    if plan_in is not None:
        for name in given:
            if name not in DELIVERY:
                raise SettingsError(name, "has no effect beside a plan: change it in the plan")
        plan = plan_from_json(delivered(_read_plan(plan_in), settings))
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task("mixing", total=1.0)

        def show(share: float, stage: str) -> None:
            bar.update(task, completed=share, description=stage)

        with _beside(output) as part:
            result = mix(tracks, settings, part, plan=plan, progress=show, extras_dir=extras).to_json()
    return result | {
        "files": [file | {"path": str(output)} if file["kind"] == "mix" else file for file in result["files"]]
    }


def _check_target(target: Path, inputs: Paths) -> None:
    """Refuses before the work what would fail after it, or cost an input. Raises _OverwriteError, OSError."""
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"cannot be written: there is no folder {target.parent}", str(target))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder: name a file in it", str(target))
    if target.exists() and any(path.exists() and path.samefile(target) for path in inputs):
        raise _OverwriteError(str(target))


@contextmanager
def _beside(output: Path) -> Iterator[Path]:
    """A name in the output's folder that becomes the output at the end: a mix that fails leaves what was there."""
    part = output.with_name(f".{secrets.token_hex(8)}.part")
    try:
        yield part
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _settings(pairs: list[str], output: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise SettingsError(pair, "must be written as name=value")
        try:
            values[name] = json.loads(text)
        except json.JSONDecodeError:
            values[name] = text
    if "output_format" not in values:
        if output.suffix.lower() not in _EXTENSIONS:
            raise SettingsError("output", f"must end in {', '.join(_EXTENSIONS)}, or set output_format")
        values["output_format"] = _EXTENSIONS[output.suffix.lower()]
    return values


def _read_plan(path: Path) -> dict[str, Any]:
    try:
        plan = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise EngineError("PLAN_INVALID", f"{path} is not JSON: {error}") from error
    if not isinstance(plan, dict):
        raise EngineError("PLAN_INVALID", f"{path} holds no object")
    return plan
