"""Powers of several tracks at the same moments, in third octaves, in pieces spread over the song.

A cell is a third octave in a frame of 93 ms. A track is heard in a cell where it lies at most 6 dB under all others
together; its audibility is the share of its own energy in such cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.bands import BAND_HZ, band_bins, k_weight_db
from automix_mixer.engine.dsp.transforms import powers, rfft
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES

Cells = npt.NDArray[np.float64]
"""K-weighted powers, shape (tracks, 2, bands, frames); the second axis is mid and side."""

_BLOCKS = 40
_FRAME = 4_096
_HEARD = 10**-0.6


def measure_cells(profiles: Sequence[Profile]) -> Cells:
    """Measures tracks at the levels of their files, in pieces spread evenly over the longest one."""
    rate = profiles[0].sample_rate
    size = _FRAME if rate <= 48_000 else 2 * _FRAME
    blocks = -(-max(p.frames for p in profiles) // BLOCK_FRAMES)
    picks = sorted({int(i) for i in np.linspace(0, blocks - 1, min(blocks, _BLOCKS)).round()})
    hz = np.arange(size // 2 + 1) * rate / size
    weight = 10 ** (k_weight_db(hz) / 10)
    window = np.hanning(size).astype(np.float32)
    bins = band_bins(rate, size)
    out = np.zeros((len(profiles), 2, BAND_HZ.size, len(picks) * (BLOCK_FRAMES // size)))
    for i, profile in enumerate(profiles):
        if profile.pcm is None:
            continue
        pieces = []
        for block in profile.pcm.picked(picks):
            left, right = block[0], block[-1]
            pair = np.stack([left + right, left - right]) * np.float32(0.5)
            frames = pair[:, : BLOCK_FRAMES // size * size].reshape(2, -1, size)
            pieces.append(powers(rfft(frames * window)) * weight)
        power = np.concatenate(pieces, axis=1)
        total = np.concatenate([np.zeros((*power.shape[:2], 1)), np.cumsum(power, axis=-1, dtype=np.float64)], axis=-1)
        out[i] = (total[:, :, bins[1:]] - total[:, :, bins[:-1]]).transpose(0, 2, 1)
    return out


def audibility(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Audibility of each track, 0 to 1, from powers of shape (tracks, bands, frames); 1 for a silent track."""
    total = power.sum(axis=0)
    heard = power >= (total - power) * _HEARD
    own = power.sum(axis=(1, 2))
    return np.where(own > 0, (power * heard).sum(axis=(1, 2)) / np.maximum(own, 1e-30), 1.0)
