"""One supervised process: started, watched until ready, started again when it dies, stopped within a bound."""

import contextlib
import enum
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from automix_local.errors import StackError, told
from automix_local.spawn import Command, Spawner, forget, has_exited, reap, record

_PROBE_INTERVAL_SECONDS = 0.05
_LOG_TAIL_LINES = 15


def nothing(*_heard: object) -> None:
    """A callback that does nothing."""


@dataclass(frozen=True)
class ProcessSpec:
    """How a process is run. `ready` raises, as a rule NotReadyError, until the process does its work.

    `depends_on` names the steps and processes that must be ready before it starts; `before_start` runs before each
    start, also after a crash, and `after_exit` after each end.
    """

    name: str
    command: Command
    ready: Callable[[], None]
    depends_on: tuple[str, ...] = ()
    before_start: Callable[[], None] = nothing
    after_exit: Callable[[], None] = nothing
    address: str = ""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    ready_seconds: float = 60.0


@dataclass(frozen=True)
class Backoff:
    """Seconds between a death and the next start: doubled while the process dies young, at most `limit`."""

    first: float = 0.1
    limit: float = 5.0
    young: float = 5.0
    first_start_attempts: int = 3


class State(enum.Enum):
    """Where a process is in its life."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting to restart"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass
class Status:
    """What a person sees of a process."""

    name: str
    state: State = State.STOPPED
    pid: int | None = None
    address: str = ""
    restarts: int = 0
    since: float = field(default_factory=time.monotonic)
    detail: str = ""


class SupervisedProcess:
    """Keeps one process running. Its methods may be called from any thread."""

    def __init__(
        self,
        spec: ProcessSpec,
        spawner: Spawner,
        run_dir: Path,
        *,
        on_change: Callable[[Status], None],
        backoff: Backoff,
    ) -> None:
        self.spec = spec
        self._spawner = spawner
        self._run_dir = run_dir
        self._on_change = on_change
        self._backoff = backoff
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._before_ready: Callable[[], None] = nothing
        self._keeper: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._status = Status(spec.name, address=spec.address)

    @property
    def status(self) -> Status:
        """A copy of what is known now."""
        with self._changed:
            return Status(**vars(self._status))

    def before_ready(self, action: Callable[[], None]) -> None:
        """Have `action` run after each start, between the readiness probe's success and the process being ready.

        While it raises NotReadyError, the process is not ready either.
        """
        self._before_ready = action

    def start(self) -> None:
        """Start and keep it running; returns at once. Does nothing when it runs already."""
        with self._changed:
            if self._keeper is not None and self._keeper.is_alive():
                return
            self._stop.clear()
            self._status.state = State.STARTING
            self._keeper = threading.Thread(target=self._keep, name=f"keep {self.spec.name}", daemon=True)
            self._keeper.start()

    def wait_ready(self, seconds: float | None = None) -> None:
        """Wait until it is ready. Raises StackError, with the end of its log, when it failed or took too long."""
        limit = self.spec.ready_seconds if seconds is None else seconds
        with self._changed:
            self._changed.wait_for(lambda: self._status.state in {State.READY, State.FAILED, State.STOPPED}, limit)
            state, detail = self._status.state, self._status.detail
        if state is not State.READY:
            reason = detail or f"{self.spec.name} is {state.value} after {limit:.0f} s"
            raise StackError(f"{reason}\n{log_tail(self.spec.command.log)}")

    @property
    def is_alive(self) -> bool:
        """Whether its process runs and has not been asked to stop."""
        with self._changed:
            return self._process is not None and not self._stop.is_set() and not has_exited(self._process)

    def kill(self) -> int:
        """Strike it with SIGKILL and return the id of the process that died; it is started again."""
        with self._changed:
            process = self._process
            if process is None:
                raise StackError(f"{self.spec.name} does not run")
            os.kill(process.pid, signal.SIGKILL)
            self._changed.wait_for(lambda: self._process is not process)
        return process.pid

    def stop(self, *, kill: bool = False) -> None:
        """Stop it and keep it stopped: its stop signal, then SIGKILL when its time is up; `kill`: SIGKILL at once."""
        self._stop.set()
        keeper = self._keeper
        if keeper is None:
            return
        if not kill and self._signal(self.spec.stop_signal):
            self._note(State.STOPPING)
            keeper.join(self.spec.stop_seconds)
        while keeper.is_alive():
            self._signal(signal.SIGKILL)
            keeper.join(0.1)

    def _signal(self, number: signal.Signals) -> bool:
        with self._changed:  # a process is reaped under this lock: its id cannot name another one here
            if self._process is None:
                return False
            os.kill(self._process.pid, number)
            return True

    def _keep(self) -> None:
        delay, attempts, was_ready = self._backoff.first, 0, False
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                self.spec.before_start()
                process = self._spawner.spawn(self.spec.command)
            except (OSError, StackError) as error:
                detail = f"{self.spec.name} cannot start: {told(error)}"
                if not was_ready:
                    self._note(State.FAILED, detail=detail)
                    return
                # It has run here before, so the obstacle, such as a full disk, may go away again.
                self._note(State.WAITING, detail=detail)
                self._stop.wait(delay)
                delay = min(delay * 2, self._backoff.limit)
                continue
            with self._changed:
                self._process = process
            self._note(State.STARTING)
            record(self._run_dir, self.spec.name, process.pid)
            if self._stop.is_set():  # stop() came after the loop's check and saw no process
                self._signal(self.spec.stop_signal)
            ready = self._await_ready(process)
            was_ready = was_ready or ready
            has_exited(process, wait=True)
            with self._changed:
                code = reap(process)
                self._process = None
                self._status.state = State.WAITING
            forget(self._run_dir, self.spec.name)
            self.spec.after_exit()
            if self._stop.is_set():
                break
            attempts += 1
            given_up = not was_ready and attempts >= self._backoff.first_start_attempts
            self._note(State.FAILED if given_up else State.WAITING, detail=_epitaph(self.spec.name, code))
            if given_up:
                return
            self._stop.wait(delay)
            young = not ready or time.monotonic() - started < self._backoff.young
            delay = min(delay * 2, self._backoff.limit) if young else self._backoff.first
            with self._changed:
                self._status.restarts += 1
        self._note(State.STOPPED)

    def _await_ready(self, process: "subprocess.Popen[bytes]") -> bool:
        deadline = time.monotonic() + self.spec.ready_seconds
        while not self._stop.is_set() and not has_exited(process):
            try:
                self.spec.ready()
                self._before_ready()
            except Exception as reason:  # noqa: BLE001 - a probe that fails in a new way must not end supervision
                if time.monotonic() > deadline:
                    self._note(State.STARTING, detail=f"{self.spec.name} is not ready in time: {reason}")
                    self._signal(signal.SIGKILL)
                    return False
                self._stop.wait(_PROBE_INTERVAL_SECONDS)
            else:
                self._note(State.READY)
                return True
        return False

    def _note(self, state: State, *, detail: str = "") -> None:
        with self._changed:
            self._status.state = state
            self._status.pid = None if self._process is None else self._process.pid
            self._status.since = time.monotonic()
            self._status.detail = detail
            self._changed.notify_all()
            copy = Status(**vars(self._status))
        # The callback may meet a full disk or a terminal that is gone. It runs in the thread that keeps the process
        # alive, and must not end it.
        with contextlib.suppress(Exception):
            self._on_change(copy)


def _epitaph(name: str, code: int) -> str:
    return f"{name} was ended by {signal.Signals(-code).name}" if code < 0 else f"{name} exited with status {code}"


def log_tail(log: Path) -> str:
    """The last lines of a log, indented, with its path."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
    except FileNotFoundError:
        lines = []
    return "\n".join([f"log: {log}", *(f"  {line}" for line in lines)])
