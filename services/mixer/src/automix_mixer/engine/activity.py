"""When does a track sound?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.loudness import ABSOLUTE_GATE_LUFS, OFFSET_DB
from automix_mixer.engine.pcm import Curve

Mask = npt.NDArray[np.bool_]

ACTIVE_BELOW_DB = 15.0
"""A vocal sings where its level over 400 ms is within this of its gated loudness: breaths and bleed lie lower."""


_PIECE = 65_536
"""Steps worked on together: 6 minutes, so that an hour needs no more memory."""


def smoothed(steps: Curve, length: int) -> Curve:
    """Centred running mean over `length` steps, shorter at the ends. Shape stays."""
    if steps.size == 0 or length <= 1:
        return steps
    out = np.empty(steps.size, np.float32)
    half = length // 2
    for start in range(0, steps.size, _PIECE):
        end = min(start + _PIECE, steps.size)
        first = max(0, start - half)
        total = np.concatenate([[0.0], np.cumsum(steps[first : end + half], dtype=np.float64)])
        index = np.arange(start, end)
        low = np.maximum(index - half, 0) - first
        high = np.minimum(index + half + 1, steps.size) - first
        out[start:end] = (total[high] - total[low]) / (high - low)
    return out


def active_steps(k_steps: Curve, integrated_lufs: float, step: int, sample_rate: int) -> Mask:
    """Steps in which the track sounds: momentary level above the absolute gate and near its gated loudness."""
    momentary = smoothed(k_steps, round(0.4 * sample_rate / step)) / step
    gate = max(ABSOLUTE_GATE_LUFS, integrated_lufs - ACTIVE_BELOW_DB)
    return np.asarray(momentary > 10 ** ((gate - OFFSET_DB) / 10))
