"""The pulse of the beats: how often their onsets repeat.

Onsets are rises of level in twelve bands (spectral flux): a hat over a long bass counts as much as a kick. Their
autocorrelation is read at a beat and its multiples, as a comb, and weighed by how usual a tempo is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.quantiles import median
from automix_mixer.engine.dsp.running import running_mean
from automix_mixer.engine.dsp.transforms import fast_size, irfft, powers, rfft
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.sound.pcm import BLOCK_FRAMES

SLOWEST_BPM, FASTEST_BPM = 70.0, 140.0
"""An octave: half and double the tempo are the same pulse to an echo."""

_SEARCHED_S, _LEAST_S = 90.0, 5.0
_SIZE, _HOP = 2_048, 512
_LOWEST_HZ, _HIGHEST_HZ, _BANDS = 40.0, 12_000.0, 12
_RANGE = 1e-6
"""Range of onsets under the highest power of a band: rises that lie 60 dB under it are ignored."""
_STEADY = 0.15
"""Rises under this, in decades of power (1.5 dB), are ignored: a held chord ripples by less."""
_USUAL_BPM, _OCTAVES = 105.0, 0.7
"""Centre and width of the weight on tempo; popular music lies around 120, and in this octave around 105."""
_TEETH = (0.5, 1.0, 2.0, 3.0, 4.0)
_FINE_TEETH = np.arange(1, 17)
_CLEAR, _STANDS_OUT = 0.06, 3.0
"""Least share of the onsets' energy that repeats, and least distance of the best tempo from the median of all, in units
of their spread."""


def pulse_bpm(beats: Sequence[Profile]) -> float | None:
    """Beats per minute between SLOWEST_BPM and FASTEST_BPM of all beats together; None without a pulse."""
    rate = beats[0].sample_rate / _HOP
    onsets = _onsets(beats)
    if onsets.size < _LEAST_S * rate or not onsets.any():
        return None
    power = powers(rfft(onsets, fast_size(2 * onsets.size)))
    correlation = irfft(power)[: onsets.size]
    # A lag has the fewer pairs the longer it is.
    correlation = correlation / correlation[0] * onsets.size / np.arange(onsets.size, 0, -1)
    lags = np.arange(onsets.size // 2)

    def repeats(bpm: npt.NDArray[np.float64], teeth: Sequence[float] | npt.NDArray[np.int_]) -> npt.NDArray[np.float64]:
        inside = [k for k in teeth if k * 60.0 / bpm[0] * rate < lags.size]
        found = [np.interp(k * 60.0 / bpm * rate, lags, correlation[: lags.size]) for k in inside]
        return np.asarray(np.mean(found, axis=0))

    bpm = np.arange(SLOWEST_BPM, FASTEST_BPM, 0.25)
    comb = repeats(bpm, _TEETH)
    score = comb * np.exp(-0.5 * (np.log2(bpm / _USUAL_BPM) / _OCTAVES) ** 2)
    best = int(np.argmax(score))
    spread = float(median(np.abs(comb - median(comb)))) + 1e-9
    if comb[best] < _CLEAR or comb[best] - median(comb) < _STANDS_OUT * spread:
        return None
    near = np.arange(bpm[best] * 0.99, bpm[best] * 1.01, 0.01)
    return float(near[int(np.argmax(repeats(near, _FINE_TEETH)))])


def _onsets(beats: Sequence[Profile]) -> npt.NDArray[np.float64]:
    """Mean rise of the bands, one value per hop, its slow part taken out; of the middle of the song."""
    rate = beats[0].sample_rate
    blocks = -(-max(p.frames for p in beats) // BLOCK_FRAMES)
    count = min(blocks, round(_SEARCHED_S * rate / BLOCK_FRAMES))
    picks = range((blocks - count) // 2, (blocks - count) // 2 + count)
    edges = np.geomspace(_LOWEST_HZ, min(_HIGHEST_HZ, 0.45 * rate), _BANDS + 1) * _SIZE / rate
    starts = np.maximum.accumulate(np.round(edges).astype(int))
    starts = starts + np.arange(starts.size)  # no band without a bin
    window = np.hanning(_SIZE).astype(np.float32)
    held, pieces = np.zeros(_SIZE - _HOP, np.float32), []
    for sounds in zip(*(p.pcm.picked(picks) for p in beats if p.pcm is not None), strict=True):
        block = np.concatenate([held, reduce(np.add, (reduce(np.add, s) / np.float32(len(s)) for s in sounds))])
        held = block[-(_SIZE - _HOP) :]
        frames = np.lib.stride_tricks.sliding_window_view(block, _SIZE)[::_HOP]
        spectra = powers(rfft(frames * window))
        pieces.append(np.add.reduceat(spectra[:, : starts[-1]], starts[:-1], axis=1))
    if not pieces:
        return np.zeros(0)
    power = np.concatenate(pieces).astype(np.float64)
    level = np.log10(np.maximum(power, _RANGE * power.max(axis=0) + 1e-20))
    rises = np.maximum(np.diff(level, axis=0, prepend=level[:1]) - _STEADY, 0.0)
    spread = rises.std(axis=0)
    onsets = (rises / np.where(spread > 0, spread, 1.0)).mean(axis=1)
    return np.asarray(onsets - running_mean(onsets, round(0.5 * rate / _HOP)))
