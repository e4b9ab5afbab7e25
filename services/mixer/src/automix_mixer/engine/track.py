"""A file that takes part in a mix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automix_mixer.engine.errors import EngineError
from automix_mixer.engine.roles import INSTRUMENT_ROLES, VOCAL_ROLES
from automix_mixer.engine.roles import ROLES as PLAYED

ROLES = ("vocals", "beat", "reference")
_LEVEL_DB, _PAN, _REVERB = 24.0, 1.0, 2.0


@dataclass(frozen=True)
class TrackOptions:
    """What a user asks of one track.

    `role` is one of `roles.ROLES` (empty: it is found out), `level_db` is against what the engine would choose (-24 to
    24), `pan` -1 (left) to 1 (right) or None for the engine's choice, `reverb` 0 to 2 with 1 as the engine's choice
    (None). Where any track is solo, only those that are solo sound.
    """

    role: str = ""
    level_db: float = 0.0
    pan: float | None = None
    mute: bool = False
    solo: bool = False
    reverb: float | None = None

    def __post_init__(self) -> None:
        if self.role and self.role not in PLAYED:
            raise EngineError("UNKNOWN_ROLE", f"a track plays {', '.join(PLAYED)}, not {self.role!r}")
        for name, value, low, high in (
            ("level_db", self.level_db, -_LEVEL_DB, _LEVEL_DB),
            ("pan", self.pan, -_PAN, _PAN),
            ("reverb", self.reverb, 0.0, _REVERB),
        ):
            if value is not None and not low <= value <= high:
                raise EngineError("TRACK_OPTION_OUT_OF_RANGE", f"{name} of a track is {low:g} to {high:g}")
        if self.mute and self.solo:
            raise EngineError("TRACK_OPTION_OUT_OF_RANGE", "a track is mute or solo, not both")

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> TrackOptions:
        """Options from a JSON object; what is absent keeps its default. Raises EngineError."""
        kinds: Mapping[str, tuple[type, ...]] = {
            "role": (str,),
            "level_db": (int, float),
            "pan": (int, float),
            "mute": (bool,),
            "solo": (bool,),
            "reverb": (int, float),
        }
        for name, value in (data or {}).items():
            if name not in kinds:
                raise EngineError("UNKNOWN_TRACK_OPTION", f"a track has {', '.join(kinds)}, and no {name}")
            if not isinstance(value, kinds[name]) or (isinstance(value, bool) and bool not in kinds[name]):
                raise EngineError("TRACK_OPTION_OUT_OF_RANGE", f"{name} of a track cannot be {value!r}")
        return cls(**(data or {}))


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
    options: TrackOptions = TrackOptions()

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise EngineError("UNKNOWN_ROLE", f"a track is {', '.join(ROLES)}, not {self.role!r}")
        if not 0.0 < self.weight <= 100.0:
            raise EngineError("WEIGHT_OUT_OF_RANGE", "a reference's weight is above 0 and at most 100")

        fitting = {"vocals": VOCAL_ROLES, "beat": INSTRUMENT_ROLES}.get(self.role, ())
        if self.options.role and self.options.role not in fitting:
            raise EngineError("UNKNOWN_ROLE", f"{self.label} is given as {self.role} and cannot be {self.options.role}")

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
