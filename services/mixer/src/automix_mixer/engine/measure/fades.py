"""Fades in a recording. They are somebody's decision, and levelling would undo them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from automix_mixer.engine.dsp.bands import to_db
from automix_mixer.engine.dsp.quantiles import median
from automix_mixer.engine.measure.activity import smoothed
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import Curve

Points = list[list[float]]
"""[second, gain in dB] of the corners of a curve, level before the first and after the last."""

Values = npt.NDArray[np.float64]

_SEARCHED_S, _LONGEST_S, _SHORTEST_S, _LEAST_BODY_S = 60.0, 40.0, 1.5, 2.0
_LEAST_DROP_DB = 12.0
"""A fade falls by at least this much. A last phrase that is sung softly falls by less, or falls at once."""
_DEEPEST_DB = 40.0
_EXPLAINS, _STEADIER = 0.4, 0.8
"""Largest share of the squared deviations that a fade may leave, compared with one constant level, and with one level
followed by another. Singing that ends softly leaves more."""
_SYLLABLE_S, _WINDOW_S, _PAUSE_DB = 0.5, 0.4, 9.0
"""Half seconds whose loudest moment lies this far under those around them are pauses and consonants."""
_LEAST_SYLLABLES, _BODY_S = 8, 20.0
_CORNERS = 24


def _decibels(gain: Values) -> Values:
    return np.asarray(20.0 * np.log10(np.maximum(gain, 1e-3)))


# The shapes of fades that sound editors draw, as functions of the share of the fade that has passed.
_SHAPES: tuple[Callable[[Values], Values], ...] = (
    lambda u: _decibels(1.0 - u),
    lambda u: -60.0 * u,
    lambda u: _decibels(0.5 + 0.5 * np.cos(np.pi * u)),
    lambda u: _decibels(np.cos(0.5 * np.pi * u)),
    lambda u: _decibels((1.0 - u) ** 2),
)
_BEYOND = (0.0, 0.03, 0.1, 0.3)
"""A fade may go on after the last sound by this share of its length."""


def find_fades(k_steps: CurveFile, step: int, sample_rate: int) -> Points:
    """Corners of a fade-in and a fade-out of a curve of K-energy; empty where there is none."""
    rate = sample_rate / step
    length = round(_SEARCHED_S * rate)
    beginning, start = k_steps.read(0, length), max(0, k_steps.size - length)
    turned = _fade_out(beginning[::-1], rate)
    fade_in = [[max(0.0, beginning.size / rate - t), g] for t, g in reversed(turned)]
    fade_out = [[start / rate + t, g] for t, g in _fade_out(k_steps.read(start, k_steps.size), rate)]
    if fade_in and fade_out and fade_in[-1][0] >= fade_out[0][0]:
        return fade_out
    return fade_in + fade_out


def gain_db_at(points: Points, seconds: Values) -> Values:
    """Gain of the fades in dB at times in seconds; 0 without a fade. Shape stays."""
    if not points:
        return np.zeros(seconds.size)
    times, gains = np.array(points).T
    return np.asarray(np.interp(seconds, times, gains))


def _fade_out(k_steps: Curve, rate: float) -> Points:
    seconds, level = _syllables(k_steps, rate)
    if level.size < _LEAST_SYLLABLES:
        return []
    end = float(seconds[-1])
    if end < _SHORTEST_S + _LEAST_BODY_S or level[-3:].max() > median(level) - 0.6 * _LEAST_DROP_DB:
        return []
    best = np.inf
    for begin in np.arange(max(_LEAST_BODY_S, end - _LONGEST_S), end - _SHORTEST_S, 0.25):
        body = level[(seconds <= begin) & (seconds > begin - _BODY_S)]
        if body.size < 3:
            continue
        offset = float(median(body))
        for beyond in _BEYOND:
            u = np.clip((seconds - begin) / ((1.0 + beyond) * (end - begin)), 0.0, 1.0)
            for shape in _SHAPES:
                error = _scatter(level - offset - np.maximum(shape(u), -_DEEPEST_DB - 10.0))
                if error < best:
                    best, fitted = error, (float(begin), beyond, shape, offset)
    begin, beyond, shape, offset = fitted
    # Corners lie closer where a fade is steeper.
    u = 1.0 - np.square(np.linspace(1.0, 0.0, _CORNERS))
    times, gains = begin + u * (1.0 + beyond) * (end - begin), np.maximum(shape(u), -_DEEPEST_DB)
    drop = -float(np.interp(end, times, gains))
    inside = level[seconds > begin] - offset
    # The alternative is one level up to some moment and another one after it: an ending that is sung softly.
    steps = [_scatter(inside[:i]) + _scatter(inside[i:] - median(inside[i:])) for i in range(inside.size)]
    stays = _scatter(level[seconds <= begin] - offset)
    left = best - stays
    if drop < _LEAST_DROP_DB or left > _EXPLAINS * _scatter(inside) or left > _STEADIER * min(steps):
        return []
    return [[float(t), float(g)] for t, g in zip(times, gains, strict=True)]


def _syllables(k_steps: Curve, rate: float) -> tuple[Values, Values]:
    """The loudest moment of every half second that sounds: when, and its level in dB."""
    level = to_db(smoothed(k_steps, max(1, round(_WINDOW_S * rate))))
    size = max(1, round(_SYLLABLE_S * rate))
    if level.size < size:
        return np.zeros(0), np.zeros(0)
    blocks = level[: level.size // size * size].reshape(-1, size)
    loudest = blocks.max(axis=1, initial=-200.0)
    around = sliding_window_view(np.pad(loudest, 2, mode="edge"), 5).max(axis=1)
    kept = (loudest > around - _PAUSE_DB) & (loudest > max(loudest.max(initial=-200.0) - _DEEPEST_DB, -150.0))
    where = np.flatnonzero(kept)
    return (where * size + blocks[where].argmax(axis=1)) / rate, loudest[where]


def _scatter(levels: Values) -> float:
    """Squared deviations; a single one counts as 8 dB at most."""
    return float(np.square(np.clip(levels, -8.0, 8.0)).sum())
