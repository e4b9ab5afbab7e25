"""Folders for audio on its way through a process. What a killed process left behind, the next one removes."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "automix-scratch-"


@contextmanager
def scratch_root(parent: Path | None) -> Iterator[Path]:
    """A private folder of this process in `parent` (the system's by default), gone after the block.

    Its owner keeps it locked, and makes it under a lock on `parent`, so that a folder that is not locked has no owner.
    """
    folder = parent or Path(tempfile.gettempdir())
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        _remove_leftovers(folder)
        made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
        owned = _lock(made, fcntl.LOCK_EX)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(owned)


def _remove_leftovers(folder: Path) -> None:
    for left in folder.glob(f"{PREFIX}*"):
        try:
            with _locked(left, fcntl.LOCK_NB):
                shutil.rmtree(left, ignore_errors=True)
        except OSError:  # its owner lives, or it is somebody else's
            continue


@contextmanager
def _locked(folder: Path, how: int = 0) -> Iterator[None]:
    descriptor = _lock(folder, fcntl.LOCK_EX | how)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path, how: int) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
