"""A file that takes part in a mix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from automix_mixer.engine.errors import EngineError

ROLES = ("vocals", "beat", "reference")


@dataclass(frozen=True)
class Track:
    """A file and its part in the mix.

    `role` is one of vocals, beat, reference; `weight` counts among several references; `id` and `name` only appear in
    the plan and the report.
    """

    path: str | Path
    role: str
    id: str = ""
    name: str = ""
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise EngineError("UNKNOWN_ROLE", f"a track is {', '.join(ROLES)}, not {self.role!r}")
        if not 0.0 < self.weight <= 100.0:
            raise EngineError("WEIGHT_OUT_OF_RANGE", "a reference's weight is above 0 and at most 100")

    @property
    def label(self) -> str:
        """What people call it, fit for a terminal."""
        return printable(self.name or Path(self.path).name)


def printable(name: str | Path) -> str:
    """A name or a message on one line: what a terminal would obey, or cannot show, appears as an escape (\\x1b).

    That is control characters, separators of lines, what turns the direction of text, and bytes that are not UTF-8.
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(name))


_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
