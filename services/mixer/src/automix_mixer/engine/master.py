"""The last stage: glue, gain to the loudness target, true-peak limiter, measurement, file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from automix_audio.loudness import LoudnessMeter
from automix_audio.true_peak import TruePeakMeter

from automix_mixer.engine.bands import to_db
from automix_mixer.engine.control import CurveBuilder, border_nodes, ramp
from automix_mixer.engine.crest import Shaped, rms_db, shape
from automix_mixer.engine.dynamics import Compressor
from automix_mixer.engine.limiter import LIMITER_STEP, limiter_nodes
from automix_mixer.engine.loudness import OFFSET_DB, integrated_lufs
from automix_mixer.engine.mixdown import Premaster
from automix_mixer.engine.mixplan import MixPlan
from automix_mixer.engine.output import OutputFile
from automix_mixer.engine.pcm import BLOCK_FRAMES, Curve, PcmFile, Sound
from automix_mixer.engine.running import running_mean
from automix_mixer.engine.segments import in_segments
from automix_mixer.engine.spectrum import Spectrum, SpectrumMeter
from automix_mixer.engine.threads import ahead
from automix_mixer.engine.truepeak import TruePeakSteps

_MARGIN_DB = 0.08
"""Kept below the ceiling: interpolators differ by this much on noise up to the edge of the band."""
_NEAR = 0.75
"""-2.5 dB: more than four points per sample can miss."""
_TOLERANCE_LU = 0.02
_CREST_ROUNDS = 3
_NODE_BLOCKS = 16
"""Blocks whose limiter gains are worked out together, so that their context is not worked out for each."""
_CONTEXT_STEPS = 1_024
"""1.5 s of limiter steps: its release is over by then."""


def glue_curve(pre: Premaster, plan: MixPlan) -> Curve:
    """Gain of the bus compressor per control step, linear."""
    if plan.bus.glue_ratio.value <= 1.0:
        return np.ones(pre.k_steps.size, np.float32)
    loudness = integrated_lufs(pre.k_steps, pre.step, pre.sample_rate)
    rate = pre.sample_rate / pre.step
    compressor = Compressor(
        loudness + plan.bus.glue_threshold_lu.value,
        plan.bus.glue_ratio.value,
        plan.bus.glue_attack_ms.value,
        plan.bus.glue_release_ms.value,
    )

    def work(_first: int, k_steps: Curve) -> list[Curve]:
        mean = running_mean(k_steps.astype(np.float64), max(1, round(0.02 * rate))) / pre.step
        level = np.maximum(to_db(mean) + OFFSET_DB, -120.0)
        return [np.asarray(10 ** (compressor.gain_db(level, rate) / 20), np.float32)]

    return in_segments(work, [pre.k_steps], 1)[0]


@dataclass(frozen=True)
class MasterGain:
    """The solved gains: `gain_db` before the limiter, glue and lifting per control step, and what comes out.

    `given_db` is by how much the target was lowered for the sake of the crest factor.
    """

    gain_db: float
    glue: Curve
    ceiling_dbtp: float
    predicted_lufs: float
    deepest_db: float
    limited: bool
    shaped: Shaped
    given_db: float
    crest_db: float


@dataclass(frozen=True)
class _Result:
    lufs: float
    deepest_db: float
    rms_db: float


class _Limited:
    """Peaks and energies after glue, and the limiter for any gain."""

    def __init__(self, pre: Premaster, glue: Curve) -> None:
        self.pre = pre
        self._per_step = pre.step // LIMITER_STEP
        self._glue = glue
        self.k_steps = pre.k_steps * glue**2

    def nodes(self, start: int, end: int, gain: float, ceiling: float) -> npt.NDArray[np.float64]:
        """Limiter gains on the borders of steps start to end."""
        low, high = max(0, start - _CONTEXT_STEPS), min(self.pre.peaks.size, end + _CONTEXT_STEPS)
        found = limiter_nodes(self._peaks(low, high) * np.float32(gain), ceiling, self.pre.sample_rate)
        return found[start - low : end - low + 1]

    def _peaks(self, start: int, end: int) -> Curve:
        """Peaks after glue of limiter steps start to end."""
        first, last = start // self._per_step, -(-end // self._per_step)
        glue = self._glue[max(0, first - 1) : last + 1]
        held = _held(glue, self._per_step)[(first - max(0, first - 1)) * self._per_step :]
        offset = start - first * self._per_step
        held = held[offset : offset + end - start]
        # A last step of the limiter may reach beyond the last of the control rate.
        held = np.pad(held, (0, end - start - held.size), mode="edge")
        return self.pre.peaks[start:end] * held

    def loudest(self) -> float:
        """The largest peak after glue."""
        size, piece = self.pre.peaks.size, 1 << 17
        parts = (self._peaks(a, min(a + piece, size)) for a in range(0, size, piece))
        return max((float(p.max()) for p in parts), default=0.0)

    def result(self, gain_db: float, ceiling_db: float) -> _Result:
        """What comes out with that gain before the limiter."""
        gain, ceiling = 10 ** (gain_db / 20), 10 ** (ceiling_db / 20)
        limited = np.empty(self.k_steps.size, np.float32)
        deepest = 1.0
        piece = 8_192
        for start in range(0, self.k_steps.size, piece):
            end = min(start + piece, self.k_steps.size)
            first, last = start * self._per_step, min(end * self._per_step, self.pre.peaks.size)
            nodes = self.nodes(first, last, gain, ceiling)
            deepest = min(deepest, float(nodes.min()))
            squares = (0.5 * (nodes[:-1] + nodes[1:])) ** 2
            squares = np.pad(squares, (0, (end - start) * self._per_step - squares.size), mode="edge")
            limited[start:end] = squares.reshape(-1, self._per_step).mean(axis=1)
        limited *= np.float32(gain**2)
        loudness = integrated_lufs(limited * self.k_steps, self.pre.step, self.pre.sample_rate)
        rms = rms_db(self.pre.energy * self._glue**2 * limited, self.pre.step)
        return _Result(loudness, -20 * float(np.log10(deepest)), rms)


def _held(curve: Curve, times: int) -> Curve:
    """The largest of three neighbouring gains, `times` each: a bound for the ramp between the steps' borders."""
    padded = np.pad(curve, 1, mode="edge")
    bound = np.maximum(np.maximum(padded[:-2], padded[2:]), curve)
    return np.repeat(bound, times)


def solve_gain(pre: Premaster, plan: MixPlan) -> MasterGain:
    """The gain that, after glue and limiter, reaches the target; or the largest that keeps to the most limiting.

    With a crest factor to reach, the limiter works to as low a ceiling as that asks for, and where the ceiling leaves
    too little of it, the target is lowered by as much as the plan allows.
    """
    master = plan.master
    shaped = shape(pre, glue_curve(pre, plan), master)
    top, target = master.ceiling_dbtp.value - _MARGIN_DB, master.target_lufs.value
    solver = _Solver(_Limited(pre, shaped.gains), master.max_limiting_db.value, top)
    out, given = solver.reach(target, top), 0.0
    for _ in range(_CREST_ROUNDS if shaped.goal_db is not None else 0):
        # The crest factor is peaks over what comes out, which depends on the limiter itself.
        aim = target - given
        peaks = out.rms_db + max(0.0, aim - out.lufs) + (shaped.goal_db or 0.0) - shaped.excess_db
        given = float(np.clip(given + min(peaks - top, out.deepest_db), 0.0, master.give_db.value))
        out = solver.reach(target - given, min(top, peaks + aim - (target - given)))
    reached = min(solver.ceiling_db, solver.loudest_db + solver.gain_db)
    return MasterGain(
        gain_db=solver.gain_db,
        glue=shaped.gains,
        ceiling_dbtp=solver.ceiling_db,
        predicted_lufs=out.lufs,
        deepest_db=out.deepest_db,
        limited=out.lufs < target - given - 0.15,
        shaped=shaped,
        given_db=given,
        crest_db=reached - out.rms_db + shaped.excess_db,
    )


class _Solver:
    """Gain and ceiling for a loudness; the last ones found are where the next search starts."""

    def __init__(self, limited: _Limited, deepest_allowed_db: float, top_db: float) -> None:
        self._limited, self._deepest_allowed, self._top = limited, deepest_allowed_db, top_db
        self.loudest_db = 20 * float(np.log10(max(limited.loudest(), 1e-10)))
        self._now = integrated_lufs(limited.k_steps, limited.pre.step, limited.pre.sample_rate)
        self.gain_db, self.ceiling_db = 0.0, top_db
        self._found: float | None = None

    def reach(self, target: float, ceiling: float) -> _Result:
        """Loudness goes before a low ceiling, which is raised where it would need more than the most limiting."""
        gain = target - self._now if self._found is None else self.gain_db + target - self._found
        for _ in range(12):
            most = ceiling + self._deepest_allowed - self.loudest_db
            gain = min(gain, most)
            out = self._limited.result(gain, ceiling)
            missing = target - out.lufs
            if abs(missing) <= _TOLERANCE_LU:
                break
            if missing > 0 and gain >= most - 1e-9:
                if ceiling >= self._top:
                    break
                ceiling = min(self._top, ceiling + missing)
            gain += missing * (1.3 if missing > 0 else 1.0)
        self.gain_db, self.ceiling_db, self._found = gain, ceiling, out.lufs
        return out


def refine_peaks(pre: Premaster, gain: MasterGain) -> Premaster:
    """Looks again, more finely, at the steps whose peaks come near the ceiling; the peaks are raised in place."""
    peaks = pre.peaks
    near = _NEAR * 10 ** ((gain.ceiling_dbtp - gain.gain_db) / 20)
    finer, per_block = TruePeakSteps(pre.pcm.channels, LIMITER_STEP, fine=True), BLOCK_FRAMES // LIMITER_STEP
    for i, block in enumerate(pre.pcm.blocks()):
        part = slice(i * per_block, min((i + 1) * per_block, peaks.size))
        wanted = np.pad(peaks[part] > near, (0, per_block - (part.stop - part.start)))
        peaks[part] = np.maximum(peaks[part], finer.process(block, wanted)[: part.stop - part.start])
    return pre


@dataclass(frozen=True)
class Measured:
    """The written file's measures."""

    integrated_lufs: float
    loudness_range_lu: float
    true_peak_dbtp: float
    reduction: Curve
    spectrum: Spectrum | None


def write_master(
    pre: Premaster,
    gain: MasterGain,
    path: Path,
    output_format: str,
    progress: Callable[[float], None],
    *,
    threads: int,
    with_spectrum: bool = False,
) -> Measured:
    """Applies the gains, writes the file and measures what it holds.

    `reduction` is the gain of glue and limiter together, one value per control step.
    """
    channels, rate = pre.pcm.channels, pre.sample_rate
    loudness, peak = LoudnessMeter(rate, channels), TruePeakMeter(channels)
    limited, reduction = _Limited(pre, gain.glue), CurveBuilder()
    spectrum = SpectrumMeter(rate, channels, 16_384) if with_spectrum else None
    with OutputFile(path, output_format, rate, channels) as out:
        for i, (sound, nodes) in enumerate(ahead(_mastered(limited, gain), threads=threads)):
            out.write(sound)
            per_step = pre.step // LIMITER_STEP
            lowest = np.pad(nodes[1:], (0, -(nodes.size - 1) % per_step), mode="edge").reshape(-1, per_step).min(axis=1)
            reduction.append(lowest.astype(np.float32))
            if spectrum is not None:
                spectrum.process(np.pad(sound, ((0, 0), (0, BLOCK_FRAMES - sound.shape[1]))))
            interleaved = np.ascontiguousarray(sound.T)
            loudness.process(interleaved)
            peak.process(interleaved)
            progress((i + 1) * BLOCK_FRAMES / pre.pcm.frames)
    peak.finish()
    return Measured(
        loudness.integrated,
        loudness.loudness_range,
        peak.peak_dbtp,
        reduction.curve(gain.glue.size) * gain.glue,
        spectrum.whole() if spectrum is not None else None,
    )


def _mastered(limited: _Limited, gain: MasterGain) -> Iterator[tuple[Sound, npt.NDArray[np.float64]]]:
    """Finished blocks, and the limiter's nodes over each."""
    pre, per_block = limited.pre, BLOCK_FRAMES // LIMITER_STEP
    scale, ceiling = 10 ** (gain.gain_db / 20), 10 ** (gain.ceiling_dbtp / 20)
    ahead_steps = _NODE_BLOCKS * per_block
    for i, sound in enumerate(glued(pre.pcm, gain.glue, pre.step, scale)):
        first = i * per_block
        if first % ahead_steps == 0:
            several = limited.nodes(first, min(first + ahead_steps, pre.peaks.size), scale, ceiling)
        nodes = several[first % ahead_steps : first % ahead_steps + per_block + 1]
        np.multiply(sound, ramp(nodes, LIMITER_STEP)[: sound.shape[1]], out=sound)
        yield sound, nodes


def glued(pcm: PcmFile, glue: Curve, step: int, scale: float) -> Iterator[Sound]:
    """Blocks after glue and gain, the last one cut to the sound's length."""
    per_block = BLOCK_FRAMES // step
    borders = border_nodes(glue)
    left = pcm.frames
    flat = bool((glue == 1.0).all())
    for i, block in enumerate(pcm.blocks()):
        sound = block[:, : min(left, BLOCK_FRAMES)]
        left -= sound.shape[1]
        if flat:
            np.multiply(sound, np.float32(scale), out=sound)
        else:
            part = borders[i * per_block : (i + 1) * per_block + 1]
            np.multiply(sound, (ramp(part, step) * np.float32(scale))[: sound.shape[1]], out=sound)
        yield sound
