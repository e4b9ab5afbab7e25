"""The pitch of one voice over time: YIN (de Cheveigné and Kawahara 2002), by FFT."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

HOP_S = 0.01
_WINDOW_S = 0.04
"""Length of the window: three periods of the lowest note."""
_LOW_HZ, _HIGH_HZ = 75.0, 1_000.0
_DIP, _SILENT = 0.15, 1e-6
"""The first dip of the normalised difference under 0.15 is the period; -60 dBFS and less has none."""
_PIECE = 1_000

Values = npt.NDArray[np.float64]
Read = Callable[[int, int], Values]
"""Frames from one number to another as mono sound; silence beyond the ends."""


def track_hz(read: Read, frames: int, sample_rate: int) -> Values:
    """Frequency in Hz at every multiple of 10 ms; 0 where nothing is sung. Shape (hops,)."""
    hop, window = round(HOP_S * sample_rate), round(_WINDOW_S * sample_rate)
    longest = int(sample_rate / _LOW_HZ) + 2
    count = frames // hop + 1
    out = np.zeros(count)
    for first in range(0, count, _PIECE):
        hops = np.arange(first, min(count, first + _PIECE))
        start = int(hops[0]) * hop - (window + longest) // 2
        sound = read(start, int(hops[-1]) * hop + (window + longest) // 2 + longest)
        places = (hops * hop - int(hops[0]) * hop)[:, None] + np.arange(window + longest)
        out[hops] = _periods(sound[places], window, longest, sample_rate)
    return _without_slips(out)


def _periods(pieces: Values, window: int, longest: int, sample_rate: int) -> Values:
    """Periods of pieces in frames; pieces have the shape (n, window + longest)."""
    size = 1 << int(np.ceil(np.log2(window + longest)))
    head = np.fft.rfft(pieces[:, :window], size)
    product = np.fft.irfft(np.fft.rfft(pieces, size) * np.conj(head), size)[:, :longest]
    squares = np.concatenate([np.zeros((len(pieces), 1)), np.cumsum(pieces**2, axis=1)], axis=1)
    energy = squares[:, window : window + longest] - squares[:, :longest]
    difference = np.maximum(energy[:, :1] + energy - 2.0 * product, 0.0)
    lags = np.arange(1, longest)
    mean = np.cumsum(difference[:, 1:], axis=1) / lags
    normal = np.ones_like(difference)
    normal[:, 1:] = difference[:, 1:] / np.maximum(mean, 1e-12)
    shortest = int(sample_rate / _HIGH_HZ)
    inner = normal[:, shortest:-1]
    dips = (inner <= normal[:, shortest - 1 : -2]) & (inner < normal[:, shortest + 1 :]) & (inner < _DIP)
    found = dips.any(axis=1) & (energy[:, 0] > _SILENT * window)
    at = np.argmax(dips, axis=1) + shortest
    rows = np.arange(len(pieces))
    # The parabola is fitted to the plain difference, because the slope of the normalisation would move its minimum.
    before, here, after = (difference[rows, np.clip(at + k, 0, longest - 1)] for k in (-1, 0, 1))
    bend = before - 2.0 * here + after
    shift = np.where(bend > 0.0, 0.5 * (before - after) / np.where(bend > 0.0, bend, 1.0), 0.0)
    return np.where(found, sample_rate / (at + np.clip(shift, -0.5, 0.5)), 0.0)


def _without_slips(hz: Values) -> Values:
    """Removes single frames that leap from both neighbours: they are octave errors."""
    padded = np.pad(hz, 1)
    before, after = padded[:-2], padded[2:]
    alone = (hz > 0) & (_apart(hz, before) > 3.0) & (_apart(hz, after) > 3.0)
    return np.where(alone, 0.0, hz)


def _apart(one: Values, other: Values) -> Values:
    """Distance of two frequencies in semitones; a very large number where one of them is 0."""
    both = (one > 0) & (other > 0)
    return np.where(both, np.abs(12.0 * np.log2(np.where(both, one, 1.0) / np.where(both, other, 1.0))), 100.0)


def semitones(hz: Values) -> Values:
    """Semitones over C of the lowest octave (MIDI note numbers), tuned to 440 Hz; NaN where there is no pitch."""
    with np.errstate(divide="ignore"):
        return np.where(hz > 0, 69.0 + 12.0 * np.log2(hz / 440.0), np.nan)
