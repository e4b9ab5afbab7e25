"""Inter-sample peaks per step of sound (ITU-R BS.1770-4, annex 2, with a longer interpolator)."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from automix_mixer.engine.dsp.control import step_peak
from automix_mixer.engine.sound.pcm import Curve, Sound, is_silent

_CELL = 32
"""Frames that are interpolated together."""
_PRODUCT = 32
"""Cells in one matrix product: small enough for BLAS to stay in this thread, for waking others costs more."""


@cache
def _interpolator(oversampling: int, taps: int) -> npt.NDArray[np.float32]:
    """All values between the samples of one cell, one matrix a phase, shape (oversampling - 1, _CELL, width).

    `width` is _CELL + taps - 1. A matrix product wastes half of its multiplications on zeros and is still faster than
    tap by tap.
    """
    position = np.arange(taps) - (taps // 2 - 1)
    matrix = np.zeros((oversampling - 1, _CELL, _CELL + taps - 1), np.float32)
    for phase in range(1, oversampling):
        x = position - phase / oversampling
        window = np.i0(6.0 * np.sqrt(np.clip(1 - (x / (taps / 2 + 0.5)) ** 2, 0, 1))) / np.i0(6.0)
        row = np.sinc(x) * window
        for frame in range(_CELL):
            matrix[phase - 1, frame, frame : frame + taps] = row
    return matrix


class TruePeakSteps:
    """Largest magnitude on and between the samples of every step, over all channels, of a stream of blocks.

    Two points per sample and 24 taps, flat to 0.42 of the sample rate within 0.05 dB: at the edge of the band they miss
    3 dB at most (a sine between points that lie a quarter of its period apart), elsewhere next to nothing. `fine` takes
    eight and 40, for the steps that matter.
    """

    def __init__(self, channels: int, frames: int, *, fine: bool = False) -> None:
        self._frames = frames
        self._taps = 40 if fine else 24
        self._matrix = _interpolator(8 if fine else 2, self._taps)
        self._sound = np.zeros((channels, self._taps - 1), np.float32)

    def process(self, block: Sound, wanted: npt.NDArray[np.bool_] | None = None) -> Curve:
        """Shape (channels, n) -> (n / step,): peaks of the stream as it was half of the taps ago.

        With `wanted`, shape (n / step,), the others are left at 0.
        """
        before, sound = self._taps - 1, self._sound
        if sound.shape[1] != before + block.shape[1]:
            sound = self._sound = np.concatenate([sound[:, -before:], block], axis=1)
            cells = sliding_window_view(sound, _CELL + before, axis=1)[:, ::_CELL]
            self._windows = cells.reshape(len(cells), -1, self._frames // _CELL, _CELL + before)
        else:
            sound[:, :before] = sound[:, block.shape[1] :]
            sound[:, before:] = block
        peak = np.zeros(block.shape[1] // self._frames, np.float32)
        if (wanted is not None and not wanted.any()) or is_silent(sound):
            return peak
        rows = slice(None) if wanted is None else wanted
        middle = before // 2
        samples = sound[:, middle : middle + block.shape[1]]
        if wanted is not None:
            samples = samples.reshape(len(samples), -1, self._frames)[:, wanted].reshape(len(samples), -1)
        peak[rows] = step_peak(samples, self._frames)
        for channel in self._windows:
            steps = channel[rows]
            between = self._largest_between(steps.reshape(-1, steps.shape[2])).reshape(len(steps), -1).max(axis=1)
            peak[rows] = np.maximum(peak[rows], between)
        return peak

    def _largest_between(self, windows: npt.NDArray[np.float32]) -> Curve:
        """Largest magnitude of the values between samples. Shape (n, width) -> (n,)."""
        phases, frames, width = self._matrix.shape
        count, whole = len(windows), len(windows) - len(windows) % _PRODUCT
        # The windows in the last axis: the largest of each is then found for many at a time.
        values = np.empty((phases, frames, count), np.float32)
        groups = windows[:whole].reshape(-1, 1, _PRODUCT, width).swapaxes(2, 3)
        out = values[:, :, :whole].reshape(phases, frames, -1, _PRODUCT).transpose(2, 0, 1, 3)
        np.matmul(self._matrix, groups, out=out)
        np.matmul(self._matrix, windows[whole:].T, out=values[:, :, whole:])
        return np.asarray(np.abs(values, out=values).reshape(-1, count).max(axis=0), np.float32)
