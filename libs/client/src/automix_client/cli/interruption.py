"""Ending at once when a signal says so, without leaving anything on the disk."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from automix_client.cli.terminal import Terminal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOKS = 20


@contextmanager
def tidy_when_told_to_end(tidy: Callable[[], None]) -> Iterator[None]:
    """Within, a signal to end calls `tidy` and ends the process with 128 plus the signal's number, as shells say it.

    It ends without waiting for other threads: one of them may decode an hour of audio. A signal that is ignored, as
    SIGHUP under nohup, stays so. Signals can be caught in the main thread alone; in another one nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: object) -> None:
        for later in SIGNALS:
            signal.signal(later, signal.SIG_IGN)
        try:
            tidy()
        finally:
            sys.stderr.flush()
            os._exit(128 + number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Leftovers:
    """Files and folders that must not outlive the block, whether it ends or a signal ends the process."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._paths: list[Path] = []
        self._caught = tidy_when_told_to_end(self._interrupted)

    def __enter__(self) -> Leftovers:
        self._caught.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._caught.__exit__(*error)
        self._remove()

    def add(self, path: Path) -> Path:
        """Counts `path` among them."""
        self._paths.append(path)
        return path

    def folder(self) -> Path:
        """A new temporary folder, which is one of them."""
        return self.add(Path(mkdtemp(prefix="automix-")))

    def _interrupted(self) -> None:
        self._terminal.err.show_cursor()
        self._remove()

    def _remove(self) -> None:
        for path in self._paths:
            # Other threads may still write into the folder, so it is removed again if it has come back.
            for _ in range(_LOOKS):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
                if not path.exists():
                    break
