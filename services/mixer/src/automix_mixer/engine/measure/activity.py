"""When a track sounds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from automix_audio.loudness import ABSOLUTE_GATE_LUFS, OFFSET_DB

from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import Curve

Mask = npt.NDArray[np.bool_]

ACTIVE_BELOW_DB = 15.0
"""A vocal counts as singing where its level over 400 ms is within this of its gated loudness.

Breaths and bleed lie lower.
"""


def smoothed(steps: Curve, length: int) -> Curve:
    """Centred running mean over `length` steps, shorter at the ends. Shape stays."""
    if steps.size == 0 or length <= 1:
        return steps
    half = length // 2
    total = np.concatenate([[0.0], np.cumsum(steps, dtype=np.float64)])
    index = np.arange(steps.size)
    low = np.maximum(index - half, 0)
    high = np.minimum(index + half + 1, steps.size)
    return np.asarray((total[high] - total[low]) / (high - low), np.float32)


def smoothed_pieces(steps: CurveFile, length: int) -> Iterator[tuple[int, Curve]]:
    """As `smoothed`, for a curve on disk, in pieces: the first step of each, and the piece."""
    half = length // 2
    for start, piece in steps.pieces():
        low, end = max(0, start - half), start + piece.size
        yield start, smoothed(steps.read(low, end + half), length)[start - low : end - low]


def active_steps(k_steps: CurveFile, integrated_lufs: float, step: int, sample_rate: int) -> Mask:
    """Steps in which the track sounds: momentary level above the absolute gate and near its gated loudness."""
    gate = max(ABSOLUTE_GATE_LUFS, integrated_lufs - ACTIVE_BELOW_DB)
    least = step * 10 ** ((gate - OFFSET_DB) / 10)
    active = np.empty(k_steps.size, np.bool_)
    for start, momentary in smoothed_pieces(k_steps, round(0.4 * sample_rate / step)):
        active[start : start + momentary.size] = momentary > least
    return active
