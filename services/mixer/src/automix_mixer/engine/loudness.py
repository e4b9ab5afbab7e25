"""Loudness from energies at control rate (ITU-R BS.1770-4), where a plan or a balance needs it.

The delivered file is measured by `automix_audio.LoudnessMeter`; this is for predictions on curves, where a gain can be
tried without filtering the sound again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from automix_audio.biquad import BiquadCascade
from automix_audio.loudness import k_weighting

from automix_mixer.engine.control import step_energy
from automix_mixer.engine.pcm import SILENT_PEAK, Curve, Sound

OFFSET_DB = -0.691
ABSOLUTE_GATE_LUFS = -70.0
SILENCE_LUFS = -200.0
"""What silence is written as, where minus infinity does not fit (JSON)."""


class KEnergy:
    """K-weighted energy of every control step, summed over channels, of a stream of blocks."""

    def __init__(self, sample_rate: int, channels: int, frames: int) -> None:
        self._sample_rate, self._channels, self._frames = sample_rate, channels, frames
        self._filter = BiquadCascade(k_weighting(sample_rate), channels)

    def process(self, block: Sound) -> Curve:
        """Shape (channels, n) with n a multiple of the step -> (n / step,)."""
        if max(float(block.max()), -float(block.min())) < SILENT_PEAK:
            self._filter = BiquadCascade(k_weighting(self._sample_rate), self._channels)
            return np.zeros(block.shape[1] // self._frames, np.float32)
        weighted = block.astype(np.float64)
        self._filter.process(weighted)
        return step_energy(weighted, self._frames)


def lufs(energy_per_frame: float) -> float:
    """Loudness of a mean K-weighted energy per frame (summed over channels)."""
    if energy_per_frame <= 0.0:
        return SILENCE_LUFS
    return max(SILENCE_LUFS, float(OFFSET_DB + 10.0 * np.log10(energy_per_frame)))


def block_energies(steps: Curve, step: int, sample_rate: int) -> npt.NDArray[np.float64]:
    """Mean energy per frame of 400 ms blocks, one every 100 ms; a shorter track is one block.

    Shape (steps,) -> (n,). The blocks' borders lie within steps, whose energy is taken as evenly spread.
    """
    length = 0.4 * sample_rate / step
    if steps.size == 0:
        return np.zeros(0)
    if steps.size <= length:
        return np.array([float(steps.sum(dtype=np.float64)) / (steps.size * step)])
    total = np.concatenate([[0.0], np.cumsum(steps, dtype=np.float64)])
    starts = np.arange(0, steps.size - length, 0.1 * sample_rate / step)
    borders = np.arange(total.size)
    held = np.interp(starts + length, borders, total) - np.interp(starts, borders, total)
    return np.asarray(held / (length * step))


def gated_mean(blocks: npt.NDArray[np.float64], relative_gate_db: float = -10.0) -> float:
    """Mean energy of the blocks above the absolute gate and the gate relative to their mean (BS.1770-4, 5.1)."""
    loud = blocks[blocks > 10 ** ((ABSOLUTE_GATE_LUFS - OFFSET_DB) / 10)]
    if loud.size == 0:
        return 0.0
    return float(loud[loud > loud.mean() * 10 ** (relative_gate_db / 10)].mean())


def integrated_lufs(steps: Curve, step: int, sample_rate: int) -> float:
    """Integrated loudness of a K-energy curve."""
    return lufs(gated_mean(block_energies(steps, step, sample_rate)))


def total_lufs(curves: Sequence[Curve], step: int, sample_rate: int) -> float:
    """Integrated loudness of a sum of uncorrelated parts."""
    return integrated_lufs(np.sum(curves, axis=0, dtype=np.float32), step, sample_rate)
