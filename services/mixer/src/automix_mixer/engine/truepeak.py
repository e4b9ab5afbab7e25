"""Inter-sample peaks per step of sound (ITU-R BS.1770-4, annex 2, with a longer interpolator)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from automix_mixer.engine.pcm import SILENT_PEAK, Curve, Sound


def _interpolator(frames: int, oversampling: int, taps: int) -> npt.NDArray[np.float32]:
    """All values between the samples of one step as one matrix, shape (frames + taps - 1, (oversampling - 1) * frames).

    A matrix product wastes four of five multiplications on zeros and is still three times faster than tap by tap.
    """
    position = np.arange(taps) - (taps // 2 - 1)
    matrix = np.zeros((frames + taps - 1, (oversampling - 1) * frames), np.float32)
    for phase in range(1, oversampling):
        x = position - phase / oversampling
        window = np.i0(6.0 * np.sqrt(np.clip(1 - (x / (taps / 2 + 0.5)) ** 2, 0, 1))) / np.i0(6.0)
        for frame in range(frames):
            matrix[frame : frame + taps, (phase - 1) * frames + frame] = np.sinc(x) * window
    return matrix


class TruePeakSteps:
    """Largest magnitude on and between the samples of every step, over all channels, of a stream of blocks.

    Four points per sample and 24 taps: 0.05 dB flat to 0.42 of the sample rate. `fine` takes eight and 40, for the
    steps that matter: at the edge of the band four points can miss 0.7 dB.
    """

    def __init__(self, channels: int, frames: int, *, fine: bool = False) -> None:
        self._frames = frames
        self._taps = 40 if fine else 24
        self._matrix = _interpolator(frames, 8 if fine else 4, self._taps)
        self._tail = np.zeros((channels, self._taps - 1), np.float32)

    def process(self, block: Sound, wanted: npt.NDArray[np.bool_] | None = None) -> Curve:
        """Shape (channels, n) -> (n / step,): peaks of the stream as it was half of the taps ago.

        With `wanted`, shape (n / step,), the others are left at 0.
        """
        sound = np.concatenate([self._tail, block], axis=1)
        self._tail = sound[:, -(self._taps - 1) :].copy()
        peak = np.zeros(block.shape[1] // self._frames, np.float32)
        if max(float(sound.max()), -float(sound.min())) < SILENT_PEAK or (wanted is not None and not wanted.any()):
            return peak
        windows = sliding_window_view(sound, self._frames + self._taps - 1, axis=1)[:, :: self._frames]
        rows = slice(None) if wanted is None else wanted
        middle = self._taps // 2 - 1
        for channel in windows:
            part = channel[rows]
            for values in (part @ self._matrix, part[:, middle : middle + self._frames]):
                peak[rows] = np.maximum(peak[rows], np.maximum(values.max(axis=1), -values.min(axis=1)))
        return peak
