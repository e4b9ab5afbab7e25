"""Folders for audio on its way through a process. What a killed process left behind, the next one removes."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "automix-scratch-"
LOCK = "lock"
MAKING = ".automix-scratch"
"""Locked while a folder is made or others are looked through: a folder without a locked lock has no owner."""


@contextmanager
def scratch_root(parent: Path | None) -> Iterator[Path]:
    """A private folder of this process in `parent` (the system's by default), gone after the block.

    A lock in it tells others that its owner lives.
    """
    folder = parent or Path(tempfile.gettempdir())
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / MAKING):
        _remove_leftovers(folder)
        made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
        lock = os.open(made / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(lock)


def _remove_leftovers(folder: Path) -> None:
    for left in folder.glob(f"{PREFIX}*"):
        try:
            with _locked(left / LOCK, wait=False):
                shutil.rmtree(left, ignore_errors=True)
        except OSError:  # its owner lives, or it is somebody else's
            continue


@contextmanager
def _locked(file: Path, *, wait: bool = True) -> Iterator[None]:
    """An exclusive lock. Raises BlockingIOError when it is taken and `wait` is not asked for."""
    descriptor = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
