"""What an edited plan may ask for: bounds of every decision, checked before anything is rendered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from automix_mixer.engine.effects import MOST_COST, MOST_IN_A_PLAN, MOST_ON_A_STRIP, OWN_MACHINE, cost
from automix_mixer.engine.errors import EngineError
from automix_mixer.engine.keys import KEYS
from automix_mixer.engine.passage import PREVIEW_S, Passage
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import BeatPlan, MixPlan, VocalPlan
from automix_mixer.engine.roles import INSTRUMENT_ROLES, VOCAL_ROLES
from automix_mixer.engine.settings import FASTEST_MP3_HZ, SAMPLE_RATES

if TYPE_CHECKING:  # an API server checks plans, and needs no numpy for it
    from automix_mixer.engine.measure.profile import Profile

_BANDS = 30
_CHANNELS = ("mono", "left", "right", "mid", "stereo")
_WORDS = {"part": VOCAL_ROLES, "role": INSTRUMENT_ROLES, "channels": _CHANNELS, "tune_key": KEYS}
_BOUNDS = {
    "tune_strength": (0.0, 1.0),
    "trim_db": (-120.0, 120.0),
    "highpass_hz": (10.0, 1_000.0),
    "tone_db": (-60.0, 24.0),
    "expander_threshold_lufs": (-150.0, 0.0),
    "expander_range_db": (0.0, 100.0),
    "deess_threshold_db": (-150.0, 20.0),
    "deess_range_db": (0.0, 40.0),
    "compressor_threshold_lufs": (-150.0, 20.0),
    "compressor_ratio": (1.0, 100.0),
    "compressor_attack_ms": (0.1, 1_000.0),
    "compressor_release_ms": (1.0, 5_000.0),
    "level_db": (-120.0, 24.0),
    "width": (0.0, 2.0),
    "reverb_lu": (-120.0, 6.0),
    "reverb_time_s": (0.1, 4.0),
    "predelay_ms": (0.0, 500.0),
    "echo_lu": (-120.0, 6.0),
    "echo_time_s": (0.01, 2.0),
    "echo_feedback": (0.0, 0.9),
    "dc": (-1e4, 1e4),
    "cut_db": (-24.0, 0.0),
    "attack_ms": (1.0, 5_000.0),
    "release_ms": (1.0, 5_000.0),
    "lar_db": (-40.0, 40.0),
    "mid_db": (-300.0, 24.0),
    "side_db": (-300.0, 24.0),
    "expected_mid_db": (-300.0, 24.0),
    "expected_side_db": (-300.0, 24.0),
    "correction_db": (0.0, 24.0),
    "lean_db": (-60.0, 60.0),
    "lean_limit_db": (0.0, 12.0),
    "spectrum_share": (0.0, 1.0),
    "width_share": (0.0, 1.0),
    "glue_ratio": (1.0, 20.0),
    "glue_threshold_lu": (-60.0, 60.0),
    "glue_attack_ms": (0.1, 1_000.0),
    "glue_release_ms": (1.0, 5_000.0),
    "target_lufs": (-40.0, -5.0),
    "ceiling_dbtp": (-20.0, 0.0),
    "max_limiting_db": (0.0, 24.0),
    "crest_db": (0.0, 100.0),
    "crest_share": (0.0, 1.0),
    "lift_db": (0.0, 12.0),
    "range_limit_db": (0.0, 6.0),
    "tempo_bpm": (20.0, 400.0),
    "edge_fade_ms": (0.0, 50.0),
    "least_inverted_s": (0.1, 1.0),
    "pan": (-1.0, 1.0),
    "send_db": (-120.0, 12.0),
    "mono_below_hz": (0.0, 500.0),
    "keys": (0.0, 1_000.0),
    "lead_share": (0.0, 1.0),
    "lead_lowest_db": (-60.0, 0.0),
    "lead_highest_db": (0.0, 60.0),
    "step_back_limit_db": (0.0, 12.0),
    "step_back_db": (0.0, 12.0),
    "correct_mid_db": (-60.0, 60.0),
    "correct_side_db": (-60.0, 60.0),
    "correct_fader_db": (-24.0, 24.0),
    "correct_lean_db": (-12.0, 12.0),
}
_LONGEST_REASON = 1_000
_LONGEST_NAME = 255
_LATEST_S = 86_400.0
_MOST_MOVED_MS = 500.0
_MOST_CUTS = 32
_MOST_PARTS = 128
MOST_NOTES = 200
_PER_BAND = {"tone_db", "cut_db", "mid_db", "side_db", "expected_mid_db", "expected_side_db"}
_PER_BAND |= {"correct_mid_db", "correct_side_db", "lead_lowest_db", "lead_highest_db"}


def held(name: str, values: Iterable[float]) -> list[float]:
    """Values of a decision within its bounds, so that a plan which a render leaves is one that it takes."""
    low, high = _BOUNDS[name]
    return [min(max(float(v), low), high) for v in values]


def check_bounds(plan: MixPlan) -> None:
    """Raises EngineError PLAN_INVALID, naming the first decision that is out of its bounds."""
    if plan.sample_rate not in SAMPLE_RATES:
        raise _invalid("sample_rate", f"must be one of {', '.join(map(str, SAMPLE_RATES))}")
    if plan.settings.get("format") == "mp3" and plan.sample_rate > FASTEST_MP3_HZ:
        raise _invalid("sample_rate", f"is over the {FASTEST_MP3_HZ} Hz of an mp3: ask for wav or flac")
    _check_texts("notes", plan.notes, MOST_NOTES, _LONGEST_REASON)
    _check_texts("name", [part.name for part in _parts(plan)], _MOST_PARTS, _LONGEST_NAME)
    for name, decision in _decisions(plan):
        _check_texts(f"reason of {name}", [decision.reason], 1, _LONGEST_REASON)
        _check(name, decision.value)
    _check_effects(plan)
    _check_passage(plan.passage)
    for vocal in plan.vocals:
        _check_texts("cuts", [cut.reason for cut in vocal.cuts], _MOST_CUTS, _LONGEST_REASON)
        for cut in vocal.cuts:
            if not (20 <= cut.freq_hz <= 20_000 and -24 <= cut.gain_db <= 12 and 0.1 <= cut.q <= 50):
                raise _invalid("cuts", "must lie in 20 to 20000 Hz, -24 to 12 dB, quality 0.1 to 50")
        _check_rides(vocal.ride_db.value)
        _check_fade(vocal.fade_db.value)
        if vocal.align is not None:
            _check_moves(vocal.align.align_ms.value)


def _check_texts(name: str, texts: Sequence[str], most: int, longest: int) -> None:
    if len(texts) > most or any(len(text) > longest for text in texts):
        raise _invalid(name, f"must be at most {most} of at most {longest} characters")


def check_fit(plan: MixPlan, roles: Sequence[str]) -> None:
    """Raises EngineError PLAN_DOES_NOT_FIT when the plan was made for other tracks than those of these roles."""
    parts = [(v.track, v.name, "vocals") for v in plan.vocals] + [(b.track, b.name, "beat") for b in plan.beats]
    if not parts:
        raise EngineError("PLAN_DOES_NOT_FIT", "the plan mixes nothing")
    for index, name, role in parts:
        if not 0 <= index < len(roles) or roles[index] != role:
            raise EngineError("PLAN_DOES_NOT_FIT", f"the plan expects {role} at position {index + 1} ({name})")
    if len({index for index, _, _ in parts}) < len(parts):
        raise EngineError("PLAN_DOES_NOT_FIT", "the plan mixes a track twice")


def check_sound(plan: MixPlan, profiles: Sequence[Profile]) -> None:
    """Raises EngineError PLAN_DOES_NOT_FIT when the tracks do not sound like those that the plan was made for.

    A track has other channels, or one sounds that the plan leaves out.
    """
    for part in _parts(plan):
        has = "mono" if profiles[part.track].channels == 1 else "stereo"
        if (part.channels.value == "mono") != (has == "mono"):
            raise EngineError(
                "PLAN_DOES_NOT_FIT",
                f"the plan takes {part.name} as {part.channels.value}, and the track at position {part.track + 1} is"
                f" {has}",
            )
    for beat in plan.beats:
        if len(beat.dc.value) != profiles[beat.track].channels:
            raise EngineError(
                "PLAN_DOES_NOT_FIT", f"dc of {beat.name} must have {profiles[beat.track].channels} values"
            )
    mixed = {part.track for part in _parts(plan)}
    for index, profile in enumerate(profiles):
        if profile.track.role != "reference" and profile.sounds and index not in mixed:
            raise EngineError("PLAN_DOES_NOT_FIT", f"the plan does not mix {profile.track.label}: leave it out as well")


def _check(name: str, value: Any) -> None:
    if isinstance(value, str):
        if name in _WORDS and value not in _WORDS[name]:
            raise _invalid(name, f"must be one of {', '.join(_WORDS[name])}")
        return
    if name in _PER_BAND and len(value) != _BANDS:
        raise _invalid(name, f"must have {_BANDS} values")
    if name in _BOUNDS:
        low, high = _BOUNDS[name]
        if not all(low <= v <= high for v in (value if isinstance(value, list) else [value])):
            raise _invalid(name, f"must be between {low:g} and {high:g}")


def _check_effects(plan: MixPlan) -> None:
    """How many effects there are, and what they cost together; their parameters were checked as they were read."""
    if any(len(effects) > MOST_ON_A_STRIP for effects in plan.effects_by_strip):
        raise _invalid("inserts", f"must be at most {MOST_ON_A_STRIP} effects on a strip")
    every = plan.effects
    if len(every) > MOST_IN_A_PLAN:
        raise _invalid("inserts", f"must be at most {MOST_IN_A_PLAN} effects")
    on = [effect.kind for effect in every if effect.on]
    if sum(cost(kind) for kind in on) > MOST_COST:
        dearest = max(set(on), key=cost)
        raise _invalid("inserts", f"take too long together: leave some out, first of all {dearest}")
    if "mp3" in on and plan.sample_rate > FASTEST_MP3_HZ:
        raise _invalid("inserts", f"has mp3, which works up to {FASTEST_MP3_HZ} Hz: ask for that sample rate")


def check_own_machine(plan: MixPlan, *, own_machine: bool) -> None:
    """Raises EngineError PLAN_INVALID for effects that read a file, which only its user's own machine may."""
    for effect in plan.effects:
        if effect.kind in OWN_MACHINE and not own_machine:
            raise _invalid("inserts", f"has {effect.kind}, which only `automix render` does, on your own machine")


def _check_passage(passage: Passage | None) -> None:
    if passage is not None and not (0.0 <= passage.start_s <= _LATEST_S and 1.0 <= passage.length_s <= PREVIEW_S):
        raise _invalid("passage", f"must begin within the song and last from 1 to {PREVIEW_S:g} s")


def _check_rides(rides: list[list[float]]) -> None:
    last = 0.0
    for ride in rides:
        if len(ride) != 3 or not last <= ride[0] <= ride[1] or abs(ride[2]) > 24.0:
            raise _invalid("ride_db", "must list start, end and gain (24 dB at most) of phrases in their order")
        last = ride[1]


def _check_moves(moves: list[list[float]]) -> None:
    last = 0.0
    for move in moves:
        if len(move) != 3 or not last <= move[0] < move[1] or abs(move[2]) > _MOST_MOVED_MS:
            raise _invalid(
                "align_ms", f"must list start, end and lateness ({_MOST_MOVED_MS:g} ms at most) of stretches in order"
            )
        last = move[1]


def _check_fade(corners: list[list[float]]) -> None:
    last = 0.0
    for corner in corners:
        if len(corner) != 2 or corner[0] < last or not -120.0 <= corner[1] <= 0.0:
            raise _invalid("fade_db", "must list seconds and gain (-120 to 0 dB) of corners in their order")
        last = corner[0]


def _parts(plan: MixPlan) -> list[VocalPlan | BeatPlan]:
    return [*plan.vocals, *plan.beats]


def _decisions(value: Any) -> Iterator[tuple[str, Decision[Any]]]:
    if isinstance(value, list):
        for item in value:
            yield from _decisions(item)
    elif is_dataclass(value):
        for f in fields(value):
            inner = getattr(value, f.name)
            if isinstance(inner, Decision):
                yield f.name, inner
            else:
                yield from _decisions(inner)


def _invalid(name: str, what: str) -> EngineError:
    return EngineError("PLAN_INVALID", f"{name} {what}")
