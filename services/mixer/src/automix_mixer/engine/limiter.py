"""Look-ahead true-peak limiter, worked out at a control rate.

The peaks of the whole mix are known before the gain is chosen, so the gain can fall before a peak and never needs to
be fast: it is piecewise linear over steps of 64 frames, smoothed over several, and at every frame at most what the
peaks around it allow. A gain this slow leaves inter-sample peaks where they were, so peaks times gain is what a meter
will read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from automix_mixer.engine.pcm import Curve

LIMITER_STEP = 64
"""Frames of one gain step: 1.45 ms at 44.1 kHz, 0.7 ms at 96 kHz."""


@dataclass(frozen=True)
class LimiterTimes:
    """`lookahead_steps` on each side of a peak; the release is exponential."""

    lookahead_steps: int = 3
    release_ms: float = 80.0


def limiter_nodes(peaks: Curve, ceiling: float, sample_rate: int, times: LimiterTimes) -> npt.NDArray[np.float64]:
    """Gain on the borders of the steps. Shape (steps,) -> (steps + 1,), each at most 1.

    The gain between two nodes never exceeds ceiling / peak of the step they enclose.
    """
    if peaks.size == 0:
        return np.ones(1)
    needed = np.minimum(1.0, ceiling / np.maximum(peaks.astype(np.float64), 1e-12))
    width = 2 * times.lookahead_steps + 1
    held = minimum_filter1d(needed, width + 2, mode="nearest")
    released = _release(held, np.exp(-LIMITER_STEP / (sample_rate * times.release_ms / 1000)))
    smooth = uniform_filter1d(released, width, mode="nearest")
    nodes = np.empty(peaks.size + 1)
    nodes[1:-1] = np.minimum(smooth[:-1], smooth[1:])
    nodes[0], nodes[-1] = smooth[0], smooth[-1]
    # The mean over the window is bounded by the minimum filter; rounding is not.
    nodes[:-1] = np.minimum(nodes[:-1], needed)
    nodes[1:] = np.minimum(nodes[1:], needed)
    return nodes


def _release(gain: npt.NDArray[np.float64], decay: float) -> npt.NDArray[np.float64]:
    """Instant fall, exponential return to 1: reduction u[k] = max(d[k], decay * u[k - 1]), as a running maximum."""
    reduction = 1.0 - gain
    if not reduction.any():
        return gain
    out = np.empty_like(reduction)
    carried = 0.0
    slope = np.log(decay)
    with np.errstate(divide="ignore"):
        for start in range(0, reduction.size, 4096):
            piece = reduction[start : start + 4096]
            offset = slope * np.arange(1, piece.size + 1)
            level = np.maximum(np.maximum.accumulate(np.log(piece) - offset), np.log(carried)) + offset
            out[start : start + 4096] = np.exp(level)
            carried = float(out[min(start + 4096, reduction.size) - 1])
    return 1.0 - out
