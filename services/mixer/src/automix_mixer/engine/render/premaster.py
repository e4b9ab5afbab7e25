"""The mix before glue and limiter, and the levels that are measured while it is written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from automix_mixer.engine.measure.profile import mean_crest_db
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import PcmFile, Sound
from automix_mixer.engine.sound.workspace import Workspace


@dataclass(frozen=True)
class Premaster:
    """The mix before glue and limiter: its sound, true peaks on limiter steps, K-energy and energy on control steps.

    Energies are sums over both channels; `channel_peak` and `channel_energy` are of samples of the whole song.
    """

    pcm: PcmFile
    peaks: CurveFile
    k_steps: CurveFile
    energy: CurveFile
    channel_peak: list[float]
    channel_energy: list[float]
    step: int
    sample_rate: int

    @property
    def crest_db(self) -> float:
        """Mean of the channels' peak over RMS."""
        return mean_crest_db(self.channel_peak, self.channel_energy, self.pcm.frames)


class LevelMeter:
    """Energy on control steps, and peak and energy of each channel, of a stream of blocks, shape (2, n)."""

    def __init__(self, step: int, workspace: Workspace) -> None:
        self._step, self._energy = step, workspace.curve()
        self._peaks, self._squares = np.zeros(2), np.zeros(2)

    def process(self, block: Sound) -> None:
        energy = np.einsum("cij,cij->ci", *[block.reshape(2, -1, self._step)] * 2)
        self._energy.append(energy.sum(axis=0))
        self._squares += energy.sum(axis=1, dtype=np.float64)
        np.maximum(self._peaks, np.maximum(block.max(axis=1), -block.min(axis=1)), out=self._peaks)

    def premaster(self, pcm: PcmFile, peaks: CurveFile, k_steps: CurveFile, sample_rate: int) -> Premaster:
        """The premaster with the levels that were measured here."""
        return Premaster(
            pcm,
            peaks,
            k_steps,
            self._energy.curve(k_steps.size),
            self._peaks.tolist(),
            self._squares.tolist(),
            self._step,
            sample_rate,
        )
