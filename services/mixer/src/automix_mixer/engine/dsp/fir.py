"""Linear-phase filters by overlap-save: one forward transform, one inverse for each output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from automix_mixer.engine.dsp.transforms import irfft, rfft
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES, Sound

HOP = 8_192
"""Frames per transform.

For up to 4,097 taps, transforms of 12,288 points with this hop were the fastest of nine sizes measured.
"""
FFT_SIZE = 12_288
MAX_TAPS = FFT_SIZE - HOP + 1
_HALF = MAX_TAPS // 2


class FirBank:
    """Several filters of one sound. Outputs come one block late: `latency` frames.

    A block needs the first frames of the next (half of the taps); with a whole block's latency nothing has to be
    shifted, neither what is filtered nor what runs beside it.
    `filters[i]` are the taps of output i for every channel, shape (taps,), or one filter per channel,
    shape (channels, taps). All blocks hold `frames` frames, a multiple of HOP. With `fold` the second half of the
    channels is added to the first behind the filters, before they are transformed back.
    """

    def __init__(
        self,
        channels: int,
        filters: Sequence[npt.NDArray[np.float32]],
        frames: int = BLOCK_FRAMES,
        *,
        fold: bool = False,
    ) -> None:
        taps = max(f.shape[-1] for f in filters)
        if taps > MAX_TAPS:
            raise ValueError(f"a filter of {taps} taps is longer than {MAX_TAPS}")
        self.latency, self._fold = frames, channels // 2 if fold else 0
        self._responses = [self._response(f) for f in filters]
        # The end of the block before, the block that is filtered now, and the beginning of the next.
        self._sound = np.zeros((channels, _HALF + frames + _HALF), np.float32)
        self._windows = sliding_window_view(self._sound, FFT_SIZE, axis=1, writeable=True)[:, ::HOP]
        self._spectrum = np.empty((*self._windows.shape[:2], FFT_SIZE // 2 + 1), np.complex64)
        self._product = np.empty_like(self._spectrum)

    def _response(self, taps: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
        padded = np.zeros((1 if taps.ndim == 1 else taps.shape[0], FFT_SIZE), np.float32)
        start = (MAX_TAPS - taps.shape[-1]) // 2
        padded[:, start : start + taps.shape[-1]] = taps
        return np.asarray(rfft(padded)[:, None, :], np.complex64)

    def process(self, block: Sound) -> list[Sound]:
        """Takes a block, shape (channels, frames), and returns the block before it through each filter.

        The answers are views in hops, shape (channels, frames / HOP, HOP), so that a caller who needs only energies or
        sums makes no copy. `whole` joins the hops.
        """
        frames, sound = self.latency, self._sound
        sound[:, _HALF + frames :] = block[:, :_HALF]
        rfft(self._windows, out=self._spectrum)
        outputs = []
        for response in self._responses:
            product = np.multiply(self._spectrum, response, out=self._product)
            if self._fold:
                product[: self._fold] += product[self._fold :]
                product = product[: self._fold]
            outputs.append(irfft(product)[:, :, MAX_TAPS - 1 :])
        sound[:, :_HALF] = sound[:, frames : frames + _HALF]
        sound[:, _HALF : _HALF + frames] = block
        return outputs


def whole(hops: Sound) -> Sound:
    """Hops joined to a block, shape (channels, frames)."""
    return np.ascontiguousarray(hops).reshape(hops.shape[0], -1)
