"""Keep the logs of a stack that runs for long from filling the disk."""

import contextlib
import shutil
from pathlib import Path

from automix_local.state import StateDir

LOG_BYTES = 32 * 1024 * 1024


def trim(log: Path, most: int = LOG_BYTES) -> None:
    """Move a log of more than `most` bytes to `<name>.1`, in place of what was there.

    Copied and cut, not renamed: the process goes on writing to the file that it has open, and always at its end.
    It is cut also when there is no room for the copy.
    """
    if log.stat().st_size > most:
        older = log.with_name(f"{log.name}.1")
        try:
            shutil.copyfile(log, older)
        except OSError:
            older.unlink(missing_ok=True)
        with log.open("r+b") as file:
            file.truncate()


def trim_all(state: StateDir) -> None:
    """Trim every log of a stack."""
    for log in state.log_file("any").parent.glob("*.log"):
        with contextlib.suppress(FileNotFoundError):
            trim(log)
