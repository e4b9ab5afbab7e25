"""Keep the logs of a stack that runs for long from filling the disk."""

import contextlib
import shutil
import threading
from pathlib import Path

from automix_local.state import StateDir

LOG_BYTES = 32 * 1024 * 1024
_LOOK_SECONDS = 10.0


def trim(log: Path, most: int = LOG_BYTES) -> None:
    """Move a log of more than `most` bytes to `<name>.1`, in place of what was there.

    Copied and cut, not renamed: the process goes on writing to the file that it has open, and always at its end.
    """
    if log.stat().st_size > most:
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        with log.open("r+b") as file:
            file.truncate()


class LogKeeper:
    """Trims every log for the length of a `with` block."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log keeper", daemon=True)

    def __enter__(self) -> "LogKeeper":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            for log in self._state.log_file("any").parent.glob("*.log"):
                with contextlib.suppress(FileNotFoundError):
                    trim(log)
