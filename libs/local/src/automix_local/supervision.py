"""All processes of one stack, by name."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from automix_local.errors import StackError
from automix_local.spawn import Command, Spawner, end_leftovers, has_exited, reap
from automix_local.supervised import Backoff, ProcessSpec, State, Status, SupervisedProcess, log_tail

_POLL_SECONDS = 0.01


class Processes:
    """Starts, strikes and stops named processes; ends all of them in reverse order of dependence."""

    def __init__(self, run_dir: Path, *, on_change: Callable[[Status], None], backoff: Backoff) -> None:
        end_leftovers(run_dir)
        self._run_dir = run_dir
        self._on_change = on_change
        self._backoff = backoff
        self._spawner = Spawner()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._processes: dict[str, SupervisedProcess] = {}

    def launch(self, spec: ProcessSpec) -> None:
        """Start a process and wait until it is ready. Raises StackError, with the end of its log, when it is not."""
        process = SupervisedProcess(
            spec, self._spawner, self._run_dir, on_change=self._on_change, backoff=self._backoff
        )
        with self._lock:
            if self._closed.is_set():
                raise StackError(f"{spec.name} is not started: the stack is being stopped")
            self._processes[spec.name] = process
            process.start()
        process.wait_ready()

    def run(self, name: str, command: Command, seconds: float, *, while_alive: str = "") -> None:
        """Run a command to its end, or until the process named by `while_alive` ends.

        Raises StackError, with the end of its log, when it fails or takes too long.
        """
        with self._lock:
            if self._closed.is_set():
                raise StackError(f"{name} is not run: the stack is being stopped")
            process = self._spawner.spawn(command)
        needed = self._processes.get(while_alive)
        deadline = time.monotonic() + seconds
        while not has_exited(process) and not self._closed.is_set() and time.monotonic() < deadline:
            if needed is not None and not needed.is_alive:
                break
            self._closed.wait(_POLL_SECONDS)
        finished = has_exited(process)
        if not finished:
            os.kill(process.pid, signal.SIGKILL)
            has_exited(process, wait=True)
        code = reap(process)
        if code != 0:
            how = f"failed with status {code}" if finished else "was ended before it was done"
            raise StackError(f"{name} {how}\n{log_tail(command.log)}")

    def __contains__(self, name: str) -> bool:
        return name in self._processes

    def statuses(self) -> list[Status]:
        """Every process in the order in which it was started."""
        with self._lock:
            processes = list(self._processes.values())
        return [process.status for process in processes]

    def pid(self, name: str) -> int:
        """The id of the running process. Raises StackError when it does not run at this moment."""
        pid = self._named(name).status.pid
        if pid is None:
            raise StackError(f"{name} does not run")
        return pid

    def kill(self, name: str) -> int:
        """Strike a process with SIGKILL and return the id that died; it is started again (see wait_ready)."""
        return self._named(name).kill()

    def stop(self, name: str, *, kill: bool = False) -> None:
        """Stop a process, in order or by SIGKILL, and keep it stopped."""
        self._named(name).stop(kill=kill)

    def start(self, name: str) -> None:
        """Start a stopped process again and wait until it is ready."""
        self._named(name).start()
        self._named(name).wait_ready()

    def restart(self, name: str) -> None:
        """Stop a process in order, start it and wait until it is ready."""
        self.stop(name)
        self.start(name)

    def wait_ready(self, name: str, seconds: float | None = None) -> None:
        """Wait until a process is ready, also after it was killed. Raises StackError when it takes too long."""
        self._named(name).wait_ready(seconds)

    def before_ready(self, name: str, action: Callable[[], None]) -> None:
        """Have `action` run at each later start of the process, before it counts as ready."""
        self._named(name).before_ready(action)

    def change(self, spec: ProcessSpec) -> None:
        """Run the process of that name as `spec` says from its next start on; it must be stopped."""
        process = self._named(spec.name)
        if process.status.state not in {State.STOPPED, State.FAILED}:
            raise StackError(f"{spec.name} must be stopped before it can be changed")
        process.spec = spec

    def spec(self, name: str) -> ProcessSpec:
        """How a process is run."""
        return self._named(name).spec

    def stop_all(self) -> None:
        """Stop every process, those that others depend on last. This object cannot be used afterwards."""
        self._closed.set()
        with self._lock:
            processes = dict(self._processes)
        for names in _dependents_first(processes):
            with ThreadPoolExecutor(len(names)) as pool:
                list(pool.map(self.stop, names))
        self._spawner.close()

    def discard(self, name: str) -> None:
        """Stop a process and forget it."""
        self._processes.pop(name).stop()

    def _named(self, name: str) -> SupervisedProcess:
        try:
            return self._processes[name]
        except KeyError:
            known = ", ".join(self._processes) or "none"
            raise StackError(f"there is no process {name}; known: {known}") from None


def _dependents_first(processes: dict[str, SupervisedProcess]) -> Iterator[list[str]]:
    waiting = dict(processes)
    while waiting:
        needed = {name for process in waiting.values() for name in process.spec.depends_on}
        free = [name for name in waiting if name not in needed] or list(waiting)
        yield free
        waiting = {name: process for name, process in waiting.items() if name not in free}
