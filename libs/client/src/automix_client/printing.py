"""Names of files, fit for a terminal and for the platform."""

import os
import re
from pathlib import Path

_UNPRINTABLE = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
_LONGEST_NAME = 255
"""Characters, as the platform takes them."""


def printable(name: str | Path) -> str:
    """A name on one line: what a terminal would obey, or cannot show, appears as an escape (\\x1b).

    That is control characters, separators of lines, what turns the direction of text, and bytes that are not UTF-8.
    """
    return re.sub(_UNPRINTABLE, lambda found: ascii(found[0])[1:-1], str(name))


def upload_name(path: Path) -> str:
    """The file's name as the platform takes one: `_` for what it refuses, U+FFFD for bytes that are not UTF-8."""
    name = re.sub(_UNPRINTABLE, "_", os.fsencode(path.name).decode("utf-8", "replace"))
    suffix = path.suffix if len(path.suffix) < 8 and path.suffix.isascii() else ""
    if len(name) > _LONGEST_NAME:
        name = name[: _LONGEST_NAME - len(suffix)] + suffix
    return name
