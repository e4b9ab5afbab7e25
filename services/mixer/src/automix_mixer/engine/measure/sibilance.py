"""Level and frequency of sibilants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from automix_audio.loudness import ABSOLUTE_GATE_LUFS, OFFSET_DB

from automix_mixer.engine.measure.loudness import lufs
from automix_mixer.engine.sound.pcm import Curve

SIBILANT_OVER_VOICE_DB = -5.0
"""A frame is sibilant when 5-9 kHz holds this much against its whole K-weighted energy: in sung vowels of the test
recordings the ratio stays below -12 dB, in s and sh it lies above -4 dB."""


@dataclass(frozen=True)
class Sibilance:
    """`level_db`: mean level of 5-9 kHz in sibilant frames on the scale of LUFS; `share` of sounding frames."""

    level_db: float
    share: float

    @classmethod
    def measured(cls, sibilance: Curve, k_energy: Curve, frames: int) -> Sibilance:
        """Measures sibilance from energies per analysis frame of `frames` new samples each, shape (n,)."""
        loud = k_energy / frames > 10 ** ((ABSOLUTE_GATE_LUFS - OFFSET_DB) / 10)
        if not loud.any():
            return cls(ABSOLUTE_GATE_LUFS, 0.0)
        # Sibilants are softer than vowels: those 30 dB under the mean level do not count.
        loud &= k_energy > k_energy[loud].mean() * 1e-3
        hissing = loud & (sibilance > k_energy * 10 ** (SIBILANT_OVER_VOICE_DB / 10))
        if not hissing.any():
            return cls(ABSOLUTE_GATE_LUFS, 0.0)
        level = lufs(float(np.mean(sibilance[hissing], dtype=np.float64)) / frames)
        return cls(level, float(np.count_nonzero(hissing) / np.count_nonzero(loud)))
