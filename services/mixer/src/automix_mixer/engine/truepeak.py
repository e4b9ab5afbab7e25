"""Inter-sample peaks per step of sound (ITU-R BS.1770-4, annex 2, with a longer interpolator)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from automix_mixer.engine.pcm import SILENT_PEAK, Curve, Sound

_OVERSAMPLING = 4
_TAPS = 24
"""Taps per phase: 0.05 dB flat to 0.42 of the sample rate, where the standard's 12 have fallen by 0.3 dB."""


def _interpolator(frames: int) -> npt.NDArray[np.float32]:
    """All values between the samples of one step as one matrix, shape (frames + taps - 1, 3 * frames).

    A matrix product wastes four of five multiplications on zeros and is still three times faster than tap by tap.
    """
    position = np.arange(_TAPS) - (_TAPS // 2 - 1)
    matrix = np.zeros((frames + _TAPS - 1, (_OVERSAMPLING - 1) * frames), np.float32)
    for phase in range(1, _OVERSAMPLING):
        x = position - phase / _OVERSAMPLING
        window = np.i0(6.0 * np.sqrt(np.clip(1 - (x / (_TAPS / 2 + 0.5)) ** 2, 0, 1))) / np.i0(6.0)
        for frame in range(frames):
            matrix[frame : frame + _TAPS, (phase - 1) * frames + frame] = np.sinc(x) * window
    return matrix


class TruePeakSteps:
    """Largest magnitude on and between the samples of every step, over all channels, of a stream of blocks."""

    def __init__(self, channels: int, frames: int) -> None:
        self._frames = frames
        self._matrix = _interpolator(frames)
        self._tail = np.zeros((channels, _TAPS - 1), np.float32)

    def process(self, block: Sound) -> Curve:
        """Shape (channels, n) -> (n / step,): peaks of the stream as it was `_TAPS / 2` frames ago."""
        sound = np.concatenate([self._tail, block], axis=1)
        self._tail = sound[:, -(_TAPS - 1) :].copy()
        steps = block.shape[1] // self._frames
        if max(float(sound.max()), -float(sound.min())) < SILENT_PEAK:
            return np.zeros(steps, np.float32)
        width = self._frames + _TAPS - 1
        windows = sliding_window_view(sound, width, axis=1)[:, :: self._frames]
        peak = np.zeros(steps, np.float32)
        for channel in windows:
            between = channel @ self._matrix
            on = channel[:, _TAPS // 2 - 1 : _TAPS // 2 - 1 + self._frames]
            for values in (between, on):
                np.maximum(peak, values.max(axis=1), out=peak)
                np.maximum(peak, -values.min(axis=1), out=peak)
        return peak
