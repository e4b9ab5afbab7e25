"""Run the stack in this process until it is asked to stop."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType

from automix_client.errors import AutomixError
from rich.console import Console
from rich.live import Live

from automix_local.display import processes_table
from automix_local.logs import trim_all
from automix_local.periodic import Periodic
from automix_local.services import SERVICES, Service, public_url
from automix_local.stack import Stack
from automix_local.state import StateDir
from automix_local.statusfile import StatusFile
from automix_local.studio import signed_in_link
from automix_local.supervised import Status, nothing

_REFRESHES_PER_SECOND = 4
_TRIM_SECONDS = 10.0
_WAKE_SECONDS = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stop:
    """Ends the stack at the first signal: by an exception during the start, by an event afterwards."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.starting = True

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self.starting and not self.asked.is_set():
            self.asked.set()
            raise KeyboardInterrupt
        self.asked.set()


def run_stack(
    state_dir: Path,
    console: Console,
    services: Sequence[Service] = SERVICES,
    *,
    traces: Path | None = None,
    on_ready: Callable[[], None] = nothing,
) -> None:
    """Start everything, show it, and stop it in order when a signal asks; returns when nothing runs any more.

    `traces` is a folder for the spans of every service.

    Raises StackError when something does not start; then everything is stopped.
    """
    os.umask(0o077)  # what is written from here on is for this user alone
    statuses = StatusFile(StateDir(state_dir).status_file)
    stop = _Stop()
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup: the end of the terminal is not meant for it
            signal.signal(number, stop)
    with _shown(statuses, console) as watch, _traced(traces, services) as overrides:
        try:
            stack = Stack.start(state_dir, services=services, overrides=overrides, on_change=watch)
        except KeyboardInterrupt:
            return
        stop.starting = False
        with stack, Periodic("log keeper", partial(trim_all, stack.servers.state), _TRIM_SECONDS):
            on_ready()
            _say(console, "ready")
            if (url := public_url(stack.endpoints)) is not None:
                _show_address(console, url, state_dir)
            # Another thread may take the signal, as after SIGSTOP and SIGCONT. It is handled when this thread next
            # wakes.
            while not stop.asked.wait(_WAKE_SECONDS):
                pass
            _say(console, "stopping")


@contextmanager
def _traced(folder: Path | None, services: Sequence[Service]) -> Iterator[dict[str, dict[str, str]]]:
    """The settings with which services send their spans to the folder."""
    if folder is None:
        yield {}
        return
    from automix_local.traces import collecting  # noqa: PLC0415 - a stack without it need not load OTLP's messages

    with collecting(folder) as endpoint:
        yield {service.name: {"AUTOMIX_OTLP_ENDPOINT": endpoint} for service in services}


def _show_address(console: Console, url: str, state_dir: Path) -> None:
    """Shows a link that signs in, where a person watches. A log gets only the address, because the link is a key."""
    if console.is_terminal:
        with suppress(AutomixError, OSError):
            url = signed_in_link(state_dir) or url
    console.print(f"open {url}", soft_wrap=True, highlight=False)


def _say(console: Console, line: str) -> None:
    """Writes a line where no table is shown. A full disk must not end the stack."""
    if not console.is_terminal:
        with suppress(OSError):
            console.print(line, soft_wrap=True)


@contextmanager
def _shown(statuses: StatusFile, console: Console) -> Iterator["_Watch"]:
    watch = _Watch(statuses, console)
    if not console.is_terminal:
        yield watch
        return
    with Live(
        get_renderable=lambda: processes_table(statuses.processes),
        console=console,
        transient=False,
        refresh_per_second=_REFRESHES_PER_SECOND,
    ):
        yield watch


class _Watch:
    """Takes every change, and writes a line about it where no table is shown."""

    def __init__(self, statuses: StatusFile, console: Console) -> None:
        self._statuses = statuses
        self._console = console

    def __call__(self, status: Status) -> None:
        self._statuses(status)
        where = f" at {status.address}" if status.address else ""
        _say(self._console, f"{status.name} {status.state.value}{where} {status.detail}".rstrip())
