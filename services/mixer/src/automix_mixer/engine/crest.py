"""Crest factor of the mix towards a reference's: how much glue there is, and how far hits are lifted.

Both are worked out on curves before the limiter, which sees to what is left. What a reference has too little of is
taken by the glue and the limiter; what it has more of comes back by lifting the hits that stand out of their
surroundings: the limiter's gain turned round, with as slow a return.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from automix_mixer.engine.bands import to_db
from automix_mixer.engine.control import decaying_maximum
from automix_mixer.engine.loudness import integrated_lufs
from automix_mixer.engine.mixdown import Premaster
from automix_mixer.engine.mixplan import MasterPlan
from automix_mixer.engine.pcm import Curve
from automix_mixer.engine.running import running_maximum, running_mean

_GLUE_WHOLE_DB = 3.0
"""This much crest over the goal calls for the whole glue, none for none."""
_SURROUNDINGS_S = 0.2
_HITS = (75.0, 95.0)
"""Percentiles of peak over surroundings between which lifting begins and is whole: the hits of this song."""
_TOPS_DB = (8.0, 2.0)
"""Below the song's highest peak: where lifting begins and is whole. A hit in a quiet part needs no help."""
_RETURN_MS = 40.0
_ROUNDS = 7


@dataclass(frozen=True)
class Shaped:
    """Gain of glue and lifting per control step, linear, and what it was solved for.

    `goal_db` is the crest factor to reach (None: as it comes); `own_db` the premaster's; `excess_db` what the mean of
    the channels' crest factors has over the highest true peak over the mean of all energy.
    """

    gains: Curve
    own_db: float
    goal_db: float | None
    excess_db: float
    glue_share: float
    lift_db: float


def shape(pre: Premaster, glue: Curve, master: MasterPlan) -> Shaped:
    """Scales the glue by how much crest there is too much, or lifts hits by what is missing under the ceiling."""
    share, peaks = master.crest_share.value, pre.step_peaks()
    top = float(peaks.max(initial=0.0))
    if share == 0.0 or top == 0.0:
        return Shaped(glue, pre.crest_db, None, 0.0, 1.0, 0.0)
    excess = pre.crest_db - _crest_db(peaks, pre.energy, np.ones_like(glue), pre.step)
    goal = pre.crest_db + share * (master.crest_db.value - pre.crest_db)
    glue_share = float(np.clip((pre.crest_db - goal) / _GLUE_WHOLE_DB, 0.0, 1.0))
    gains = glue**glue_share if glue_share < 1.0 else glue
    # Lifting what the limiter would take again is no use.
    loudness = integrated_lufs(pre.k_steps * gains**2, pre.step, pre.sample_rate)
    rms = rms_db(pre.energy * gains**2, pre.step)
    room = master.ceiling_dbtp.value - (master.target_lufs.value - master.give_db.value + rms - loudness)
    wanted = min(goal - excess, room)
    lift = 0.0
    if master.lift_db.value > 0.0 and _crest_db(peaks, pre.energy, gains, pre.step) < wanted:
        hits = _hits(peaks, pre.energy, pre.sample_rate / pre.step)
        low, high = 0.0, master.lift_db.value
        if _crest_db(peaks, pre.energy, gains * _lifted(hits, high), pre.step) < wanted:
            low = high
        for _ in range(_ROUNDS if low < high else 0):
            middle = 0.5 * (low + high)
            less = _crest_db(peaks, pre.energy, gains * _lifted(hits, middle), pre.step) < wanted
            low, high = (middle, high) if less else (low, middle)
        lift = low
        gains = gains * _lifted(hits, lift)
    return Shaped(gains, pre.crest_db, goal, excess, glue_share, lift)


def _hits(peaks: Curve, energy: Curve, steps_per_second: float) -> Curve:
    """0 to 1 for every step: how much of a hit is in it, from two steps ahead of it to 40 ms after."""
    level = to_db(peaks.astype(np.float64) ** 2)
    stands_out = level - to_db(running_mean(energy, round(_SURROUNDINGS_S * steps_per_second)))
    loud = level > level.max() - 30.0
    begins, whole = np.percentile(stands_out[loud], _HITS)
    out = np.clip((stands_out - begins) / max(whole - begins, 1.0), 0.0, 1.0)
    out *= np.clip((level - level.max() + _TOPS_DB[0]) / (_TOPS_DB[0] - _TOPS_DB[1]), 0.0, 1.0)
    decay = float(np.exp(-1000.0 / (_RETURN_MS * steps_per_second)))
    return np.asarray(running_mean(decaying_maximum(running_maximum(out, 5), decay), 3), np.float32)


def _lifted(hits: Curve, lift_db: float) -> Curve:
    return np.asarray(np.float32(10 ** (lift_db / 20)) ** hits, np.float32)


def _crest_db(peaks: Curve, energy: Curve, gains: Curve, step: int) -> float:
    return 20 * float(np.log10(max(float((peaks * gains).max()), 1e-10))) - rms_db(energy * gains**2, step)


def rms_db(energy: Curve, step: int) -> float:
    """Of a mean channel; the energy is that of both, summed over each step."""
    return 10 * float(np.log10(max(float(energy.mean(dtype=np.float64)) / (2 * step), 1e-20)))
