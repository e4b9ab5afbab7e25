"""Any frames of a file of sound."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, PcmFile, Sound


class Frames:
    """Reads from one frame to another; there is silence beyond the ends."""

    def __init__(self, pcm: PcmFile) -> None:
        self._pcm = pcm

    def read(self, first: int, last: int) -> Sound:
        """Shape (channels, last - first)."""
        out = np.zeros((self._pcm.channels, last - first), np.float32)
        begin, end = max(0, first), min(last, self._pcm.frames)
        if end > begin:
            numbers = range(begin // BLOCK_FRAMES, -(-end // BLOCK_FRAMES))
            sound = np.concatenate(list(self._pcm.picked(numbers)), axis=1)
            offset = begin - numbers.start * BLOCK_FRAMES
            out[:, begin - first : end - first] = sound[:, offset : offset + end - begin]
        return out

    def mono(self, first: int, last: int) -> npt.NDArray[np.float64]:
        """The mean of the channels, shape (last - first,)."""
        return np.asarray(self.read(first, last).mean(axis=0), np.float64)

    def pieces(self, first: int, last: int) -> Iterator[Sound]:
        """The frames in blocks."""
        edges = range(first, last, BLOCK_FRAMES)
        return (self.read(at, min(at + BLOCK_FRAMES, last)) for at in edges)
