"""Peaks that were cut off when they were recorded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

HIGH = 0.8
"""Share of the recording's peak from which a flat top counts as cut off."""
_SILENT = 1e-4
_CORNER = 1e-3
"""Smallest change of slope at a corner, as a share of the peak.

A clipped wave turns flat at a corner. The top of a soft or low wave can be as flat in 16 bits but has no corner: at
full scale the slope of a 100 Hz sine changes by a tenth of this from one sample to the next.
"""


class ClippingMeter:
    """Counts the clipped samples of one channel. Resampling rounds flat tops, so it wants a file's own samples."""

    def __init__(self) -> None:
        self.samples = 0
        self._highest = 0.0

    def process(self, sound: npt.NDArray[np.float32], peak: float) -> None:
        """A block of shape (n,), and the peak of all channels in it."""
        self._highest = max(self._highest, peak)
        if peak >= _SILENT and peak > HIGH * self._highest:  # no sample is high otherwise
            self.samples += clipped_samples(sound, self._highest)


def clipped_samples(sound: npt.NDArray[np.float32], peak: float) -> int:
    """How many samples lie on flat tops with a corner, shape (n,); `peak` is the recording's own so far."""
    high = np.flatnonzero(np.abs(sound[1:-1]) > HIGH * peak) + 1
    flat = high[(sound[high] == sound[high - 1]) & (sound[high] == sound[high + 1])]
    if not flat.size:
        return 0
    # Every run of flat samples, widened to its two outer ones; what lies beyond those makes the corner.
    runs = np.split(flat, np.flatnonzero(np.diff(flat) > 1) + 1)
    first, last = (np.array([r[i] for r in runs]) for i in (0, -1))
    before = np.abs(sound[first - 1] - sound[np.maximum(first - 2, 0)])
    after = np.abs(sound[last + 1] - sound[np.minimum(last + 2, sound.size - 1)])
    corner = np.maximum(before, after) > _CORNER * peak
    return int((last - first + 1)[corner].sum())
