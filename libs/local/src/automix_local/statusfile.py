"""What each process of a running stack is doing, kept in the state directory for other commands to read."""

import json
import os
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from automix_local.state import StateDir
from automix_local.supervised import State, Status

UNKNOWN = "unknown"
"""The state of a process that has ended without a note of it."""

_RETRY_SECONDS = 0.5


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
        """Whether it is ready."""
        return self.state == State.READY.value


class StatusFile:
    """Follows a stack's processes and keeps the file up to date: on a full disk, as soon as there is room."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._known: dict[str, ProcessStatus] = {}
        self._later: threading.Timer | None = None

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
            self._write()

    def _write(self) -> None:
        # A reader sees the old file or the new one. There is no fsync, because after a crash the file is not used.
        temporary = self._file.with_suffix(".new")
        processes = [asdict(process) for process in self._known.values()]
        try:
            temporary.touch(mode=0o600)
            temporary.write_text(json.dumps({"pid": os.getpid(), "processes": processes}))
            temporary.replace(self._file)
        except OSError:
            if self._later is None:
                self._later = threading.Timer(_RETRY_SECONDS, self._write_again)
                self._later.daemon = True
                self._later.start()

    def _write_again(self) -> None:
        with self._lock:
            self._later = None
            if self._file.parent.exists():
                self._write()

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
    if found["pid"] != holder:
        return []
    return [_as_it_is(ProcessStatus(**process)) for process in found["processes"]]


def _as_it_is(noted: ProcessStatus) -> ProcessStatus:
    """The process as it is now. The file may be out of date, for a moment or while the disk is full, and a dead process
    must not be shown as ready."""
    if noted.pid is None or _lives(noted.pid):
        return noted
    detail = f"process {noted.pid} has ended: whether another runs in its place is not known yet"
    return replace(noted, state=UNKNOWN, pid=None, since=time.time(), detail=detail)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
