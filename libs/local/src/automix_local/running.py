"""Use the stack that runs on this machine, or have one for a while."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from automix_local.discovery import as_mapping, discover
from automix_local.errors import StackError, StateDirBusyError
from automix_local.state import StateDir, default_state_dir

if TYPE_CHECKING:
    from automix_local.services import Service
    from automix_local.stack import Stack
    from automix_local.supervised import Status

_START_SECONDS = 60.0
_POLL_SECONDS = 0.1


def _ignore(*_heard: object) -> None:
    """A callback that does nothing."""


@contextmanager
def running_stack(
    state_dir: Path | None = None,
    *,
    services: "Sequence[Service] | None" = None,
    on_change: "Callable[[Status], None]" = _ignore,
    on_wait: Callable[[], None] = _ignore,
) -> Iterator[Mapping[str, str]]:
    """The addresses of the running stack by service, with its `name`; one is started for the block if none runs.

    Whoever started it keeps it up until every other block over it has ended too. `on_change` hears of every process
    of a stack that is started here, `on_wait` is called when others still use it at the end. Raises StackError when it
    cannot be started.
    """
    directory = StateDir(state_dir or default_state_dir())
    directory.create()
    # Everyone who uses the stack holds this lock shared. Whoever started the stack takes it alone to stop it, and so
    # waits for every block like this one, and lets nobody enter one before the stack has stopped.
    users = os.open(directory.users_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with ExitStack() as at_end:
        at_end.callback(os.close, users)
        fcntl.flock(users, fcntl.LOCK_SH)
        deadline = time.monotonic() + _START_SECONDS
        while (found := discover(directory.path)) is None:
            try:
                at_end.enter_context(_start(directory.path, services, on_change))
            except StateDirBusyError as error:  # somebody else is starting one, or stopping theirs
                if time.monotonic() > deadline:
                    raise StackError(
                        f"the stack in {directory.path} is not ready after {_START_SECONDS:.0f} s"
                    ) from error
                time.sleep(_POLL_SECONDS)
            else:
                at_end.callback(_wait_for_others, users, on_wait)
        yield as_mapping(found)


def _wait_for_others(users: int, on_wait: Callable[[], None]) -> None:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        on_wait()
        fcntl.flock(users, fcntl.LOCK_EX)


def _start(directory: Path, services: "Sequence[Service] | None", on_change: "Callable[[Status], None]") -> "Stack":
    # Only here: who finds a stack need not wait for the drivers of three servers to load.
    from automix_local.services import SERVICES  # noqa: PLC0415
    from automix_local.stack import Stack  # noqa: PLC0415
    from automix_local.statusfile import StatusFile  # noqa: PLC0415

    statuses = StatusFile(StateDir(directory).status_file)

    def note(status: "Status") -> None:
        statuses(status)
        on_change(status)

    # Nobody opens a page of a stack that stops with its command.
    needed = [service for service in SERVICES if not service.process.is_public] if services is None else services
    return Stack.start(directory, services=needed, passing=True, on_change=note)
