"""Brings the crest factor of the mix towards a reference's, by the amount of glue and by lifting hits.

Both are computed on curves before the limiter, which does the rest. Where the mix has more crest than the reference,
glue and limiter take it. Where it has less, hits that stand out of their surroundings are lifted: a limiter's gain
turned upside down, with as slow a return.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from automix_mixer.engine.dsp.bands import to_db
from automix_mixer.engine.dsp.control import decaying_maximum
from automix_mixer.engine.dsp.limiter import LIMITER_STEP
from automix_mixer.engine.dsp.quantiles import quantile
from automix_mixer.engine.dsp.running import running_maximum, running_mean
from automix_mixer.engine.measure.loudness import integrated_lufs, range_lu
from automix_mixer.engine.plan.mixplan import MasterPlan
from automix_mixer.engine.render.premaster import Premaster
from automix_mixer.engine.sound.curve_file import MOST_LEVELS, CurveFile
from automix_mixer.engine.sound.pcm import Curve
from automix_mixer.engine.sound.segments import in_segments
from automix_mixer.engine.sound.workspace import Workspace

_GLUE_WHOLE_DB = 3.0
"""The glue acts in full from this much crest over the goal, and not at all from none."""
_RANGE_LU = 1.0
"""The glue may reduce the loudness range by this much: a dense reference holds hits together, not verse and chorus."""
_SURROUNDINGS_S = 0.2
_HITS = np.array([0.75, 0.95])
"""Percentiles of peak over surroundings between which lifting begins and is whole: the hits of this song."""
_TOPS_DB = (8.0, 2.0)
"""Levels below the song's highest peak at which lifting begins and is whole. A hit in a quiet part needs no help."""
_RETURN_MS = 40.0
_ROUNDS = 7


@dataclass(frozen=True)
class Shaped:
    """Gain of glue and lifting per control step, linear, and what it was solved for.

    `goal_db` is the crest factor to reach (None: as it comes), `own_db` the premaster's. `peaks_apart_db` and
    `levels_apart_db` are what the highest peak has over the softer channel's, and the RMS of both over the mean of
    their own in dB: a limiter brings the peaks of both channels to its ceiling.
    """

    gains: CurveFile
    own_db: float
    goal_db: float | None
    peaks_apart_db: float
    levels_apart_db: float
    glue_share: float
    lift_db: float

    def crest_db(self, peak_db: float, ceiling_db: float, rms: float) -> float:
        """Mean of the channels', with the highest peak before the limiter, its ceiling, and the RMS after it."""
        peaks = min(peak_db, ceiling_db) + min(peak_db - self.peaks_apart_db, ceiling_db)
        return 0.5 * peaks - rms + self.levels_apart_db

    def ceiling_db(self, peak_db: float, rms: float) -> float:
        """The limiter's ceiling that makes the crest factor the wanted one."""
        if self.goal_db is None:
            return float("inf")
        mean = self.goal_db + rms - self.levels_apart_db
        return mean + max(0.0, mean - peak_db + self.peaks_apart_db)


def shape(
    pre: Premaster, glue: CurveFile, master: MasterPlan, workspace: Workspace, *, range_guarded: bool = True
) -> Shaped:
    """Scales the glue by how much crest there is too much, or lifts hits by what is missing under the ceiling."""
    share = master.crest_share.value
    peaks = _step_peaks(pre, workspace)
    top = max(float(p.max()) for _, p in peaks.pieces())
    if share == 0.0 or top == 0.0:
        return Shaped(glue, pre.crest_db, None, 0.0, 0.0, 1.0, 0.0)
    shaping = _Shaping(pre, glue, peaks, 0.0)
    excess = pre.crest_db - shaping.crest_db()
    goal = pre.crest_db + share * (master.crest_db.value - pre.crest_db)
    shaping.glue_share = float(np.clip((pre.crest_db - goal) / _GLUE_WHOLE_DB, 0.0, 1.0))
    least = range_lu((k for _, k in pre.k_steps.pieces()), pre.step, pre.sample_rate) - _RANGE_LU
    while range_guarded and shaping.glue_share > 0.0 and shaping.range_lu() < least:
        shaping.glue_share = max(0.0, shaping.glue_share - 0.2)
    # Hits are lifted no further than the limiter lets through.
    room = master.ceiling_dbtp.value - (master.target_lufs.value + shaping.rms_over_loudness())
    wanted = min(goal - excess, room)
    if master.lift_db.value > 0.0 and shaping.crest_db() < wanted:
        shaping.hits = _hits(peaks, pre, top, workspace)
        low, high = 0.0, master.lift_db.value
        if shaping.crest_db(high) < wanted:
            low = high
        for _ in range(_ROUNDS if low < high else 0):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if shaping.crest_db(middle) < wanted else (low, middle)
        shaping.lift_db = low
    gains = workspace.curve()
    for _, piece in shaping.gains():
        gains.append(piece)
    apart = _apart_db(pre)
    return Shaped(gains.curve(glue.size), pre.crest_db, goal, *apart, shaping.glue_share, shaping.lift_db)


def _apart_db(pre: Premaster) -> tuple[float, float]:
    if min(pre.channel_energy) <= 0.0:
        return 0.0, 0.0
    peaks, levels = to_db(np.square(pre.channel_peak)), to_db(np.array(pre.channel_energy))
    return float(peaks.max() - peaks.min()), float(to_db(0.5 * sum(pre.channel_energy)) - levels.mean())


class _Shaping:
    """Gains of a share of the glue and of lifting, and what they make of crest factor and loudness."""

    def __init__(self, pre: Premaster, glue: CurveFile, peaks: CurveFile, glue_share: float) -> None:
        self._pre, self._glue, self._peaks = pre, glue, peaks
        self.glue_share, self.lift_db = glue_share, 0.0
        self.hits: CurveFile | None = None

    def gains(self, lift_db: float | None = None) -> Iterator[tuple[int, Curve]]:
        lift = np.float32(10 ** ((self.lift_db if lift_db is None else lift_db) / 20))
        for start, glue in self._glue.pieces():
            gains = glue ** np.float32(self.glue_share)
            if self.hits is not None:
                gains *= lift ** self.hits.read(start, start + glue.size)
            yield start, gains

    def crest_db(self, lift_db: float | None = None) -> float:
        highest, energy = 0.0, 0.0
        for start, gains in self.gains(lift_db):
            end = start + gains.size
            highest = max(highest, float((self._peaks.read(start, end) * gains).max()))
            energy += float((self._pre.energy.read(start, end) * gains**2).sum(dtype=np.float64))
        return 20 * float(np.log10(max(highest, 1e-10))) - rms_db(energy, self._glue.size * self._pre.step)

    def range_lu(self) -> float:
        pre = self._pre
        pieces = (pre.k_steps.read(start, start + g.size) * g**2 for start, g in self.gains())
        return range_lu(pieces, pre.step, pre.sample_rate)

    def rms_over_loudness(self) -> float:
        pre = self._pre
        loudness = integrated_lufs(
            (pre.k_steps.read(start, start + g.size) * g**2 for start, g in self.gains()), pre.step, pre.sample_rate
        )
        energy = sum(
            float((pre.energy.read(start, start + g.size) * g**2).sum(dtype=np.float64)) for start, g in self.gains()
        )
        return rms_db(energy, self._glue.size * pre.step) - loudness


def _step_peaks(pre: Premaster, workspace: Workspace) -> CurveFile:
    """True peaks on control steps."""
    per_step, out = pre.step // LIMITER_STEP, workspace.curve()
    for _, peaks in pre.peaks.pieces():
        out.append(np.pad(peaks, (0, -peaks.size % per_step)).reshape(-1, per_step).max(axis=1))
    return out.curve(pre.k_steps.size)


def _hits(peaks: CurveFile, pre: Premaster, top: float, workspace: Workspace) -> CurveFile:
    """How much of a hit is in every step, from 0 to 1; a hit lasts from two steps ahead of it to 40 ms after."""
    rate, top_db = pre.sample_rate / pre.step, 20 * float(np.log10(top))

    def rise(_first: int, peak: Curve, energy: Curve) -> list[Curve]:
        level = to_db(peak.astype(np.float64) ** 2)
        stands_out = level - to_db(running_mean(energy, round(_SURROUNDINGS_S * rate)))
        return [c.astype(np.float32) for c in (level, stands_out)]

    level, stands_out = in_segments(rise, [peaks, pre.energy], 2, workspace)
    every = -(-level.size // MOST_LEVELS)
    loud = [
        stands_out.read(start, start + piece.size)[piece > top_db - 30.0][::every] for start, piece in level.pieces()
    ]
    rises_db = np.concatenate(loud)
    begins, whole = (quantile(rises_db, share) for share in _HITS)
    decay = float(np.exp(-1000.0 / (_RETURN_MS * rate)))

    def held(_first: int, level_db: Curve, rises: Curve) -> list[Curve]:
        out = np.clip((rises - begins) / max(whole - begins, 1.0), 0.0, 1.0)
        out *= np.clip((level_db - top_db + _TOPS_DB[0]) / (_TOPS_DB[0] - _TOPS_DB[1]), 0.0, 1.0)
        return [running_mean(decaying_maximum(running_maximum(out, 5), decay), 3).astype(np.float32)]

    return in_segments(held, [level, stands_out], 1, workspace)[0]


def rms_db(energy: float, frames: int) -> float:
    """Level of a mean channel; the energy is that of both, summed over all frames."""
    return 10 * float(np.log10(max(energy / (2 * frames), 1e-20)))
