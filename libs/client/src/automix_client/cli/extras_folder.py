"""The folder of --extras. Files that an earlier mix left there are replaced, all other files are kept."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from automix_client.targets import OverlapError, folded, same_file

MANIFEST = ".automix-extras.json"
"""Size and time of change of every file that a mix left in the folder. Nothing else tells who made a file."""
_NAMES = ("report.", "comparison.", "stem_")
_TRACKS = "track_"


class ExtrasFolder:
    """Extras while they are made: `part` is a folder beside the final one, into which `commit` moves them.

    With `by_track` there is a stem of every track: their names are kept free only then, because recordings often have
    such names. Used as a context it removes `part` at the end. Raises OverlapError, and OSError that names the folder.
    """

    def __init__(
        self, folder: Path, inputs: Sequence[Path], outputs: Sequence[Path], *, by_track: bool = False
    ) -> None:
        self.folder = folder
        _check_folder(folder)
        refuse_in_extras(folder, inputs, outputs, by_track=by_track)
        _refuse_foreign(folder, by_track=by_track)
        self.part = folder / f".{secrets.token_hex(8)}.part"
        with ExitStack() as held:
            if not folder.is_dir():
                folder.mkdir(parents=True)
                held.callback(_remove_if_empty, folder)
            held.callback(shutil.rmtree, self.part, ignore_errors=True)
            try:
                self.part.mkdir()
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(folder)) from error
            self._held = held.pop_all()

    def __enter__(self) -> ExtrasFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def commit(self) -> None:
        """Moves the files to the final folder, over those of earlier mixes."""
        made = sorted(self.part.iterdir())
        for path in made:
            place = self.folder / path.name
            if os.path.lexists(place) and not _is_ours(place):
                raise OverlapError(place, _FOREIGN)
        known = _manifest(self.folder) | {path.name: _mark(path) for path in made}
        listing = self.part / MANIFEST
        listing.write_text(json.dumps(known, indent=1) + "\n")
        listing.replace(self.folder / MANIFEST)
        for path in made:
            path.replace(self.folder / path.name)


_FOREIGN = "is there already and not from an earlier mix: name another folder with --extras"


def _check_folder(folder: Path) -> None:
    """Raises OSError when the place is no folder, or none can be made there."""
    if os.path.lexists(folder):
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "is not a folder", str(folder))
        existing = folder
    else:
        existing = next(parent for parent in folder.absolute().parents if os.path.lexists(parent))
    if not existing.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"cannot be made: {existing} is not a folder", str(folder))
    if not os.access(existing, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, f"the folder {existing} is write-protected: name another", str(folder))


def refuse_in_extras(folder: Path, inputs: Sequence[Path], outputs: Sequence[Path], *, by_track: bool = False) -> None:
    """Raises OverlapError for an input or another result that lies where the extras of a mix go."""
    for path in outputs:
        beside = Path(os.path.realpath(path)).parent == Path(os.path.realpath(folder))
        if beside and _may_be_written(path.name, by_track=by_track):
            raise OverlapError(path, "lies where --extras writes: name another file")
    for place in _in_the_way(folder, by_track=by_track):
        if any(same_file(path, place) for path in inputs):
            raise OverlapError(place, "is one of the inputs, which would be lost: name another folder with --extras")


def _refuse_foreign(folder: Path, *, by_track: bool) -> None:
    for place in _in_the_way(folder, by_track=by_track):
        if not _is_ours(place):
            raise OverlapError(place, _FOREIGN)


def _in_the_way(folder: Path, *, by_track: bool) -> list[Path]:
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    return [place for place in there if _may_be_written(place.name, by_track=by_track)]


def _may_be_written(name: str, *, by_track: bool) -> bool:
    return folded(name).startswith((*_NAMES, _TRACKS) if by_track else _NAMES)


def _is_ours(place: Path) -> bool:
    return _manifest(place.parent).get(place.name) == _mark(place)


def _mark(path: Path) -> list[int]:
    found = path.lstat()
    return [found.st_size, found.st_mtime_ns] if stat.S_ISREG(found.st_mode) else []


def _manifest(folder: Path) -> dict[str, object]:
    try:
        known = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remove_if_empty(folder: Path) -> None:
    """Removes the folder that a failed mix has made."""
    try:
        folder.rmdir()
    except OSError:
        return
