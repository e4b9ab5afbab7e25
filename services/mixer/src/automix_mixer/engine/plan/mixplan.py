"""The plan of a mix: plain, typed, versioned data. It can be printed, edited and rendered again.

Levels in dB are relative to the track after `trim_db`, which brings its sounding part to TRIMMED_LUFS; thus the level
at which a file was uploaded changes nothing but the trim. Curves over frequency have one value per band of BAND_HZ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from automix_mixer.engine.plan.decision import Decision

PLAN_VERSION = 1
TRIMMED_LUFS = -23.0
"""Loudness at which every chain works (EBU R 128's programme loudness; any fixed value would do)."""


@dataclass(frozen=True)
class Cut:
    """A narrow cut: centre in Hz, gain in dB, quality."""

    freq_hz: float
    gain_db: float
    q: float
    reason: str


@dataclass(frozen=True)
class VocalPlan:
    """What happens to one vocal, in the order of its chain.

    `part` is lead, double or backing; `channels` is mono, left, right or stereo; `ride_db` lists [start s, end s, gain
    dB] for each phrase; `width` is the share of side kept (of a stereo file) or made (of a mono one).
    """

    track: int
    name: str
    part: Decision[str]
    channels: Decision[str]
    trim_db: Decision[float]
    highpass_hz: Decision[float]
    tone_db: Decision[list[float]]
    cuts: list[Cut]
    expander_threshold_lufs: Decision[float]
    expander_range_db: Decision[float]
    ride_db: Decision[list[list[float]]]
    deess_threshold_db: Decision[float]
    deess_range_db: Decision[float]
    compressor_threshold_lufs: Decision[float]
    compressor_ratio: Decision[float]
    compressor_attack_ms: Decision[float]
    compressor_release_ms: Decision[float]
    level_db: Decision[float]
    width: Decision[float]


@dataclass(frozen=True)
class SpacePlan:
    """Reverb and echo of the vocals; levels are loudness of the return against the dry vocals."""

    reverb_lu: Decision[float]
    reverb_time_s: Decision[float]
    predelay_ms: Decision[float]
    echo_lu: Decision[float]
    echo_time_s: Decision[float]
    echo_feedback: Decision[float]


@dataclass(frozen=True)
class BeatPlan:
    """What happens to one beat or stem. All beats share one trim, so that their own balance stays."""

    track: int
    name: str
    channels: Decision[str]
    trim_db: Decision[float]
    dc: Decision[list[float]]


@dataclass(frozen=True)
class UnmaskPlan:
    """How the beats' mid gives way while a lead sings: `cut_db` (0 or below) at full depth."""

    cut_db: Decision[list[float]]
    attack_ms: Decision[float]
    release_ms: Decision[float]


@dataclass(frozen=True)
class BalancePlan:
    """The lead against the beats, K-weighted, on the frames where the lead sings."""

    lar_db: Decision[float]


@dataclass(frozen=True)
class ReferencePlan:
    """Where references pull the bus, for when the sum can be heard.

    Tones are third octaves at unit loudness: `mid_db` and `side_db` the references', `expected_*` what the bus's moves
    were planned from. Where the sum turns out otherwise, each move follows by at most `correction_db`. The energy of
    right over left goes towards `lean_db`, for which all but the lead leans by at most `lean_limit_db`.
    """

    mid_db: Decision[list[float]]
    side_db: Decision[list[float]]
    expected_mid_db: Decision[list[float]]
    expected_side_db: Decision[list[float]]
    correction_db: Decision[float]
    lean_db: Decision[float]
    lean_limit_db: Decision[float]


@dataclass(frozen=True)
class BusPlan:
    """The sum of everything: tone of mid and side, and glue compression."""

    mid_db: Decision[list[float]]
    side_db: Decision[list[float]]
    glue_ratio: Decision[float]
    glue_threshold_lu: Decision[float]
    glue_attack_ms: Decision[float]
    glue_release_ms: Decision[float]
    reference: ReferencePlan | None


@dataclass(frozen=True)
class MasterPlan:
    """Loudness, ceiling and crest factor of the result.

    The crest factor (mean of the channels' peak over RMS) goes `crest_share` of the way from the mix's own to
    `crest_db`; `lift_db` is the most that hits are lifted for it.
    """

    target_lufs: Decision[float]
    ceiling_dbtp: Decision[float]
    max_limiting_db: Decision[float]
    crest_db: Decision[float]
    crest_share: Decision[float]
    lift_db: Decision[float]


@dataclass(frozen=True)
class MixPlan:
    """Everything that `render` needs besides the sound itself."""

    sample_rate: int
    settings: dict[str, Any]
    style: Decision[str]
    tempo_bpm: Decision[float]
    vocals: list[VocalPlan]
    space: SpacePlan
    beats: list[BeatPlan]
    unmask: UnmaskPlan
    balance: BalancePlan
    bus: BusPlan
    master: MasterPlan
    notes: list[str] = field(default_factory=list)
    version: int = PLAN_VERSION
