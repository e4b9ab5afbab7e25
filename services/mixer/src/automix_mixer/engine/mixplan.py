"""The plan of a mix: plain, typed, versioned data. It can be printed, edited and rendered again.

Levels in dB are relative to the track after `trim_db`, which brings its sounding part to TRIMMED_LUFS; thus the level
at which a file was uploaded changes nothing but the trim.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from automix_mixer.engine.decision import Decision

PLAN_VERSION = 1
TRIMMED_LUFS = -23.0
"""Loudness at which every chain works (EBU R 128's programme loudness; any fixed value would do)."""


@dataclass(frozen=True)
class VocalPlan:
    """What happens to one vocal, in the order of its chain. Curves over frequency stand on BAND_HZ."""

    track: int
    name: str
    part: Decision[str]
    channels: Decision[str]
    trim_db: Decision[float]
    level_db: Decision[float]


@dataclass(frozen=True)
class BeatPlan:
    """What happens to one beat or stem."""

    track: int
    name: str
    channels: Decision[str]
    trim_db: Decision[float]


@dataclass(frozen=True)
class BalancePlan:
    """The lead against everything else, K-weighted, on the frames where the lead sings."""

    lar_db: Decision[float]


@dataclass(frozen=True)
class MasterPlan:
    """Loudness and ceiling of the result."""

    target_lufs: Decision[float]
    ceiling_dbtp: Decision[float]
    max_limiting_db: Decision[float]


@dataclass(frozen=True)
class MixPlan:
    """Everything that `render` needs besides the sound itself."""

    sample_rate: int
    settings: dict[str, Any]
    vocals: list[VocalPlan]
    beats: list[BeatPlan]
    balance: BalancePlan
    master: MasterPlan
    notes: list[str] = field(default_factory=list)
    version: int = PLAN_VERSION
