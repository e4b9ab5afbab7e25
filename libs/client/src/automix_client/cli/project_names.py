"""A recognisable name for a project that `automix mix` makes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from automix_client.projects import LONGEST_NAME, fit_name

# Names of files that say nothing of the song, whatever folder they lie in.
ROLES = frozenset(
    [
        "audio",
        "acapella",
        "acappella",
        "backing",
        "bass",
        "beat",
        "beats",
        "bounce",
        "double",
        "drums",
        "final",
        "guitar",
        "instrumental",
        "keys",
        "lead",
        "main",
        "master",
        "mix",
        "mixdown",
        "premaster",
        "rec",
        "recording",
        "reference",
        "rough",
        "song",
        "stem",
        "stems",
        "synth",
        "take",
        "track",
        "vocal",
        "vocals",
        "vox",
        "voice",
    ]
)
PLACES = frozenset(
    [
        "audio",
        "bounces",
        "desktop",
        "documents",
        "downloads",
        "files",
        "mixes",
        "music",
        "recordings",
        "stems",
        "tmp",
        "temp",
    ]
)


def project_name(files: Sequence[Path], taken: Iterable[str]) -> str:
    """The beat's own name, or the folder's where all files are called after their parts; numbered when it is taken.

    `files` stand in the order in which they are asked for a name.
    """
    return _free(_song(files), taken)


def _song(files: Sequence[Path]) -> str:
    stems = [path.stem for path in files]
    folders = [path.absolute().parent.name for path in files]
    telling = [one for one in stems if _told(one, ROLES)] + [one for one in folders if _told(one, PLACES)]
    return next(filter(None, map(fit_name, telling + stems)), "Mix")


def _told(name: str, empty: frozenset[str]) -> bool:
    """Whether a name says something: a word that is no number and not one of these."""
    words = "".join(letter if letter.isalpha() else " " for letter in name.casefold()).split()
    return any(word not in empty for word in words)


def _free(name: str, taken: Iterable[str]) -> str:
    known, number, free = {one.casefold() for one in taken}, 1, name
    while free.casefold() in known:
        number += 1
        free = f"{name[: LONGEST_NAME - len(f' {number}')]} {number}"
    return free
