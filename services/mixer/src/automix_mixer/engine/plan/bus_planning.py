"""Tone, width, dynamics and loudness of the sum: towards references, or towards a neutral curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.bands import BAND_HZ, Bands, k_weight_db, smooth_bands, to_db
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import BusPlan, MasterPlan, RangePlan, ReferencePlan, StepBackPlan
from automix_mixer.engine.plan.notes import listed
from automix_mixer.engine.plan.tone import Tone, k_power, tone_of
from automix_mixer.engine.settings import Settings

_TONE_BOUND_DB, _LEVEL_BOUND_DB = 18.0, 15.0
"""Bounds in both directions from a centre that costs least.

A loud chip tune asks for 18 dB at 16 kHz; a bright song after a dark one for as much between 100 Hz and 5 kHz.
"""
_SUB_HZ, _SUB_BOUND_DB = 45.0, 24.0
"""Below 45 Hz a cut may go deeper, because sub bass that a reference does not have is rumble."""
_AIR_HZ = 12_000.0
_WIDER_DB, _NARROWER_DB = 10.0, 30.0
"""A softer side does no harm at any depth; a louder side brings up what was hidden in it."""
_NEUTRAL_BOUND_DB = 3.0
_CENTRES = np.array(sorted(np.arange(-36, 37) / 2.0, key=abs))
_CENTRE_COST_DB = 0.05
"""Centres of the bounds that are tried, dB against the mean of the moves; the nearest of the best is taken."""
_CORRECTION_DB = 6.0
LEAN_DB = 3.0
"""3 dB between the channels move a phantom source by some 10 degrees of 30: a lean, not a fault of the balance."""
_RANGE_DB = 2.0
"""A limiter that takes 4 dB of the loudest hits takes about 1 LU of loudness range."""
_LIFT_DB = 6.0
"""Transient designers go to 15 dB; 6 dB for 40 ms on the hits that stand out anyway is not heard as pumping."""
_STEP_BACK_DB = 2.0
"""Of a balance no more is sure than 2 dB."""
_OFF = "off: no reference, and no pull towards a neutral tone"
_MIXED = "off: the song is mixed already, as its finished lead says"
NO_SIDE_DB = -45.0
"""Level of side against mid under which there is only noise, and no side that could be made louder."""


def neutral_db() -> Bands:
    """Mean third-octave spectrum of commercial music, dB re 1 kHz.

    -5 dB per octave of spectral density from 100 Hz to 4 kHz and steeper above, which is -2 and -4.5 dB per octave in
    bands that widen by 3 dB; level from 60 to 100 Hz and falling under it.
    """
    octaves = np.log2(BAND_HZ / 1_000.0)
    curve = -2.0 * np.clip(octaves, np.log2(0.1), 2.0) - 4.5 * np.maximum(octaves - 2.0, 0.0)
    return np.asarray(curve - 9.0 * np.maximum(np.log2(50.0 / BAND_HZ), 0.0))


def reference_tone(references: Sequence[Profile]) -> Tone:
    """Weighted mean, in dB, of the references' tones, each at unit loudness."""
    weights = np.array([p.track.weight for p in references])
    weights = weights / weights.sum()
    tones = [unit(tone_of(p.whole, p.sample_rate)) for p in references]
    mid = sum(w * to_db(t.mid) for w, t in zip(weights, tones, strict=True))
    side = sum(w * to_db(t.side) for w, t in zip(weights, tones, strict=True))
    return Tone(10 ** (mid / 10), 10 ** (side / 10))


def unit(tone: Tone) -> Tone:
    """The tone scaled to unit loudness."""
    total = k_power(tone)
    return Tone(tone.mid / max(total, 1e-20), tone.side / max(total, 1e-20))


def plan_bus(
    expected: Tone, references: Sequence[Profile], settings: Settings, nyquist_hz: float, mixed: float
) -> BusPlan:
    """`expected` is the tone that the sum of everything will have before the bus.

    A song that is `mixed` already (0 to 1) is not pulled towards the neutral curve, nor held together by glue.
    """
    neutral = settings.neutral_strength * (1.0 - mixed)
    mid = np.zeros(BAND_HZ.size)
    side = np.zeros(BAND_HZ.size)
    reason, follow = _OFF if settings.neutral_strength == 0.0 else _MIXED, None
    if references:
        spectrum, width = settings.spectrum_share, settings.width_share
        before, goal = unit(expected), reference_tone(references)
        mid, side = towards(before, goal, spectrum, width)
        follow = _follow(before, goal, references, spectrum, width) if spectrum or width else None
        names = listed([p.track.label for p in references], 3)
        reason = f"{100 * spectrum:.0f} % of the way to the tone of {names}, at most {_TONE_BOUND_DB:g} dB"
    elif neutral:
        now = to_db(expected.mid + expected.side)
        move = smooth_bands(_level(neutral_db() - now, now), 4)
        mid = np.clip(neutral * move, -_NEUTRAL_BOUND_DB, _NEUTRAL_BOUND_DB)
        side = mid
        share = f"{100 * neutral:.0f} % of the way"
        reason = f"{share} to the average tone of commercial music, at most {_NEUTRAL_BOUND_DB:g} dB"
    audible = nyquist_hz > BAND_HZ
    glue = _glue(references, settings, mixed)
    return BusPlan(
        mid_db=Decision([float(v) for v in mid * audible], "dB per third octave", reason),
        side_db=Decision([float(v) for v in side * audible], "dB per third octave", reason),
        glue_ratio=Decision(glue.ratio, ":1", glue.reason),
        glue_threshold_lu=Decision(
            glue.threshold_lu, "LU", "relative to the mix's integrated loudness; levels are taken over 20 ms"
        ),
        glue_attack_ms=Decision(
            glue.attack_ms, "ms", "lets the attack of drums through; shorter where the reference is dense"
        ),
        glue_release_ms=Decision(
            glue.release_ms, "ms", "recovers in time with the bar; takes longer after sustained loudness"
        ),
        reference=follow,
    )


def _follow(now: Tone, goal: Tone, references: Sequence[Profile], spectrum: float, width: float) -> ReferencePlan:
    def bands(power: Bands, reason: str) -> Decision[list[float]]:
        return Decision([float(v) for v in to_db(power)], "dB per third octave", reason)

    lean = _mean([p.lean_db for p in references], references)
    return ReferencePlan(
        mid_db=bands(goal.mid, "tone of the references' mid"),
        side_db=bands(goal.side, "tone of the references' side"),
        expected_mid_db=bands(
            now.mid, "expected tone of the mix's mid before the mix bus, from the tone of each track"
        ),
        expected_side_db=bands(now.side, "expected tone of the mix's side before the mix bus"),
        correction_db=Decision(
            _CORRECTION_DB, "dB", "limit of the correction where the mix's tone differs from the expected one"
        ),
        lean_db=Decision(lean, "dB", "level of the references' right channel relative to their left one"),
        lean_limit_db=Decision(
            LEAN_DB * width,
            "dB",
            "limit of the shift towards the references' balance of left and right; the lead stays in the middle",
        ),
        spectrum_share=Decision(spectrum, "", "strength of the reference times that of its tone, from the settings"),
        width_share=Decision(width, "", "strength of the reference times that of its width, from the settings"),
    )


def _level(move: Bands, now: Bands) -> Bands:
    """Removes the part of a move that changes only loudness. Empty bands stay as they are."""
    present = now > now.max() - 45.0
    weights = 10 ** ((now + k_weight_db(BAND_HZ)) / 20) * present
    return np.asarray((move - (move * weights).sum() / weights.sum()) * present)


def towards(
    now: Tone, goal: Tone, spectrum: float, width: float, *, level: bool = False, centre_db: float | None = None
) -> tuple[Bands, Bands]:
    """Moves of mid and side in dB that bring a tone towards another by the given shares; both tones have unit loudness.

    The bounds lie around `centre_db` against the mean of the moves, by default where they cost least. With `level` they
    are narrower and lie around equal loudness, as in plans of version 1.
    """
    now_mid, now_side = to_db(now.mid), to_db(now.side)
    goal_mid, goal_side = to_db(goal.mid), to_db(goal.side)
    move, heard = _wanted(now, goal, level=level)
    centre = 0.0 if level else least_bounded_db(now, goal, spectrum) if centre_db is None else centre_db
    mid = _bounded(spectrum * move - centre * heard, _LEVEL_BOUND_DB if level else _TONE_BOUND_DB)
    wide = 10 * np.log10(now.side.sum() / max(now.mid.sum(), 1e-20) + 1e-20)
    if wide < NO_SIDE_DB:
        return _eased(mid), _eased(mid)
    ratio = (goal_side - goal_mid) - (now_side - now_mid)
    heard_side = heard & (now_side > now_side.max() - 50.0)
    overall = float(
        10 * np.log10(goal.side.sum() / max(goal.mid.sum(), 1e-20) + 1e-20)
        - 10 * np.log10(now.side.sum() / max(now.mid.sum(), 1e-20) + 1e-20)
    )
    shape = np.where(heard_side, ratio - overall, 0.0)
    side = mid + np.clip(width * overall, -_NARROWER_DB, _WIDER_DB) + spectrum * shape
    return _eased(mid), _eased(np.clip(side, -_NARROWER_DB, _LEVEL_BOUND_DB if level else _TONE_BOUND_DB))


def _wanted(now: Tone, goal: Tone, *, level: bool) -> tuple[Bands, npt.NDArray[np.bool_]]:
    """The moves of mid in dB that nothing bounds, around their mean or with `level` at equal loudness; and the bands
    that have them.
    """
    heard = comparable(now, goal)
    move = np.where(heard, to_db(goal.mid) - to_db(now.mid), 0.0)
    inside = heard & (BAND_HZ > _SUB_HZ) & (BAND_HZ < _AIR_HZ)
    if inside.any() and not level:
        move = np.where(heard, move - move[inside].mean(), 0.0)
    return move, heard


def comparable(now: Tone, goal: Tone) -> npt.NDArray[np.bool_]:
    """Bands that both tones have, shape (30,).

    One without sound in either (a low-pass, a missing sub) tells nothing about the music.
    """
    now_mid, goal_mid = to_db(now.mid), to_db(goal.mid)
    return np.asarray((now_mid > now_mid.max() - 60.0) & (goal_mid > goal_mid.max() - 60.0))


def _bounded(move: Bands, bound: float) -> Bands:
    return np.asarray(np.clip(move, np.where(BAND_HZ < _SUB_HZ, -_SUB_BOUND_DB, -bound), bound))


def least_bounded_db(now: Tone, goal: Tone, spectrum: float) -> float:
    """The centre of the bounds, dB against the mean of the moves, with which the result lies nearest to what it would
    be without bounds, at equal loudness.

    A gain of all bands is free. Around their mean, a bass that asks for 25 dB would get 18 and leave all other bands
    too loud, although these may still go down.
    """
    move, heard = _wanted(now, goal, level=False)
    if not heard.any():
        return 0.0
    move = spectrum * move
    whole = 10 ** (k_weight_db(BAND_HZ) / 10) * (goal.mid + goal.side)
    # Of a sum that were as loud as the goal in the bands that move, and lacked what the goal has in the others.
    loud = heard * whole / (10 ** (move / 10))
    moves = np.stack([_bounded(move - centre, _TONE_BOUND_DB) for centre in _CENTRES])
    louder = to_db((loud * 10 ** (moves / 10)).sum(axis=1) / whole.sum())
    costs = np.abs(moves - move - louder[:, None])[:, heard].mean(axis=1)
    return float(_CENTRES[np.argmax(costs <= costs.min() + _CENTRE_COST_DB)])


def step_back() -> StepBackPlan:
    """How far the lead may step back where its bands lie over the reference's."""
    reason = "limit of how far the lead steps back where its bands are above the reference's"
    return StepBackPlan(Decision(_STEP_BACK_DB, "dB", reason), Decision(0.0, "dB", "not measured yet"))


def _eased(move: Bands) -> Bands:
    """A light smoothing: bands next to each other need not fight."""
    return np.asarray(0.8 * move + 0.2 * smooth_bands(move, 1))


@dataclass(frozen=True)
class _Glue:
    ratio: float
    threshold_lu: float
    attack_ms: float
    release_ms: float
    reason: str


def _glue(references: Sequence[Profile], settings: Settings, mixed: float) -> _Glue:
    """Slow and shallow compression, unless a dense reference asks for more."""
    if not references:
        if settings.neutral_strength == 0.0:
            return _Glue(1.0, 2.0, 30.0, 200.0, _OFF)
        said = "moderate: research finds ratios of 2 to 3"
        if mixed:
            said = _MIXED if mixed == 1.0 else f"2 at most; less, because the song is {100 * mixed:.0f} % mixed already"
        return _Glue(2.0 - mixed, 2.0, 30.0, 200.0, said)
    strength = settings.dynamics_share
    if strength == 0.0:
        return _Glue(1.0, 0.0, 30.0, 200.0, "off: the settings do not follow the reference's dynamics")
    crest = reference_crest_db(references)
    # Masters hold 8 (dense) to 18 dB (open) of crest; from 15 dB down the glue grows, at 11 dB it is at its deepest.
    dense = strength * float(np.clip((15.0 - crest) / 4.0, 0.0, 1.0))
    reason = f"the references' crest factor is {crest:.1f} dB; the mix is compressed only as far as its own is higher"
    if crest > 15.0:
        # A reference with a crest factor over 17 dB has no glue, so the mix gets none either.
        ratio = 2.0 - strength * float(np.clip((crest - 15.0) / 2.0, 0.0, 1.0))
        return _Glue(ratio, 2.0, 30.0, 200.0, reason)
    return _Glue(2.0 + 2.0 * dense, 2.0 - 6.0 * dense, 30.0 - 22.0 * dense, 200.0 - 80.0 * dense, reason)


def reference_crest_db(references: Sequence[Profile]) -> float:
    """Weighted mean crest factor, dB."""
    return _mean([p.crest_db for p in references], references)


def _mean(values: Sequence[float], references: Sequence[Profile]) -> float:
    return float(np.average(values, weights=[p.track.weight for p in references]))


def keep_range(share: float, of: str) -> RangePlan | None:
    """The loudness range of finished work is kept, as far as it is finished (`share` from 0 to 1)."""
    if share == 0.0:
        return None
    reason = f"limit: as the limiter lowers loud passages, quiet ones are lowered too, so that {of} keeps its range"
    return RangePlan(Decision(_RANGE_DB * share, "dB", reason))


def plan_master(references: Sequence[Profile], settings: Settings, mixed: float) -> MasterPlan:
    """Decides loudness, ceiling, most limiting, crest factor, and the range of a song that is `mixed` (0 to 1) already.

    With a reference dynamics follow that.
    """
    target, reason = -14.0, "from the settings"
    ceiling_reason = "from the settings"
    if settings.masters:
        target = settings.target_lufs
        reason = ceiling_reason = f"asked for by the master {settings.masters[0].partition(':')[0]}"
    elif not settings.match_reference_loudness:
        target = settings.target_loudness_lufs
    elif references:
        heard = _mean([p.heard_lufs for p in references], references)
        share = settings.reference_loudness
        target = float(np.clip(-14.0 + share * (heard + 14.0), -30.0, -6.0))
        reason = f"{100 * share:.0f} % of the way from -14 LUFS to the references' {heard:.1f} LUFS"
    else:
        reason = "there is no reference; Spotify plays at this loudness"
    strength = settings.dynamics_share if references else 0.0
    crest, crest_reason = 0.0, "off: no reference's dynamics are followed"
    if strength:
        crest = reference_crest_db(references)
        crest_reason = (
            f"the references' crest factor; the mix goes {100 * strength:.0f} % of the way from its own to it"
        )
    return MasterPlan(
        target_lufs=Decision(target, "LUFS", reason),
        ceiling_dbtp=Decision(settings.ceiling, "dBTP", ceiling_reason),
        max_limiting_db=Decision(settings.max_limiting_db, "dB", "from the settings"),
        crest_db=Decision(crest, "dB", crest_reason),
        crest_share=Decision(strength, "", "strength of the reference times that of its dynamics, from the settings"),
        lift_db=Decision(
            _LIFT_DB * strength,
            "dB",
            "limit: lifts hits if the mix's crest factor is too low; if it is too high, limiting lowers it",
        ),
        range=keep_range(0.0 if references else mixed, "a finished session"),
    )
