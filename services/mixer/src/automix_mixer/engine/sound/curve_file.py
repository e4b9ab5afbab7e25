"""Curves on disk: one value per control step of a whole song, written once and read in pieces.

An hour has 620,000 control steps and 2.5 million of the limiter's, and a mix has dozens of curves; in memory they would
grow with the song.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from automix_mixer.engine.sound.pcm import Curve

PIECE_STEPS = 32_768
"""Steps worked on together: three minutes at the control rate."""

_NEAR_STEPS, _BUFFER_BYTES = 4_096, 1 << 15
"""Steps read, and bytes written, at a time: a curve is read some thousand times, a few hundred steps each."""

MOST_LEVELS = 1 << 17
"""12 minutes of steps. Percentiles use this many; for a longer song they are spread evenly over it."""


class CurveFile:
    """A finished curve of `size` steps."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        # The first step of what was read last, and its values.
        self._near = (0, np.zeros(0, np.float32))

    def read(self, start: int = 0, end: int | None = None) -> Curve:
        """Steps [start, end), cut to those that exist. What was never written is 0."""
        end = self.size if end is None else min(end, self.size)
        start = min(max(start, 0), end)
        if end - start >= _NEAR_STEPS:
            return self._read(start, end)
        # A pass reads a curve block by block: most of what it wants next is there already.
        first, near = self._near
        if start < first or end > first + near.size:
            first, near = self._near = start, self._read(start, min(start + _NEAR_STEPS, self.size))
        return near[start - first : end - first].copy()

    def _read(self, start: int, end: int) -> Curve:
        out = np.zeros(end - start, np.float32)
        if out.size:
            file = os.open(self.path, os.O_RDONLY)
            try:
                os.preadv(file, [out.data.cast("B")], 4 * start)
            finally:
                os.close(file)
        return out

    def pieces(self, steps: int = PIECE_STEPS) -> Iterator[tuple[int, Curve]]:
        """The whole curve in its order: the first step of each piece, and the piece."""
        for start in range(0, self.size, steps):
            yield start, self.read(start, start + steps)

    def nodes(self, start: int, end: int) -> Curve:
        """Values on the borders of steps [start, end): means of neighbours; beyond its ends the curve stays level.

        Shape (end - start + 1,).
        """
        around = self.read(min(start, self.size) - 1, end + 1)
        missing = end - start + 2 - around.size
        if missing:
            before = 1 if start <= 0 else 0
            around = np.pad(around, (before, missing - before), mode="edge")
        return np.asarray(0.5 * (around[:-1] + around[1:]), np.float32)


def summed_pieces(curves: Sequence[CurveFile]) -> Iterator[Curve]:
    """Sum of curves of different lengths, in pieces."""
    for start in range(0, max(c.size for c in curves), PIECE_STEPS):
        yield summed(curves, start, start + PIECE_STEPS)


def summed(curves: Sequence[CurveFile], start: int, end: int) -> Curve:
    """Sum of curves of different lengths over steps [start, end), cut to the longest."""
    pieces = [c.read(start, end) for c in curves]
    out = np.zeros(max(p.size for p in pieces), np.float32)
    for piece in pieces:
        out[: piece.size] += piece
    return out


class CurveWriter:
    """Collects a curve piece by piece; `skip` steps are dropped first (the latency of a filter)."""

    def __init__(self, path: Path, *, skip: int = 0, pulse: Callable[[], None]) -> None:
        self._path, self._skip, self._pulse = path, skip, pulse
        self._handle = path.open("wb", buffering=_BUFFER_BYTES)
        self._written = 0

    def append(self, piece: Curve) -> None:
        """The next steps, shape (n,)."""
        self._pulse()
        if self._skip:
            dropped = min(self._skip, piece.size)
            self._skip -= dropped
            piece = piece[dropped:]
        if piece.size:
            self._handle.write(np.ascontiguousarray(piece, np.float32).data.cast("B"))
            self._written += piece.size

    def close(self) -> None:
        """Ends a curve that is not needed any more."""
        self._handle.close()

    def curve(self, steps: int | None = None) -> CurveFile:
        """The finished curve; with `steps`, cut or continued with zeros to that length."""
        self.close()
        return CurveFile(self._path, self._written if steps is None else steps)
