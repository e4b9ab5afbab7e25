"""The last stage: glue, gain to the loudness target, true-peak limiter, measurement, file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from automix_audio.loudness import LoudnessMeter
from automix_audio.true_peak import TruePeakMeter

from automix_mixer.engine.dsp.control import ramp
from automix_mixer.engine.dsp.dynamics import Compressor
from automix_mixer.engine.dsp.limiter import LIMITER_STEP, limiter_nodes
from automix_mixer.engine.measure.loudness import integrated_lufs
from automix_mixer.engine.measure.spectrum import Spectrum, SpectrumMeter
from automix_mixer.engine.measure.true_peak import TruePeakSteps
from automix_mixer.engine.plan.mixplan import MasterPlan, MixPlan
from automix_mixer.engine.render.crest import Shaped, rms_db, shape
from automix_mixer.engine.render.glue import glue_gains
from automix_mixer.engine.render.kept_range import with_range
from automix_mixer.engine.render.premaster import Premaster
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.output import OutputFile
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, Curve, PcmFile, Sound
from automix_mixer.engine.sound.threads import ahead
from automix_mixer.engine.sound.workspace import Workspace

MARGIN_DB = 0.12
"""Kept below the ceiling: at the edge of the band eight points per sample miss up to 0.17 dB, and on bursts of noise
FFmpeg's meter was seen to read 0.16 dB more than they do. It is also more than mp3 at 320 kbit/s adds to the peaks of
the test recordings: ten of ten mixes, at -14 and at -9 LUFS, kept the ceiling at the first try."""
_NEAR = 0.6
"""Peaks within 4.4 dB of the ceiling are measured finely: two points per sample miss 3 dB, and their interpolator up to
one more at the edge of the band."""
_NEAR_SLACK_DB = 0.5
_TOLERANCE_LU = 0.02
_SLOPE, _LEAST_SLOPE = 0.8, 0.25
_CREST_ROUNDS = 3
_RANGE_ROUNDS = 3
_LEAST_LIMITING_DB = 0.1
"""A limiter that takes less has taken no loudness range."""
_NODE_BLOCKS = 16
"""Blocks whose limiter gains are worked out together, so that their context is not worked out for each."""
_CONTEXT_STEPS = 1_024
"""1.5 s of limiter steps, by which its release is over."""


def glue_curve(pre: Premaster, plan: MixPlan, workspace: Workspace) -> CurveFile:
    """Gain of the bus compressor per control step, linear."""
    loudness = integrated_lufs((k for _, k in pre.k_steps.pieces()), pre.step, pre.sample_rate)
    compressor = Compressor(
        loudness + plan.bus.glue_threshold_lu.value,
        plan.bus.glue_ratio.value,
        plan.bus.glue_attack_ms.value,
        plan.bus.glue_release_ms.value,
    )
    return glue_gains(pre.k_steps, compressor, pre.step, pre.sample_rate, workspace)


@dataclass(frozen=True)
class MasterGain:
    """The solved gains: `gain_db` before the limiter, and what comes out.

    `slow` is the gain of glue, lifting and kept range per control step, linear; the range alone takes `range_db` at
    most.
    """

    gain_db: float
    slow: CurveFile
    range_db: float
    ceiling_dbtp: float
    predicted_lufs: float
    deepest_db: float
    limited: bool
    shaped: Shaped
    crest_db: float


@dataclass(frozen=True)
class _Result:
    lufs: float
    deepest_db: float
    rms_db: float


class Limited:
    """Peaks and energies after glue, and the limiter for any gain."""

    def __init__(self, pre: Premaster, glue: CurveFile) -> None:
        self.pre = pre
        self._per_step = pre.step // LIMITER_STEP
        self._glue = glue

    def k_steps(self) -> Iterator[Curve]:
        """K-energy after glue, in pieces."""
        for start, k_steps in self.pre.k_steps.pieces():
            yield k_steps * self._glue.read(start, start + k_steps.size) ** 2

    def nodes(self, start: int, end: int, gain: float, ceiling: float) -> npt.NDArray[np.float64]:
        """Limiter gains on the borders of steps start to end."""
        low, high = max(0, start - _CONTEXT_STEPS), min(self.pre.peaks.size, end + _CONTEXT_STEPS)
        found = limiter_nodes(self.peaks(low, high) * np.float32(gain), ceiling, self.pre.sample_rate)
        return found[start - low : end - low + 1]

    def peaks(self, start: int, end: int) -> Curve:
        """Peaks after glue of limiter steps start to end."""
        first, last = start // self._per_step, -(-end // self._per_step)
        glue = self._glue.read(max(0, first - 1), last + 1)
        held = _held(glue, self._per_step)[(first - max(0, first - 1)) * self._per_step :]
        offset = start - first * self._per_step
        held = held[offset : offset + end - start]
        # A last step of the limiter may reach beyond the last of the control rate.
        if held.size < end - start:
            held = np.pad(held, (0, end - start - held.size), mode="edge")
        return self.pre.peaks.read(start, end) * held

    def loudest(self) -> float:
        """The largest peak after glue."""
        size, piece = self.pre.peaks.size, 1 << 17
        parts = (self.peaks(a, min(a + piece, size)) for a in range(0, size, piece))
        return max((float(p.max()) for p in parts), default=0.0)

    def kept(self, gain_db: float, ceiling_db: float) -> Iterator[tuple[Curve, Curve, float]]:
        """Yields in pieces: K-energy before gain and limiter, what share they leave of it, the limiter's least gain."""
        gain, ceiling, start = 10 ** (gain_db / 20), 10 ** (ceiling_db / 20), 0
        for k_steps in self.k_steps():
            first, last = start * self._per_step, (start + k_steps.size) * self._per_step
            nodes = self.nodes(first, min(last, self.pre.peaks.size), gain, ceiling)
            squares = (0.5 * (nodes[:-1] + nodes[1:])) ** 2
            if squares.size < last - first:
                squares = np.pad(squares, (0, last - first - squares.size), mode="edge")
            left = (squares.reshape(-1, self._per_step).mean(axis=1) * gain**2).astype(np.float32)
            yield k_steps, left, float(nodes.min())
            start += k_steps.size

    def result(self, gain_db: float, ceiling_db: float) -> _Result:
        """What comes out with that gain before the limiter."""
        deepest = 1.0
        squares_sum = 0.0

        def limited() -> Iterator[Curve]:
            nonlocal deepest, squares_sum
            start = 0
            for k_steps, kept, least in self.kept(gain_db, ceiling_db):
                deepest = min(deepest, least)
                end = start + k_steps.size
                glue = self._glue.read(start, end)
                squares_sum += float((self.pre.energy.read(start, end) * glue**2 * kept).sum(dtype=np.float64))
                yield k_steps * kept
                start = end

        reached = integrated_lufs(limited(), self.pre.step, self.pre.sample_rate)
        rms = rms_db(squares_sum, self.pre.energy.size * self.pre.step)
        return _Result(reached, -20 * float(np.log10(deepest)), rms)


def _held(curve: Curve, times: int) -> Curve:
    """The largest of three neighbouring gains, `times` each: a bound for the ramp between the steps' borders."""
    bound = curve.copy()
    np.maximum(bound[1:], curve[:-1], out=bound[1:])
    np.maximum(bound[:-1], curve[1:], out=bound[:-1])
    return np.repeat(bound, times)


def solve_gain(pre: Premaster, plan: MixPlan, workspace: Workspace) -> tuple[Premaster, MasterGain]:
    """The gain that, after glue and limiter, reaches the target; or the largest that keeps to the most limiting.

    With a crest factor to reach, the limiter works to as low a ceiling as that asks for. With a range to keep, quiet
    passages are lowered by what the limiter takes from loud ones, and the gain is solved for that.
    The gain tells which peaks come near the ceiling; those are looked at again, more finely, and the gain is solved
    again, until it brings up no others.
    """
    # Plans of version 1 keep the whole of their glue.
    guarded = plan.bus.reference is None or plan.bus.lead is not None
    shaped = shape(pre, glue_curve(pre, plan, workspace), plan.master, workspace, range_guarded=guarded)
    gain = _solve(pre, shaped, shaped.gains, plan.master, workspace.pulse)
    pre, gain, known = _refined(pre, gain, plan.master, workspace)
    limit_db = plan.master.range.range_limit_db.value if plan.master.range is not None else 0.0
    if limit_db == 0.0 or gain.limited or gain.deepest_db < _LEAST_LIMITING_DB:
        return pre, gain
    unkept = pre, gain
    for _ in range(_RANGE_ROUNDS):
        kept = Limited(pre, gain.slow).kept(gain.gain_db, gain.ceiling_dbtp)
        # Quiet passages that are lowered make the limiter work harder for the same loudness, so it is asked again.
        slow, range_db = with_range(shaped.gains, kept, limit_db, pre.step, pre.sample_rate, workspace)
        gain = _solve(pre, shaped, slow, plan.master, workspace.pulse, replace(gain, range_db=range_db))
    pre, gain, _ = _refined(pre, gain, plan.master, workspace, known)
    # Loudness goes before range.
    return unkept if gain.limited else (pre, gain)


def _refined(
    pre: Premaster, gain: MasterGain, master: MasterPlan, workspace: Workspace, known: MasterGain | None = None
) -> tuple[Premaster, MasterGain, MasterGain]:
    """Measures peaks finely and solves the gain again until it brings up no others: the premaster, the gain, and the
    gain for which it was measured last. It was measured already for the gain `known`, if there is one."""
    while known is None or _drive_db(gain) > _drive_db(known) + _NEAR_SLACK_DB:
        pre, known = refined(pre, gain, workspace), gain
        gain = _solve(pre, gain.shaped, gain.slow, master, workspace.pulse, known)
    return pre, gain, known


def _drive_db(gain: MasterGain) -> float:
    return gain.gain_db - gain.ceiling_dbtp


def _solve(
    pre: Premaster,
    shaped: Shaped,
    slow: CurveFile,
    master: MasterPlan,
    pulse: Callable[[], None],
    known: MasterGain | None = None,
) -> MasterGain:
    top, target = master.ceiling_dbtp.value - MARGIN_DB, master.target_lufs.value
    solver = _Solver(Limited(pre, slow), master.max_limiting_db.value, top, pulse)
    if known is not None:
        solver.start_from(known)
    out = solver.reach(target, solver.ceiling_db)
    for _ in range(_CREST_ROUNDS if shaped.goal_db is not None else 0):
        # The crest factor depends on the limited sound, and so on the limiter itself.
        missing = max(0.0, target - out.lufs)
        wanted = shaped.ceiling_db(solver.loudest_db + solver.gain_db + missing, out.rms_db + missing)
        out = solver.reach(target, min(top, wanted))
    return MasterGain(
        gain_db=solver.gain_db,
        slow=slow,
        range_db=known.range_db if known is not None else 0.0,
        ceiling_dbtp=solver.ceiling_db,
        predicted_lufs=out.lufs,
        deepest_db=out.deepest_db,
        limited=out.lufs < target - 0.15,
        shaped=shaped,
        crest_db=shaped.crest_db(solver.loudest_db + solver.gain_db, solver.ceiling_db, out.rms_db),
    )


class _Solver:
    """Gain and ceiling for a loudness; the last ones found are where the next search starts."""

    def __init__(self, limited: Limited, deepest_allowed_db: float, top_db: float, pulse: Callable[[], None]) -> None:
        self._pulse = pulse
        self._limited, self._deepest_allowed, self._top = limited, deepest_allowed_db, top_db
        self.loudest_db = 20 * float(np.log10(max(limited.loudest(), 1e-10)))
        self._now = integrated_lufs(limited.k_steps(), limited.pre.step, limited.pre.sample_rate)
        self.gain_db, self.ceiling_db = 0.0, top_db
        self._found: float | None = None

    def start_from(self, known: MasterGain) -> None:
        """What was found for nearly the same peaks."""
        self.gain_db, self.ceiling_db, self._found = known.gain_db, known.ceiling_dbtp, known.predicted_lufs

    def reach(self, target: float, ceiling: float) -> _Result:
        """Loudness goes before a low ceiling, which is raised where it would need more than the most limiting."""
        gain = target - self._now if self._found is None else self.gain_db + target - self._found
        # The last two tries tell how much louder the output gets for 1 dB more before the limiter.
        slope, before = _SLOPE, None
        for _ in range(12):
            most = ceiling + self._deepest_allowed - self.loudest_db
            gain = min(gain, most)
            out = self._limited.result(gain, ceiling)
            self._pulse()
            missing = target - out.lufs
            if abs(missing) <= _TOLERANCE_LU:
                break
            if missing > 0 and gain >= most - 1e-9:
                if ceiling >= self._top:
                    break
                ceiling, before = min(self._top, ceiling + missing), None
            elif before is not None and abs(gain - before[0]) > 1e-3:
                slope = min(max((out.lufs - before[1]) / (gain - before[0]), _LEAST_SLOPE), 1.0)
            before = (gain, out.lufs)
            gain += missing / slope
        self.gain_db, self.ceiling_db, self._found = gain, ceiling, out.lufs
        return out


def refined(pre: Premaster, gain: MasterGain, workspace: Workspace) -> Premaster:
    """The premaster with the peaks that come near the ceiling measured finely."""
    near = _NEAR * 10 ** ((gain.ceiling_dbtp - gain.gain_db) / 20)
    finer, per_block = TruePeakSteps(pre.pcm.channels, LIMITER_STEP, fine=True), BLOCK_FRAMES // LIMITER_STEP
    limited, peaks, last = Limited(pre, gain.slow), workspace.curve(), False
    for i, block in enumerate(pre.pcm.blocks()):
        first, end = i * per_block, min((i + 1) * per_block, pre.peaks.size)
        wanted = np.zeros(per_block + 1, np.bool_)
        wanted[1 : end - first + 1] = limited.peaks(first, end) > near
        # The finer interpolator is late by another 8 frames, so a peak at the end of a step may lie in the next one.
        wanted[0], last = last, bool(wanted[-1])
        found = finer.process(block, wanted[1:] | wanted[:-1])
        peaks.append(np.maximum(pre.peaks.read(first, end), found[: end - first]))
    return replace(pre, peaks=peaks.curve(pre.peaks.size))


@dataclass(frozen=True)
class Measured:
    """The written file's measures."""

    integrated_lufs: float
    loudness_range_lu: float
    true_peak_dbtp: float
    reduction: CurveFile
    spectrum: Spectrum | None


def write_master(
    pre: Premaster,
    gain: MasterGain,
    path: Path,
    output_format: str,
    progress: Callable[[float], None],
    workspace: Workspace,
    *,
    threads: int,
    with_spectrum: bool = False,
) -> Measured:
    """Applies the gains, writes the file and measures what it holds.

    `reduction` is the gain of glue and limiter together, one value per control step.
    """
    channels, rate = pre.pcm.channels, pre.sample_rate
    loudness, peak = LoudnessMeter(rate, channels), TruePeakMeter(channels)
    limited, reduction = Limited(pre, gain.slow), workspace.curve()
    spectrum = SpectrumMeter(rate, channels, 16_384) if with_spectrum else None
    with OutputFile(path, output_format, rate, channels) as out:
        for i, (sound, nodes) in enumerate(ahead(mastered(limited, gain), threads=threads)):
            out.write(sound)
            per_step = pre.step // LIMITER_STEP
            ends = nodes[1:]
            if ends.size % per_step:
                ends = np.pad(ends, (0, -ends.size % per_step), mode="edge")
            lowest = ends.reshape(-1, per_step).min(axis=1)
            first = i * BLOCK_FRAMES // pre.step
            reduction.append(lowest.astype(np.float32) * gain.slow.read(first, first + lowest.size))
            if spectrum is not None:
                spectrum.process(np.pad(sound, ((0, 0), (0, BLOCK_FRAMES - sound.shape[1]))))
            loudness.process(sound.T)
            peak.process(sound.T)
            progress((i + 1) * BLOCK_FRAMES / pre.pcm.frames)
    peak.finish()
    return Measured(
        loudness.integrated,
        loudness.loudness_range,
        peak.peak_dbtp,
        reduction.curve(gain.slow.size),
        spectrum.whole() if spectrum is not None else None,
    )


def mastered(limited: Limited, gain: MasterGain) -> Iterator[tuple[Sound, npt.NDArray[np.float64]]]:
    """Finished blocks, and the limiter's nodes over each."""
    pre, per_block = limited.pre, BLOCK_FRAMES // LIMITER_STEP
    scale, ceiling = 10 ** (gain.gain_db / 20), 10 ** (gain.ceiling_dbtp / 20)
    ahead_steps = _NODE_BLOCKS * per_block
    for i, sound in enumerate(glued(pre.pcm, gain.slow, pre.step, scale)):
        first = i * per_block
        if first % ahead_steps == 0:
            several = limited.nodes(first, min(first + ahead_steps, pre.peaks.size), scale, ceiling)
        nodes = several[first % ahead_steps : first % ahead_steps + per_block + 1]
        np.multiply(sound, ramp(nodes, LIMITER_STEP)[: sound.shape[1]], out=sound)
        yield sound, nodes


def glued(pcm: PcmFile, glue: CurveFile, step: int, scale: float) -> Iterator[Sound]:
    """Blocks after glue and gain, the last one cut to the sound's length."""
    per_block = BLOCK_FRAMES // step
    left = pcm.frames
    for i, block in enumerate(pcm.blocks()):
        sound = block[:, : min(left, BLOCK_FRAMES)]
        left -= sound.shape[1]
        nodes = glue.nodes(i * per_block, (i + 1) * per_block) * np.float32(scale)
        if nodes.min() == nodes.max():
            np.multiply(sound, nodes[0], out=sound)
        else:
            np.multiply(sound, ramp(nodes, step)[: sound.shape[1]], out=sound)
        yield sound
