"""The plan of a mix: plain, typed, versioned data. It can be printed, edited and rendered again.

Here it has the engine's shape, a class for each chain. What is stored and read by people is a console of strips with
inserts and sends (`plan_json`, `strips`), which holds the same.

Levels in dB are relative to the track after `trim_db`, which brings its sounding part to TRIMMED_LUFS; thus the level
at which a file was uploaded changes nothing but the trim. Curves over frequency have one value per band of BAND_HZ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from automix_mixer.engine.inversions import LONG_S
from automix_mixer.engine.passage import Passage
from automix_mixer.engine.plan.decision import Decision

PLAN_VERSION = 2
TRIMMED_LUFS = -23.0
"""Loudness at which every chain works (EBU R 128's programme loudness; any fixed value would do)."""


AS_IT_COMES = Decision(0.0, "dB", "unchanged")
CENTRE = Decision(0.0, "", "unchanged")
AS_RECORDED = Decision(1.0, "", "as recorded")
NO_MONO = Decision(0.0, "Hz", "unchanged")
FLAT = Decision([0.0] * 30, "dB per third octave", "unchanged")
BEAT_ROLE = Decision("other", "", "taken as a whole beat")
LONG_ONES = Decision(LONG_S, "s", "no shorter stretch has inverted polarity")
NO_SEND = Decision(-120.0, "dB", "off: no reverb was asked for this track")


@dataclass(frozen=True)
class Effect:
    """An effect that a user adds to a strip, with all of its parameters by their names (`engine.effects`)."""

    kind: str
    parameters: dict[str, Decision[float] | Decision[str]]
    on: bool = True


@dataclass(frozen=True)
class Cut:
    """A narrow cut: centre in Hz, gain in dB, quality."""

    freq_hz: float
    gain_db: float
    q: float
    reason: str


@dataclass(frozen=True)
class TunePlan:
    """How far sung notes are moved (0 to 1) onto the notes of which key, one of `keys.KEYS`."""

    tune_strength: Decision[float]
    tune_key: Decision[str]


@dataclass(frozen=True)
class AlignPlan:
    """Stretches [start s, end s, ms late] that are read by so much later, and so come earlier; negative ones later."""

    align_ms: Decision[list[list[float]]]


@dataclass(frozen=True)
class VocalPlan:
    """What happens to one vocal, in the order of its chain.

    `part` is lead, double or backing; `channels` is mono, left, right or stereo; `ride_db` lists [start s, end s, gain
    dB] for each phrase; `width` is the share of side kept (of a stereo file) or made (of a mono one). `fade_db` lists
    the corners [s, dB] of fades that the recording came with: expander, rides, de-esser and compressor go by the levels
    before them.
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
    pan: Decision[float] = CENTRE
    send_db: Decision[float] = AS_IT_COMES
    align: AlignPlan | None = None
    tune: TunePlan | None = None
    effects: list[Effect] = field(default_factory=list)
    off: tuple[str, ...] = ()
    mute: bool = False
    fade_db: Decision[list[list[float]]] = field(
        default_factory=lambda: Decision([], "s, dB", "fades were not measured")
    )


@dataclass(frozen=True)
class SpacePlan:
    """Reverb and echo of the vocals; levels are loudness of the return against the dry vocals."""

    reverb_lu: Decision[float]
    reverb_time_s: Decision[float]
    predelay_ms: Decision[float]
    echo_lu: Decision[float]
    echo_time_s: Decision[float]
    echo_feedback: Decision[float]
    off: tuple[str, ...] = ()


@dataclass(frozen=True)
class GiveWayPlan:
    """A strip gives way while others sound: `keys` are their positions among the tracks, `cut_db` (0 or below) what is
    taken at full depth, in third octaves."""

    keys: Decision[list[float]]
    cut_db: Decision[list[float]]
    attack_ms: Decision[float]
    release_ms: Decision[float]
    on: bool = True


@dataclass(frozen=True)
class BeatPlan:
    """What happens to one beat or instrument. All share one trim, so that their own balance stays; `level_db` is what
    changes it. `mono_below_hz` is where the lows go to the middle (0: nowhere), `width` the gain of the side.
    """

    track: int
    name: str
    channels: Decision[str]
    trim_db: Decision[float]
    dc: Decision[list[float]]
    role: Decision[str] = BEAT_ROLE
    to: str = "beat"
    mono_below_hz: Decision[float] = NO_MONO
    width: Decision[float] = AS_RECORDED
    tone_db: Decision[list[float]] = FLAT
    give_way: list[GiveWayPlan] = field(default_factory=list)
    pan: Decision[float] = CENTRE
    level_db: Decision[float] = AS_IT_COMES
    send_db: Decision[float] = NO_SEND
    effects: list[Effect] = field(default_factory=list)
    off: tuple[str, ...] = ()
    mute: bool = False


@dataclass(frozen=True)
class UnmaskPlan:
    """How the beats' mid gives way while a lead sings: `cut_db` (0 or below) at full depth."""

    cut_db: Decision[list[float]]
    attack_ms: Decision[float]
    release_ms: Decision[float]
    off: tuple[str, ...] = ()


@dataclass(frozen=True)
class BalancePlan:
    """The lead against the beats, K-weighted, on the frames where the lead sings."""

    lar_db: Decision[float]


@dataclass(frozen=True)
class ReferencePlan:
    """Where references pull the bus, for when the sum can be heard.

    Tones are third octaves at unit loudness: `mid_db` and `side_db` the references', `expected_*` what the bus's moves
    were planned from. Where the sum turns out otherwise, each move follows by at most `correction_db`. The energy of
    right over left goes towards `lean_db`, for which all but the lead leans by at most `lean_limit_db`. The shares of
    tone and width (0 to 1) are those that the bus was planned with; a plan without them stays as it was planned.
    """

    mid_db: Decision[list[float]]
    side_db: Decision[list[float]]
    expected_mid_db: Decision[list[float]]
    expected_side_db: Decision[list[float]]
    correction_db: Decision[float]
    lean_db: Decision[float]
    lean_limit_db: Decision[float]
    spectrum_share: Decision[float] | None = None
    width_share: Decision[float] | None = None


@dataclass(frozen=True)
class CorrectionPlan:
    """What the rehearsal found: once recorded, it is applied and nothing is rehearsed.

    The changes of the bus's tone, what the vocals' fader makes up for them, and the lean of all but the lead.
    """

    correct_mid_db: Decision[list[float]]
    correct_side_db: Decision[list[float]]
    correct_fader_db: Decision[float]
    correct_lean_db: Decision[float]


@dataclass(frozen=True)
class LeadSharePlan:
    """How far leads and their space follow the bus's tone where it bends far.

    They take `lead_share` of what it departs from its own mean over the bands in which voices lie, and in each band at
    least `lead_lowest_db` and at most `lead_highest_db` of that.
    """

    lead_share: Decision[float]
    lead_lowest_db: Decision[list[float]]
    lead_highest_db: Decision[list[float]]


@dataclass(frozen=True)
class StepBackPlan:
    """How far the lead steps back under the balance because its bands lie over the reference's.

    The rehearsal finds `step_back_db`, between 0 and `step_back_limit_db`.
    """

    step_back_limit_db: Decision[float]
    step_back_db: Decision[float]


@dataclass(frozen=True)
class GluePlan:
    """Compression that holds a bus together; the threshold is against the bus's own loudness, which stays."""

    glue_ratio: Decision[float]
    glue_threshold_lu: Decision[float]
    glue_attack_ms: Decision[float]
    glue_release_ms: Decision[float]


@dataclass(frozen=True)
class DrumsPlan:
    """The sum of the drums, before the beat's bus."""

    glue: GluePlan | None = None
    off: tuple[str, ...] = ()


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
    correction: CorrectionPlan | None = None
    lead: LeadSharePlan | None = None
    step_back: StepBackPlan | None = None
    off: tuple[str, ...] = ()


@dataclass(frozen=True)
class RangePlan:
    """Where the limiter takes from loud passages, quiet ones are lowered by as much, at most `range_limit_db`."""

    range_limit_db: Decision[float]


@dataclass(frozen=True)
class MasterPlan:
    """Loudness, ceiling, crest factor and loudness range of the result.

    The crest factor (mean of the channels' peak over RMS) goes `crest_share` of the way from the mix's own to
    `crest_db`; `lift_db` is the most that hits are lifted for it.
    """

    target_lufs: Decision[float]
    ceiling_dbtp: Decision[float]
    max_limiting_db: Decision[float]
    crest_db: Decision[float]
    crest_share: Decision[float]
    lift_db: Decision[float]
    range: RangePlan | None = None
    off: tuple[str, ...] = ()


@dataclass(frozen=True)
class MixPlan:
    """Everything that `render` needs besides the sound itself.

    `edge_fade_ms` is the fade of recordings that begin or end in the middle of a sound (0: they stay hard).
    `least_inverted_s` is the length from which a stretch that is upside down is turned; LONG_S where none is shorter.
    `passage` is the only part of the song that the plan was made from, where it was a preview.
    """

    sample_rate: int
    settings: dict[str, Any]
    style: Decision[str]
    tempo_bpm: Decision[float]
    edge_fade_ms: Decision[float]
    vocals: list[VocalPlan]
    space: SpacePlan
    beats: list[BeatPlan]
    unmask: UnmaskPlan
    balance: BalancePlan
    bus: BusPlan
    master: MasterPlan
    drums: DrumsPlan = DrumsPlan()
    bus_effects: dict[str, list[Effect]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    least_inverted_s: Decision[float] = LONG_ONES
    passage: Passage | None = None
    version: int = PLAN_VERSION

    @property
    def effects_by_strip(self) -> list[list[Effect]]:
        """Effects that a user added, of each track and bus."""
        strips = [vocal.effects for vocal in self.vocals] + [beat.effects for beat in self.beats]
        return strips + list(self.bus_effects.values())

    @property
    def effects(self) -> list[Effect]:
        """All of them."""
        return [effect for effects in self.effects_by_strip for effect in effects]
