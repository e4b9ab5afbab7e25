"""What each process of a running stack is doing, kept in the state directory for other commands to read."""

import json
import os
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from automix_local.process import State, Status
from automix_local.state import StateDir


@dataclass(frozen=True)
class ProcessStatus:
    """One process as the supervisor last saw it. `since` is seconds since the epoch."""

    name: str
    state: str
    pid: int | None
    address: str
    restarts: int
    since: float
    detail: str

    @property
    def is_ready(self) -> bool:
        """Whether it does its work."""
        return self.state == State.READY.value


class StatusFile:
    """Follows a stack's processes and keeps the file up to date."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._known: dict[str, ProcessStatus] = {}

    def __call__(self, status: Status) -> None:
        """A process has changed."""
        since = time.time() - (time.monotonic() - status.since)
        seen = ProcessStatus(
            name=status.name,
            state=status.state.value,
            pid=status.pid,
            address=status.address,
            restarts=status.restarts,
            since=since,
            detail=status.detail,
        )
        with self._lock:
            self._known[status.name] = seen
            # A reader sees the old file or the new one; after a crash nobody trusts either.
            temporary = self._file.with_suffix(".new")
            processes = [asdict(process) for process in self._known.values()]
            temporary.touch(mode=0o600)
            temporary.write_text(json.dumps({"pid": os.getpid(), "processes": processes}))
            temporary.replace(self._file)

    @property
    def processes(self) -> list[ProcessStatus]:
        """Every process seen so far, in the order of its first change."""
        with self._lock:
            return list(self._known.values())


def read_statuses(state: StateDir) -> list[ProcessStatus]:
    """The processes of the stack that holds the directory; empty when none does."""
    holder = state.holder()
    if holder is None or not state.status_file.exists():
        return []
    try:
        found = json.loads(state.status_file.read_text())
    except ValueError:  # torn by a crash
        return []
    # Another id: the file of an earlier supervisor, while this one has not started anything yet.
    return [ProcessStatus(**process) for process in found["processes"]] if found["pid"] == holder else []
