"""Names of files that are written here, from names that people gave on the platform."""

import re
from pathlib import Path

LONGEST_BYTES = 200
"""File systems take 255 of a name, in UTF-8. The rest is for its ending and for the number of a second one."""
_LABEL = re.compile(r" \([^()]{1,60}\)$")
# Characters that a shell, a terminal or another system may take for more than a letter of a name.
ODD = frozenset('/\\:*?"<>|$`')


def plain_name(name: str, otherwise: str) -> str:
    """The last part of a name without what could lead out of a folder, hide the file or steer a terminal.

    `otherwise` when nothing is left of it.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(letter if letter.isprintable() and letter not in ODD else "_" for letter in last)
    stem, dot, ending = kept.strip(" ._-").rpartition(".")
    if not dot or not (ending.isascii() and ending.isalnum()) or len(ending) > 5:
        stem, ending = kept.strip(" ._-"), ""
    stem = _shortened(stem.strip())
    return (f"{stem}.{ending.lower()}" if ending else stem) or otherwise


def _shortened(stem: str) -> str:
    """The stem within LONGEST_BYTES. A label in brackets stays, by which a mix and its stems are told apart."""
    if len(stem.encode()) <= LONGEST_BYTES:
        return stem
    label = found[0] if (found := _LABEL.search(stem)) else ""
    if len(label.encode()) > LONGEST_BYTES // 2:
        label = ""
    kept = stem.removesuffix(label).encode()[: LONGEST_BYTES - len(label.encode())]
    return kept.decode(errors="ignore").strip() + label


def free(folder: Path, name: str, taken: set[str] | None = None) -> Path:
    """A file of this name in a folder, numbered when there is one already or `taken` holds it."""
    first = Path(name)
    target, number = folder / name, 1
    while target.exists() or target.name in (taken or ()):
        number += 1
        target = folder / f"{first.stem} {number}{first.suffix}"
    return target
