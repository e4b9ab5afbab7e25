"""When does a track sound?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.loudness import ABSOLUTE_GATE_LUFS, OFFSET_DB
from automix_mixer.engine.pcm import Curve

Mask = npt.NDArray[np.bool_]

ACTIVE_BELOW_DB = 15.0
"""A vocal sings where its level over 400 ms is within this of its gated loudness: breaths and bleed lie lower."""


def smoothed(steps: Curve, length: int) -> Curve:
    """Centred running mean over `length` steps (odd lengths are exact). Shape stays."""
    if steps.size == 0 or length <= 1:
        return steps
    total = np.concatenate([[0.0], np.cumsum(steps, dtype=np.float64)])
    index = np.arange(steps.size)
    low = np.maximum(index - length // 2, 0)
    high = np.minimum(index + length // 2 + 1, steps.size)
    return np.asarray((total[high] - total[low]) / (high - low), np.float32)


def active_steps(k_steps: Curve, integrated_lufs: float, step: int, sample_rate: int) -> Mask:
    """Steps in which the track sounds: momentary level above the absolute gate and near its gated loudness."""
    momentary = smoothed(k_steps, round(0.4 * sample_rate / step)) / step
    gate = max(ABSOLUTE_GATE_LUFS, integrated_lufs - ACTIVE_BELOW_DB)
    return np.asarray(momentary > 10 ** ((gate - OFFSET_DB) / 10))
