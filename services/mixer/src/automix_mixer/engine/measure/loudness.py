"""Loudness from energies at control rate (ITU-R BS.1770-4), where a plan or a balance needs it.

The delivered file is measured by `automix_audio.LoudnessMeter`; this is for predictions on curves, where a gain can be
tried without filtering the sound again.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from automix_audio.loudness import ABSOLUTE_GATE_LUFS, OFFSET_DB, KWeighting

from automix_mixer.engine.dsp.control import step_energy
from automix_mixer.engine.dsp.quantiles import quantile
from automix_mixer.engine.sound.pcm import Curve, Sound

_SHORT_TERM, _RANGE_GATE_LU = 30, 20.0
SILENCE_LUFS = -200.0
"""The value written for silence where minus infinity does not fit (JSON)."""


class KEnergy:
    """K-weighted energy of every control step, summed over channels, of a stream of blocks."""

    def __init__(self, sample_rate: int, channels: int, frames: int) -> None:
        self._frames = frames
        self._filter = KWeighting(sample_rate, channels)

    def process(self, block: Sound) -> Curve:
        """Shape (channels, n) with n a multiple of the step -> (n / step,)."""
        weighted = block.astype(np.float64)
        self._filter.process(weighted)
        return step_energy(weighted, self._frames)


def lufs(energy_per_frame: float) -> float:
    """Loudness of a mean K-weighted energy per frame (summed over channels)."""
    if energy_per_frame <= 0.0:
        return SILENCE_LUFS
    return max(SILENCE_LUFS, float(OFFSET_DB + 10.0 * np.log10(energy_per_frame)))


def block_energies(pieces: Iterable[Curve], step: int, sample_rate: int, hops: int = 4) -> npt.NDArray[np.float64]:
    """Mean energy per frame of blocks of `hops` times 100 ms, one every 100 ms; a shorter track is one block.

    `pieces` are a curve's, in its order. The blocks' borders lie within steps, whose energy is taken as evenly spread.
    """
    hop = 0.1 * sample_rate / step
    size, total = 0, 0.0
    # The energy up to every border.
    borders = [np.zeros(0)]
    for piece in pieces:
        sums = total + np.concatenate([[0.0], np.cumsum(piece, dtype=np.float64)])
        here = np.arange(np.ceil(size / hop), np.ceil((size + piece.size) / hop)) * hop - size
        borders.append(np.interp(here, np.arange(sums.size), sums))
        size, total = size + piece.size, float(sums[-1])
    if size == 0:
        return np.zeros(0)
    if size <= hops * hop:
        return np.array([total / (size * step)])
    until = np.concatenate(borders)
    return np.asarray((until[hops:] - until[:-hops]) / (hops * hop * step))


def gated_mean(blocks: npt.NDArray[np.float64], relative_gate_db: float = -10.0) -> float:
    """Mean energy of the blocks above the absolute gate and the gate relative to their mean (BS.1770-4, 5.1)."""
    loud = blocks[blocks > 10 ** ((ABSOLUTE_GATE_LUFS - OFFSET_DB) / 10)]
    if loud.size == 0:
        return 0.0
    return float(loud[loud > loud.mean() * 10 ** (relative_gate_db / 10)].mean())


def integrated_lufs(pieces: Iterable[Curve], step: int, sample_rate: int) -> float:
    """Integrated loudness of a K-energy curve, given in pieces."""
    return lufs(gated_mean(block_energies(pieces, step, sample_rate)))


def range_lu(pieces: Iterable[Curve], step: int, sample_rate: int) -> float:
    """Loudness range of a K-energy curve (EBU Tech 3342): of blocks of 3 s, 10th to 95th percentile over the gates."""
    blocks = block_energies(pieces, step, sample_rate, _SHORT_TERM)
    loud = blocks[blocks > 10 ** ((ABSOLUTE_GATE_LUFS - OFFSET_DB) / 10)]
    if loud.size == 0:
        return 0.0
    loud = loud[loud > loud.mean() * 10 ** (-_RANGE_GATE_LU / 10)]
    levels = 10.0 * np.log10(loud)
    return float(quantile(levels, 0.95) - quantile(levels, 0.1))
