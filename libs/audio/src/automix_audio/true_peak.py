"""True peak by ITU-R BS.1770-4 annex 2: the largest absolute value of the signal oversampled four times, streaming.

Only what can matter is oversampled. The interpolator's output is bounded by the sum of its absolute coefficients
times the largest input within its reach, so a stretch whose samples are small enough cannot exceed the maximum
already found: skipping it is exact.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_OVERSAMPLING = 4
_TAPS = 32
"""Samples that each interpolated value is made of."""
_CELL = 32
"""Frames whose samples are looked at together."""


_PRODUCT = 40
"""Cells in one matrix product."""
_CHUNK = 1 << 16
"""Frames looked at together, so that a long block needs no more memory."""


def interpolator() -> NDArray[np.float32]:
    """Coefficients, shape (3, taps): values at 1/4, 2/4 and 3/4 between the two samples in the middle.

    A sinc under a Kaiser window (beta 7), each phase scaled to pass DC unchanged.
    """
    distance = np.arange(_TAPS) - (_TAPS // 2 - 1)
    rows = []
    for phase in range(1, _OVERSAMPLING):
        at = distance - phase / _OVERSAMPLING
        window = np.i0(7.0 * np.sqrt(np.maximum(0.0, 1 - (at / (_TAPS / 2)) ** 2)))
        row = np.sinc(at) * window
        rows.append(row / row.sum())
    return np.array(rows, np.float32)


def _cell_matrix(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """All values between the samples of one cell as one product, shape (cell + taps - 1, 3 * cell)."""
    matrix = np.zeros((_CELL + _TAPS - 1, len(coefficients) * _CELL), np.float32)
    for frame in range(_CELL):
        for phase, row in enumerate(coefficients):
            matrix[frame : frame + _TAPS, phase * _CELL + frame] = row
    return matrix


class TruePeakMeter:
    """Feed blocks of any size to `process`; `peak` is linear, `peak_dbtp` in dBTP (-inf for silence).

    Call `finish` after the last block: until then the last 16 samples count by their own value alone.
    """

    def __init__(self, channels: int) -> None:
        coefficients = interpolator()
        self._matrix = _cell_matrix(coefficients)
        self._gain = float(np.abs(coefficients).sum(axis=1).max())
        # The samples that the next value reaches back to: before the first sample, silence that is as long as the
        # interpolator less one, so that values just ahead of that sample count.
        self._pending = np.zeros((channels, _TAPS - 1), np.float32)
        self._peak = 0.0

    @property
    def peak(self) -> float:
        """The largest absolute value so far, at or between samples."""
        return self._peak

    @property
    def peak_dbtp(self) -> float:
        """`peak` in decibels relative to full scale."""
        return 20 * math.log10(self._peak) if self._peak > 0 else -math.inf

    def process(self, block: NDArray[np.float32]) -> None:
        """Measure the next block, shape (n, channels), n >= 0."""
        for start in range(0, len(block), _CHUNK):
            self._take(block[start : start + _CHUNK].T)

    def finish(self) -> None:
        """Measure the end of the signal, which silence follows. More blocks may not come."""
        self._take(np.zeros((len(self._pending), _TAPS + _CELL), np.float32))

    def _take(self, new: NDArray[np.float32]) -> None:
        signal = np.concatenate((self._pending, new), axis=1)
        cells = (signal.shape[1] - _TAPS + 1) // _CELL
        magnitude = np.abs(signal)
        self._peak = max(self._peak, float(magnitude.max(initial=0.0)))
        if cells <= 0:
            self._pending = signal
            return
        self._measure(signal, magnitude, cells)
        self._pending = signal[:, cells * _CELL :].copy()

    def _measure(self, signal: NDArray[np.float32], magnitude: NDArray[np.float32], cells: int) -> None:
        width = _CELL + _TAPS - 1
        # A cell's values reach over its own samples and the 31 that follow, which lie in the next cell.
        peaks = np.zeros((len(signal), (cells + 1) * _CELL), np.float32)
        used = min(magnitude.shape[1], peaks.shape[1])
        peaks[:, :used] = magnitude[:, :used]
        # Cells are multiplied many at a time: one by one takes three times as long.
        while peaks.shape[1] > cells + 1:
            peaks = np.maximum(peaks[:, 0::2], peaks[:, 1::2])
        bound = np.maximum(peaks[:, :-1], peaks[:, 1:]) * self._gain
        windows = sliding_window_view(signal, width, axis=1)[:, : cells * _CELL : _CELL]
        # The loudest first: it raises the maximum and spares most of the others.
        loudest = np.unravel_index(int(bound.argmax()), bound.shape)
        if bound[loudest] > self._peak:
            self._peak = max(self._peak, self._largest(windows[loudest][None]))
        candidates = windows[bound > self._peak]
        if len(candidates):
            self._peak = max(self._peak, self._largest(candidates))

    def _largest(self, windows: NDArray[np.float32]) -> float:
        """The largest value within cells, shape (n, cell + taps - 1)."""
        # Products small enough for BLAS to stay in this thread: waking others costs more than they do.
        whole = len(windows) - len(windows) % _PRODUCT
        groups = windows[:whole].reshape(-1, _PRODUCT, windows.shape[1])
        return max(
            float(np.abs(part @ self._matrix).max(initial=0.0)) for part in (groups, windows[whole:]) if len(part)
        )
