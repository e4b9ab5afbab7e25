"""Start child processes that cannot outlive this one, and find those that an earlier one left."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import psutil

from automix_local import launch
from automix_local.state import write_private

_LEFTOVER_GRACE_SECONDS = 5.0
# A create time is read from the kernel's boot clock twice; anything closer than this is the same process.
_SAME_PROCESS_SECONDS = 1.0


@dataclass(frozen=True)
class User:
    """The user that a process runs as, where that is not the one who starts it."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    """What to execute. `env` is the whole environment of the process; secrets belong there, never in `argv`."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    cwd: Path | None = None
    user: User | None = None
    death_signal: signal.Signals = signal.SIGKILL


class Spawner:
    """Starts every process from one thread that lives as long as this object.

    Linux sends the parent-death signal when the thread that forked ends, not the process: a pool's thread must never
    be the one that starts a server.
    """

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[tuple[Command, Future[subprocess.Popen[bytes]]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="spawner", daemon=True)
        self._thread.start()

    def spawn(self, command: Command) -> "subprocess.Popen[bytes]":
        """Start the command in a session of its own, its output appended to its log."""
        result: Future[subprocess.Popen[bytes]] = Future()
        self._requests.put((command, result))
        return result.result()

    def close(self) -> None:
        """End the thread; what still runs gets its death signal."""
        self._requests.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (request := self._requests.get()) is not None:
            command, result = request
            try:
                result.set_result(_popen(command))
            except BaseException as error:  # noqa: BLE001 - who asked hears of it; the next one must be served too
                result.set_exception(error)


def _popen(command: Command) -> "subprocess.Popen[bytes]":
    user = command.user or User(-1, -1)
    prefix = [sys.executable, "-I", "-S", launch.__file__]
    options = [str(os.getpid()), str(int(command.death_signal)), str(user.uid), str(user.gid), "--"]
    log = os.open(command.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - argv comes from the stack's own tables
            [*prefix, *options, *command.argv],
            env=dict(command.env),
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)


def has_exited(process: "subprocess.Popen[bytes]", *, wait: bool = False) -> bool:
    """Whether the process has ended; `wait` waits until it has. It is not reaped here, so that its id cannot name
    another one."""
    flags = os.WEXITED | os.WNOWAIT | (0 if wait else os.WNOHANG)
    return os.waitid(os.P_PID, process.pid, flags) is not None


def reap(process: "subprocess.Popen[bytes]") -> int:
    """End what is left of an ended process's group and return its exit code (negative: the signal)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def record(run_dir: Path, name: str, pid: int) -> None:
    """Remember a running process for the next start, should this one not end in order.

    On a full disk the note is missing, but the process is still supervised.
    """
    with contextlib.suppress(psutil.NoSuchProcess, OSError):
        created = psutil.Process(pid).create_time()
        write_private(run_dir / f"{name}.json", json.dumps({"pid": pid, "created": created}))


def forget(run_dir: Path, name: str) -> None:
    """The process has ended."""
    with contextlib.suppress(OSError):
        (run_dir / f"{name}.json").unlink(missing_ok=True)


def end_leftovers(run_dir: Path) -> None:
    """End every recorded process that still runs, with its children. The caller holds the state directory's lock."""
    alive: list[psutil.Process] = []
    for file in run_dir.glob("*.json"):
        with contextlib.suppress(psutil.NoSuchProcess, ValueError, KeyError):
            noted = json.loads(file.read_text())
            process = psutil.Process(noted["pid"])
            if abs(process.create_time() - noted["created"]) < _SAME_PROCESS_SECONDS:
                alive += [process, *process.children(recursive=True)]
        file.unlink(missing_ok=True)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)
    _, stubborn = psutil.wait_procs(alive, timeout=_LEFTOVER_GRACE_SECONDS)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=_LEFTOVER_GRACE_SECONDS)
