"""Decoded sound on disk: written once, read by every later pass, so that memory does not grow with length."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Sound: TypeAlias = npt.NDArray[np.float32]
"""Float32 sound, shape (channels, frames)."""

Curve: TypeAlias = npt.NDArray[np.float32]
"""One value per control step, shape (steps,)."""

BLOCK_FRAMES = 32_768
"""Frames of a block in every pass: 256 KiB of stereo, which stays in a core's second-level cache."""

_EVERY = 1_024
"""Looking at one frame in this many tells most sound from silence."""
_SILENT_ENERGY = 1e-16
"""Energy of a single frame at -160 dBFS.

Filters would slow down on smaller numbers, which the processor handles outside of its fast path.
"""


def is_silent(sound: Sound) -> bool:
    """Whether the whole of it holds next to nothing."""
    few = sound[:, ::_EVERY]
    if few.size and float(np.abs(few).max()) ** 2 >= _SILENT_ENERGY:
        return False
    return float(np.einsum("cn,cn->", sound, sound)) < _SILENT_ENERGY


class PcmFile:
    """A temporary file of float32 blocks, each (channels, BLOCK_FRAMES); the last one is padded with silence.

    Plain reads and writes instead of a memory map: mapped pages would count as this process's memory.
    """

    def __init__(self, path: Path, channels: int, pulse: Callable[[], None]) -> None:
        self.path = path
        self._pulse = pulse
        self.channels = channels
        self.frames = 0

    def blocks(self, frames: int | None = None) -> Iterator[Sound]:
        """Every block in turn; with `frames`, silence follows until that many frames have been given."""
        return self.picked(range(-(-(self.frames if frames is None else frames) // BLOCK_FRAMES)))

    def picked(self, picks: Sequence[int]) -> Iterator[Sound]:
        """The blocks of those numbers; beyond the end there is silence."""
        with self.path.open("rb", buffering=0) as file:
            following = 0
            for index in picks:
                block = np.empty((self.channels, BLOCK_FRAMES), np.float32)
                if index != following:
                    file.seek(index * block.nbytes)
                following = index + 1
                # The file holds whole blocks alone, so a block beyond its end is not there at all.
                if file.readinto(block.data.cast("B")) != block.nbytes:
                    block[:] = 0.0
                self._pulse()
                yield block

    def excerpts(self, places: Sequence[tuple[int, npt.NDArray[np.int_]]], frames: int) -> Iterator[Sound]:
        """The sound that follows each of `places`, which are a block's number and frames in it; within the block.

        Shape (channels, len(starts), frames); beyond the end there is silence.
        """
        with self.path.open("rb", buffering=0) as file:
            for index, starts in places:
                out = np.zeros((self.channels, len(starts), frames), np.float32)
                for channel, pieces in enumerate(out):
                    first = (index * self.channels + channel) * BLOCK_FRAMES
                    for piece, start in zip(pieces, starts, strict=True):
                        os.preadv(file.fileno(), [piece.data.cast("B")], (first + int(start)) * piece.itemsize)
                self._pulse()
                yield out

    def loudest_at(self, frame: int) -> float:
        """The largest magnitude of that frame's samples."""
        return float(np.abs(next(self.picked([frame // BLOCK_FRAMES]))[:, frame % BLOCK_FRAMES]).max())

    def multiply(self, first: int, gains: npt.NDArray[np.float32]) -> None:
        """Multiplies the frames from `first` on by `gains`, shape (n,), on disk."""
        with self.path.open("r+b", buffering=0) as file:
            for index in range(first // BLOCK_FRAMES, -(-(first + gains.size) // BLOCK_FRAMES)):
                block = next(self.picked([index]))
                start = max(first - index * BLOCK_FRAMES, 0)
                given = gains[max(index * BLOCK_FRAMES - first, 0) :][: BLOCK_FRAMES - start]
                block[:, start : start + given.size] *= given
                file.seek(index * block.nbytes)
                left = block.data.cast("B")
                while left:
                    left = left[file.write(left) :]

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)


class PcmWriter:
    """Cuts sound of any length into the blocks of a PcmFile, which is complete after `close`."""

    def __init__(
        self, path: Path, channels: int, *, skip: int = 0, limit: int | None = None, pulse: Callable[[], None]
    ) -> None:
        """`skip` frames are dropped first (the latency of a filter); at most `limit` frames are kept."""
        self.file = PcmFile(path, channels, pulse)
        self._skip, self._limit = skip, limit
        self._pending = np.zeros((channels, BLOCK_FRAMES), np.float32)
        self._filled = 0
        self._handle = path.open("wb", buffering=0)

    def __enter__(self) -> PcmWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Completes the file."""
        if self._filled:
            self._pending[:, self._filled :] = 0.0
            self._store(self._pending)
        self._handle.close()

    def last(self) -> list[Sound]:
        """After `close`: the last block, unless `write` has given it already."""
        return [self._pending] if self._filled else []

    def write(self, sound: Sound) -> list[Sound]:
        """Appends sound, shape (channels, n), and returns the full blocks that this completed."""
        if self._skip:
            dropped = min(self._skip, sound.shape[1])
            self._skip -= dropped
            sound = sound[:, dropped:]
        if self._limit is not None:
            sound = sound[:, : max(0, self._limit - self.file.frames)]
        self.file.frames += sound.shape[1]
        done = []
        while sound.shape[1]:
            if not self._filled and sound.shape[1] >= BLOCK_FRAMES:
                block = np.ascontiguousarray(sound[:, :BLOCK_FRAMES])
                self._store(block)
                done.append(block)
                sound = sound[:, BLOCK_FRAMES:]
                continue
            taken = min(BLOCK_FRAMES - self._filled, sound.shape[1])
            self._pending[:, self._filled : self._filled + taken] = sound[:, :taken]
            self._filled += taken
            sound = sound[:, taken:]
            if self._filled == BLOCK_FRAMES:
                self._store(self._pending)
                done.append(self._pending.copy())
                self._filled = 0
        return done

    def _store(self, block: Sound) -> None:
        left = block.data.cast("B")
        while left:
            left = left[self._handle.write(left) :]
