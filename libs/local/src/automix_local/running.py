"""Use the stack that runs on this machine, or have one for a while."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from automix_local.discovery import as_mapping, discover
from automix_local.errors import StackError, StateDirBusyError
from automix_local.process import Status
from automix_local.services import SERVICES, Service
from automix_local.stack import Stack
from automix_local.state import default_state_dir

_START_SECONDS = 60.0
_POLL_SECONDS = 0.1


def _ignore(_status: Status) -> None:
    """Nobody watches."""


@contextmanager
def running_stack(
    state_dir: Path | None = None,
    *,
    services: Sequence[Service] = SERVICES,
    on_change: Callable[[Status], None] = _ignore,
) -> Iterator[Mapping[str, str]]:
    """The addresses of the running stack by service, with its `name`; one is started for the block if none runs.

    `on_change` hears of every process of a stack that is started here. Raises StackError when it cannot be.
    """
    directory = state_dir or default_state_dir()
    found = discover(directory)
    if found is not None:
        yield as_mapping(found)
        return
    try:
        stack = Stack.start(directory, services=services, on_change=on_change)
    except StateDirBusyError:
        yield _soon(directory)
        return
    with stack:
        started = discover(directory)
        if started is None:
            raise StackError(f"the stack in {directory} did not say where it is")
        yield as_mapping(started)


def _soon(directory: Path) -> Mapping[str, str]:
    """Somebody else is starting the stack: wait until it is ready."""
    deadline = time.monotonic() + _START_SECONDS
    while (found := discover(directory)) is None:
        if time.monotonic() > deadline:
            raise StackError(f"the stack in {directory} is not ready after {_START_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)
    return as_mapping(found)
