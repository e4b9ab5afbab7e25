"""A picture's worth of a recording: its lowest and highest sample in each of up to 2,000 equal stretches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Waveform:
    """`minimum` and `maximum`, float32, shape (buckets,), over all channels; each bucket spans `frames_per_bucket`.

    The last bucket may span fewer.
    """

    minimum: NDArray[np.float32]
    maximum: NDArray[np.float32]
    frames_per_bucket: int


class WaveformMeter:
    """Feed blocks of any size to `process`; the length need not be known. Memory does not grow.

    Buckets begin at one frame and double in length whenever there would be more than `buckets` of them, so a long
    recording ends with between half as many and `buckets`.
    """

    def __init__(self, buckets: int = 2000) -> None:
        if buckets < 2 or buckets % 2:
            raise ValueError("buckets must be even")
        self._buckets = buckets
        self._span = 1
        self._low = np.zeros(0, np.float32)
        self._high = np.zeros(0, np.float32)
        self._frames = 0

    def process(self, block: NDArray[np.float32]) -> None:
        """Take the next block, shape (n, channels), n >= 0."""
        if not len(block):
            return
        # Along memory, reductions run many times faster.
        channels = np.ascontiguousarray(block.T)
        total = self._frames + len(block)
        while total > self._span * self._buckets:
            self._low = _merge_pairs(np.minimum, self._low)
            self._high = _merge_pairs(np.maximum, self._high)
            self._span *= 2
        missing = min(-self._frames % self._span, len(block))
        starts = np.arange(missing, len(block), self._span)
        if missing:
            starts = np.concatenate(([0], starts))
        low = np.minimum.reduceat(channels, starts, axis=1).min(axis=0)
        high = np.maximum.reduceat(channels, starts, axis=1).max(axis=0)
        if missing:
            # The open bucket is filled up first.
            self._low[-1] = min(self._low[-1], low[0])
            self._high[-1] = max(self._high[-1], high[0])
            low, high = low[1:], high[1:]
        self._low = np.concatenate((self._low, low))
        self._high = np.concatenate((self._high, high))
        self._frames = total

    def result(self) -> Waveform:
        """What has been seen so far."""
        return Waveform(self._low.copy(), self._high.copy(), self._span)


def _merge_pairs(combine: np.ufunc, values: NDArray[np.float32]) -> NDArray[np.float32]:
    if not len(values):
        return values
    merged: NDArray[np.float32] = combine.reduceat(values, np.arange(0, len(values), 2))
    return merged
