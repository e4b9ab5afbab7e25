"""The commands `automix up`, `down`, `status`, `logs` and `studio`."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import webbrowser
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from automix_local.discovery import discover
from automix_local.display import processes_table
from automix_local.errors import NO_MORE_PROCESSES, StackError, told
from automix_local.state import StateDir, default_state_dir
from automix_local.statusfile import read_statuses
from automix_local.supervised import nothing

EXIT_FAILED = 1
EXIT_DOWN = 3

_START_SECONDS = 120.0
_STOP_SECONDS = 45.0
_POLL_SECONDS = 0.1

StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state", help="The folder in which the stack keeps everything. Also AUTOMIX_STATE_DIR.", show_default=False
    ),
]


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def up(
    state: StateOption = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once everything is ready.")] = False,
    traces: Annotated[
        Path | None,
        typer.Option(
            "--traces",
            file_okay=False,
            help="Write the spans of every process to traces.jsonl in this folder.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start AutoMix on this machine: servers, schemas, services. Ctrl-C stops all of it.

    Waits for the end of a stack that runs only for another command. With --json it prints what `automix status --json`
    does, once everything is ready.
    """
    directory = _directory(state)
    console = Console(emoji=False, stderr=True)
    try:
        if detach:
            _detach(directory, console, [] if traces is None else ["--traces", str(traces.absolute())])
            if as_json:
                _print_json(_document(directory))
        else:
            # Only here: the other commands need not wait for the drivers of three servers to load.
            from automix_local.foreground import run_stack  # noqa: PLC0415

            _wait_for_passing(directory, console)
            run_stack(
                directory.path,
                console,
                traces=traces,
                on_ready=(lambda: _print_json(_document(directory))) if as_json else nothing,
            )
    except (StackError, OSError) as error:
        _fail(error)
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        _fail(StackError(NO_MORE_PROCESSES))


def down(state: StateOption = None, as_json: JsonOption = False) -> None:
    """Stop the AutoMix that runs on this machine. Its data is kept."""
    directory = _directory(state)
    console = Console(emoji=False, stderr=True)
    holder = directory.holder()
    if holder is None:
        console.print(f"no AutoMix runs over {directory.path}", soft_wrap=True)
    else:
        _stop(holder, directory, console)
        console.print("stopped")
    if as_json:
        _print_json(_document(directory))


def _stop(holder: int, directory: StateDir, console: Console) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        os.kill(holder, signal.SIGTERM)
        os.kill(holder, signal.SIGCONT)  # a suspended process handles SIGTERM only when it runs again
    deadline = time.monotonic() + _STOP_SECONDS
    while directory.holder() == holder:
        if time.monotonic() > deadline:
            console.print(f"[red]error:[/red] process {holder} is still stopping after {_STOP_SECONDS:.0f} s")
            raise typer.Exit(EXIT_FAILED)
        time.sleep(_POLL_SECONDS)


def status(state: StateOption = None, as_json: JsonOption = False) -> None:
    """Show what runs where. The exit code is 0 when AutoMix is up and 3 when it is not."""
    directory = _directory(state)
    document = _document(directory)
    if as_json:
        _print_json(document)
    else:
        _print_status(directory, document["pid"])
    raise typer.Exit(0 if document["up"] else EXIT_DOWN)


def studio(
    state: StateOption = None,
    show: Annotated[bool, typer.Option("--open", help="Open the link in the browser.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print a link that opens the studio, signed in with this computer's own account. It works once."""
    # Only here: the other commands need not wait for the client to load.
    from automix_local.studio import signed_in_link  # noqa: PLC0415

    directory = _directory(state)
    link = signed_in_link(directory.path)
    if link is None:
        _fail(StackError(f"no AutoMix with a studio runs over {directory.path}; start it with `automix up`"))
    if as_json:
        _print_json({"url": link})
    else:
        sys.stdout.write(f"{link}\n")
    if show:
        webbrowser.open(link)


def _print_status(directory: StateDir, holder: int | None) -> None:
    console = Console(emoji=False)
    if holder is None:
        console.print(f"no AutoMix runs over {directory.path}; start it with `automix up`", soft_wrap=True)
        return
    console.print(processes_table(read_statuses(directory)))
    if directory.passing():
        console.print(
            f"it runs for another command (process {holder}) and stops with it; `automix up` starts one that stays",
            soft_wrap=True,
        )
    endpoints = discover(directory.path)
    if endpoints is not None and endpoints.url is not None:
        console.print(f"open {endpoints.url}", soft_wrap=True)
    console.print(f"[dim]state and logs: {directory.path}[/dim]", highlight=False, soft_wrap=True)


def _document(directory: StateDir) -> dict[str, Any]:
    endpoints, processes = discover(directory.path), read_statuses(directory)
    return {
        "up": endpoints is not None and all(process.is_ready for process in processes),
        "state": str(directory.path),
        "pid": directory.holder(),
        "passing": directory.passing(),
        "url": None if endpoints is None else endpoints.url,
        "endpoints": None if endpoints is None else asdict(endpoints),
        "processes": [asdict(process) for process in processes],
    }


def _directory(state: Path | None) -> StateDir:
    try:
        return StateDir(state or default_state_dir())
    except StackError as error:
        _fail(error)


def _fail(error: StackError | OSError) -> NoReturn:
    console = Console(emoji=False, stderr=True)
    console.print(f"[red]error:[/red] {escape(told(error))}", highlight=False, soft_wrap=True)
    raise typer.Exit(EXIT_FAILED) from None


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def logs(
    name: Annotated[str | None, typer.Argument(help="A process, as `automix status` names it.")] = None,
    state: StateOption = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines to show.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep showing new lines as they are written.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the log of a process, or list the processes that have one. With --json, a string for each line, or a list
    of names."""
    directory = _directory(state)
    known = sorted(file.stem for file in directory.log_file("any").parent.glob("*.log"))
    if name is None and as_json:
        _print_json(known)
        raise typer.Exit
    if name not in known:
        there = ", ".join(known) or "none yet: AutoMix has not run here, `automix up` starts it"
        if name is None:
            Console(emoji=False, stderr=True).print(f"logs: {there}", soft_wrap=True)
            raise typer.Exit(0)
        raise typer.BadParameter(f"there is no log of {name!r}; logs: {there}")
    with directory.log_file(name).open(errors="replace") as file:
        shown = iter(deque(file, lines))
        while (line := next(shown, "") or file.readline()) or follow:
            if not line:
                sys.stdout.flush()
                time.sleep(_POLL_SECONDS)
            elif as_json:
                _print_json(line.rstrip("\n"))
            else:
                sys.stdout.write(line)


def _detach(directory: StateDir, console: Console, options: list[str]) -> None:
    directory.create()
    _wait_for_passing(directory, console)
    log = directory.log_file("supervisor")
    log.touch(mode=0o600)
    process: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + _START_SECONDS
    with console.status("starting AutoMix"):
        while (found := discover(directory.path)) is None or directory.passing():
            held = directory.holder() is not None  # or by another `automix up`: its stack serves as well
            if process is None and not held:
                process = _supervisor(directory, log, options)
            failed = process is not None and process.poll() is not None and not held
            if failed or time.monotonic() > deadline:
                last = "".join(log.open(errors="replace").readlines()[-20:])
                raise StackError(f"AutoMix did not start; the end of {log}:\n{last}")
            time.sleep(_POLL_SECONDS)
    if process is None or found.pid != process.pid:
        console.print(f"AutoMix runs already (process {found.pid})")
        return
    console.print(processes_table(read_statuses(directory)))
    console.print("AutoMix runs in the background; `automix down` stops it, `automix studio` opens it")


def _supervisor(directory: StateDir, log: Path, options: list[str]) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, "-m", "automix_local", "up", "--state", str(directory.path), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _wait_for_passing(directory: StateDir, console: Console) -> None:
    """Waits while the directory is held by a stack that ends with another command."""
    if not directory.passing():
        return
    console.print(
        f"AutoMix runs for another command (process {directory.holder()}); waiting until that has ended",
        highlight=False,
        soft_wrap=True,
    )
    while directory.passing():
        time.sleep(_POLL_SECONDS)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
for command in (up, down, status, logs, studio):
    app.command()(command)
