"""The last stage: gain to the loudness target, true-peak limiter, measurement, file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from automix_audio.loudness import LoudnessMeter
from automix_audio.true_peak import TruePeakMeter

from automix_mixer.engine.control import ramp
from automix_mixer.engine.limiter import LIMITER_STEP, LimiterTimes, limiter_nodes
from automix_mixer.engine.loudness import integrated_lufs
from automix_mixer.engine.mixplan import MasterPlan
from automix_mixer.engine.output import OutputFile
from automix_mixer.engine.pcm import BLOCK_FRAMES, Curve, PcmFile

_MARGIN_DB = 0.05
"""Kept below the ceiling for what a finer interpolator than ours may find."""
_TOLERANCE_LU = 0.02


@dataclass(frozen=True)
class Premaster:
    """The mix before its last stage, with its peaks on limiter steps and its K-energy on control steps."""

    pcm: PcmFile
    peaks: Curve
    k_steps: Curve
    step: int
    sample_rate: int


@dataclass(frozen=True)
class MasterGain:
    """The solved gain: `gain_db` before the limiter, its nodes, and what comes out."""

    gain_db: float
    nodes: npt.NDArray[np.float64]
    predicted_lufs: float
    deepest_db: float
    limited: bool


def solve_gain(pre: Premaster, plan: MasterPlan) -> MasterGain:
    """The gain that, after the limiter, reaches the target; or the largest that keeps to the most limiting allowed."""
    target, deepest = plan.target_lufs.value, plan.max_limiting_db.value
    loudness = integrated_lufs(pre.k_steps, pre.step, pre.sample_rate)
    peak_db = 20 * np.log10(max(float(pre.peaks.max(initial=0.0)), 1e-10))
    most = plan.ceiling_dbtp.value + deepest - peak_db
    gain = min(target - loudness, most)
    tried = _try(pre, plan, gain)
    for _ in range(12):
        missing = target - tried.predicted_lufs
        if abs(missing) <= _TOLERANCE_LU or (missing > 0 and gain >= most - 1e-9):
            break
        gain = min(gain + missing * 1.1, most)
        tried = _try(pre, plan, gain)
    limited = tried.predicted_lufs < target - 0.1
    return MasterGain(gain, tried.nodes, tried.predicted_lufs, tried.deepest_db, limited)


def _try(pre: Premaster, plan: MasterPlan, gain_db: float) -> MasterGain:
    gain = 10 ** (gain_db / 20)
    ceiling = 10 ** ((plan.ceiling_dbtp.value - _MARGIN_DB) / 20)
    nodes = limiter_nodes(pre.peaks * np.float32(gain), ceiling, pre.sample_rate, LimiterTimes())
    per_step = pre.step // LIMITER_STEP
    squares = ((nodes[:-1] + nodes[1:]) * 0.5) ** 2
    squares = squares[: pre.k_steps.size * per_step]
    limited = pre.k_steps * (squares.reshape(-1, per_step).mean(axis=1) * gain**2).astype(np.float32)
    predicted = integrated_lufs(limited, pre.step, pre.sample_rate)
    return MasterGain(gain_db, nodes, predicted, float(-20 * np.log10(nodes.min())), False)


@dataclass(frozen=True)
class Measured:
    """The written file's measures; `short_term` one value per 100 ms is left to the caller's curves."""

    integrated_lufs: float
    loudness_range_lu: float
    true_peak_dbtp: float


def write_master(
    pre: Premaster, gain: MasterGain, path: Path, output_format: str, progress: Callable[[float], None]
) -> Measured:
    """Applies the gain, writes the file and measures what it holds."""
    channels, rate = pre.pcm.channels, pre.sample_rate
    loudness, peak = LoudnessMeter(rate, channels), TruePeakMeter(channels)
    scale = np.float32(10 ** (gain.gain_db / 20))
    per_block = BLOCK_FRAMES // LIMITER_STEP
    nodes = np.pad(gain.nodes, (0, -(gain.nodes.size - 1) % per_block), mode="edge")
    left = pre.pcm.frames
    with OutputFile(path, output_format, rate, channels) as out:
        for i, block in enumerate(pre.pcm.blocks()):
            gains = ramp(nodes[i * per_block : (i + 1) * per_block + 1], LIMITER_STEP) * scale
            np.multiply(block, gains, out=block)
            sound = block[:, : min(left, BLOCK_FRAMES)]
            left -= sound.shape[1]
            out.write(sound)
            interleaved = np.ascontiguousarray(sound.T)
            loudness.process(interleaved)
            peak.process(interleaved)
            progress(1 - left / pre.pcm.frames)
    peak.finish()
    return Measured(loudness.integrated, loudness.loudness_range, peak.peak_dbtp)
