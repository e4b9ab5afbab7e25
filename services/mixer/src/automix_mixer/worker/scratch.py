"""Folders for audio on its way through a worker. What a killed worker left behind, the next one removes."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "automix-worker-"
LOCK = "lock"


@contextmanager
def scratch_root(parent: Path | None) -> Iterator[Path]:
    """A private folder of this process, gone after the block. A lock in it tells others that its owner lives."""
    folder = parent or Path(tempfile.gettempdir())
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder, ignore_cleanup_errors=True) as name:
        lock = os.open(Path(name) / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(lock)


def _remove_leftovers(folder: Path) -> None:
    for left in folder.glob(f"{PREFIX}*"):
        try:
            lock = os.open(left / LOCK, os.O_RDWR)
        except OSError:  # just being made, or somebody else's
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(lock)
