"""Where a download or a mix goes: checked before the work begins, and never turned into something else.

A file appears complete or not at all, through a symbolic link at the place that it leads to. A FIFO or a device is
written into. What cannot be written, or would cost something, is refused.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import time
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from automix_client.printing import printable
from automix_client.settings import ConfigurationError

_UNREACHABLE = {
    errno.ENAMETOOLONG: "is too long a name: name a shorter one",
    errno.EACCES: "lies in a folder that may not be entered: name another",
    errno.ENOTDIR: "lies in a file and in no folder: name another",
    errno.ELOOP: "is a symbolic link that leads to itself: name another file",
}
"""What to do about a place that cannot even be looked at."""

READER_SECONDS = 10.0
"""How long a pipe may be without anybody who reads from it: both ends are started by hand or by one shell line."""


class OverlapError(ConfigurationError):
    """Something would be written over what is read, or over another result."""

    def __init__(self, about: Path, message: str) -> None:
        super().__init__(f"{printable(about)} {message}")


class TakenError(FileExistsError):
    """A file is there, and nobody said that it may be replaced."""


class Target:
    """A result on its way: `part` is an empty file to write, whose content `commit` brings to `path`.

    Used as a context it removes `part` at the end. Raises OSError that names `path` when it cannot be written,
    TakenError without `overwrite` when a file is there. A pipe is waited for, so this blocks.
    """

    def __init__(self, path: Path, *, overwrite: bool = True, scratch: Path | None = None) -> None:
        """`scratch` is the folder for what waits to be written into a pipe or a device, the system's by default."""
        check_target(path, overwrite=overwrite)
        self.path = path
        self._overwrite = overwrite
        with ExitStack() as held:
            self._stream: int | None = None
            self._final: Path | None = None
            if _is_stream(path):
                self._stream = _open_stream(path)
                held.callback(os.close, self._stream)
                folder = held.enter_context(TemporaryDirectory(prefix="automix-", dir=scratch))
                self.part = Path(folder) / "part"
            else:
                self._final = Path(os.path.realpath(path))
                self.part = self._final.with_name(f".{secrets.token_hex(8)}.part")
            with _naming(path):
                os.close(os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))
            held.callback(self.part.unlink, missing_ok=True)
            self._held = held.pop_all()

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def commit(self) -> None:
        """Puts the finished `part` in its place, safe on the disk, or its bytes into the pipe or device. Blocks."""
        with _naming(self.path), self.part.open("rb") as source:
            if self._stream is not None:
                with os.fdopen(os.dup(self._stream), "wb", buffering=0) as out:
                    shutil.copyfileobj(source, out, 1 << 20)
            elif self._final is not None:
                os.fsync(source.fileno())
                self._place(self._final)

    def _place(self, final: Path) -> None:
        if not self._overwrite:
            try:
                os.link(self.part, final)
            except FileExistsError:
                raise _taken(self.path) from None
            return
        if final.exists():
            shutil.copymode(final, self.part)
        self.part.replace(final)


def check_target(path: Path, *, overwrite: bool = True) -> None:
    """Raises OSError, in words for a person, when `path` cannot be written, or without `overwrite` is there."""
    with _naming(path):
        try:
            found = path.stat()
        except OSError as error:
            if words := _UNREACHABLE.get(error.errno or 0):
                raise OSError(error.errno, words) from None
            if not isinstance(error, FileNotFoundError):
                raise
            found = None
        final = Path(os.path.realpath(path))
        if not overwrite and os.path.lexists(path) and not _is_stream(path):
            raise _taken(path)
        if found is None and not final.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, f"there is no folder {final.parent}: make it first")
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, "is a folder: name a file in it")
        if found is not None and (stat.S_ISSOCK(found.st_mode) or stat.S_ISBLK(found.st_mode)):
            raise OSError(errno.EINVAL, "is a socket or a disk: name a file")
        # Root could write a protected file, but its user has probably not meant that.
        if found is not None and (not os.access(path, os.W_OK) or not found.st_mode & 0o222):
            raise PermissionError(errno.EACCES, "is write-protected: name another file")
        if not _is_stream(path) and not os.access(final.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"the folder {final.parent} is write-protected: name another")


def refuse_overlaps(outputs: Mapping[str, Path], inputs: Sequence[Path]) -> None:
    """Raises OverlapError when one of `outputs`, by the options that name them, is an input or two are the same."""
    read = {_identity(path) for path in inputs} - {None}
    files: dict[tuple[int, int], str] = {}
    names: dict[tuple[Path, str], tuple[str, bool]] = {}
    for option, path in outputs.items():
        file, name = _identity(path), _folded_place(path)
        if file in read:
            raise OverlapError(path, "is one of the inputs, which would be lost: name another file")
        other, there = names.get(name, ("", False))
        taken = (files.get(file, "") if file else "") or ("" if file and there else other)
        if taken:
            raise OverlapError(path, f"is also where {taken} goes: name another file")
        if file:
            files[file] = option
        names[name] = (option, file is not None)


def same_file(one: Path, other: Path) -> bool:
    """Whether both names lead to one file; what is no file, such as - for standard input, is the same as none."""
    found = _identity(one)
    return found is not None and found == _identity(other)


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells one file from another, by whatever name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _folded_place(path: Path) -> tuple[Path, str]:
    """The same also where only case or Unicode's forms differ, which some file systems do not tell apart."""
    final = Path(os.path.realpath(path))
    return final.parent, folded(final.name)


def folded(name: str) -> str:
    """A file name without what some file systems do not tell apart."""
    return unicodedata.normalize("NFC", name).casefold()


def _taken(path: Path) -> TakenError:
    return TakenError(errno.EEXIST, "is there already", str(path))


def is_standard_output(path: Path) -> bool:
    """Whether what is written to `path` arrives where this process prints (/dev/stdout)."""
    try:
        return os.path.samestat(path.stat(), os.fstat(1))
    except OSError:
        return False


def _is_stream(path: Path) -> bool:
    """Whether `path` leads to a pipe or a device, or to an open file that has no name any more (/dev/stdout)."""
    try:
        found = path.stat()
    except OSError:
        return False
    if stat.S_ISREG(found.st_mode):
        final = Path(os.path.realpath(path))
        return not (final.exists() and final.samefile(path))
    return stat.S_ISFIFO(found.st_mode) or stat.S_ISCHR(found.st_mode)


def _open_stream(path: Path) -> int:
    """An open descriptor. Opening a pipe would wait for its reader without an end, so it is tried for a while."""
    deadline = time.monotonic() + READER_SECONDS
    while True:
        try:
            opened = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO or not path.is_fifo():
                raise
            if time.monotonic() > deadline:
                raise OSError(
                    errno.ENXIO, "is a pipe from which nobody reads: start the reader first", str(path)
                ) from None
            time.sleep(0.05)
        else:
            os.set_blocking(opened, True)
            return opened


class _naming:  # noqa: N801 - read as a statement: with _naming(path)
    """Errors within name the path that the user gave: nobody knows of another file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError) and error.errno is not None and error.filename != str(self._path):
            raise OSError(error.errno, error.strerror, str(self._path)) from error
