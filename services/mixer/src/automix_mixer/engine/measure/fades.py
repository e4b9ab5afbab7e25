"""Fades in a recording. They are somebody's decision, and levelling would undo them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.bands import to_db
from automix_mixer.engine.dsp.quantiles import median
from automix_mixer.engine.measure.activity import smoothed
from automix_mixer.engine.sound.curve_file import CurveFile
from automix_mixer.engine.sound.pcm import Curve

Points = list[list[float]]
"""[second, gain in dB] of the corners of a curve, level before the first and after the last."""

Values = npt.NDArray[np.float64]

_SEARCHED_S, _LONGEST_S, _SHORTEST_S, _LEAST_BODY_S = 60.0, 40.0, 0.9, 2.0
_LENGTHS_S = np.geomspace(_SHORTEST_S, _LONGEST_S, 56)
_LEAST_DROP_DB, _RELEASE_S = 10.5, 0.25
"""A fade has fallen by this much this long before its end: a note that merely ends falls within that time, and a last
phrase that is sung softly falls by less."""
_DEEPEST_DB, _HEARD_DB = 40.0, 38.0
_SOUNDS = 1e-7
"""Energy of a step against that of the loudest. What is softer before and behind a voice is silence."""
_REST_DB, _REST_S, _REST_SHARE = 50.0, 4.0, 0.5
"""Sound less than the first under the voice that lasts longer than the second after the end of a fade, and than this
share of its length, means that it was none."""
_EXPLAINS, _STEADIER, _SCATTER_DB = 0.25, 0.7, 3.2
"""Largest share of the squared deviations that a fade may leave, compared with one constant level, and with one level
followed by another; and what it may leave at all. Singing that ends softly leaves more."""
_HOP_S, _WINDOW_S, _SYLLABLE_HOPS, _NEAR_DB = 0.05, 0.1, 10, 3.0
_BODY_S, _BODY_DB, _LEAST_SYLLABLES = 20.0, 12.0, 3
"""What a voice's level was before a fade: the median of the loudest moments of its half seconds, without those that lie
further than `_BODY_DB` under the loudest of them."""
_SOFTER_DB, _LOUDER_DB, _FREE_DB = 5.0, 4.0, 1.0
_OFFSET_MOMENTS, _OFFSET_SHARE = 8.0, 0.5
"""How far the level under a fade may lie from that before it. What exceeds the third counts as one deviation of so many
moments and of this share of those in the fade: the longer it is, the less does its level differ by chance."""
_LEAST_MOMENTS, _SILENT_DB = 6, -110.0
_CORNERS = 24


def _decibels(gain: Values) -> Values:
    return np.asarray(20.0 * np.log10(np.maximum(gain, 1e-3)))


# The shapes of fades that sound editors draw, as functions of the share of the fade that has passed.
_SHAPES: tuple[Callable[[Values], Values], ...] = (
    lambda u: _decibels(1.0 - u),
    lambda u: _decibels(1.0 - (1.0 - 10**-1.5) * u),
    lambda u: -30.0 * u,
    lambda u: -40.0 * u,
    lambda u: -60.0 * u,
    lambda u: _decibels(0.5 + 0.5 * np.cos(np.pi * u)),
    lambda u: _decibels((1.0 / (1.0 + np.exp(12.0 * u - 6.0)) - 0.0025) / 0.995),
    lambda u: _decibels(np.cos(0.5 * np.pi * u)),
    lambda u: _decibels((1.0 - u) ** 2),
)
_BEYOND = (0.0, 0.05, 0.15, 0.4)
"""A fade may go on after the last sound by this share of its length."""


def find_fades(k_steps: CurveFile, step: int, sample_rate: int) -> Points:
    """Corners of a fade-in and a fade-out of a curve of K-energy; empty where there is none."""
    rate = sample_rate / step
    length = round(_SEARCHED_S * rate)
    first, last = _sounding(k_steps)
    beginning, start = k_steps.read(first, min(last, first + length)), max(first, last - length)
    turned = _fade_out(beginning[::-1], rate)
    fade_in = [[max(0.0, (first + beginning.size) / rate - t), g] for t, g in reversed(turned)]
    fade_out = [[start / rate + t, g] for t, g in _fade_out(k_steps.read(start, last), rate)]
    if fade_in and fade_out and fade_in[-1][0] >= fade_out[0][0]:
        return fade_out
    return fade_in + fade_out


def gain_db_at(points: Points, seconds: Values) -> Values:
    """Gain of the fades in dB at times in seconds; 0 without a fade. Shape stays."""
    if not points:
        return np.zeros(seconds.size)
    times, gains = np.array(points).T
    return np.asarray(np.interp(seconds, times, gains))


def _sounding(k_steps: CurveFile) -> tuple[int, int]:
    """The first step that sounds, and the one after the last: a voice may be silent for most of a song."""
    least = _SOUNDS * max((float(k.max(initial=0.0)) for _, k in k_steps.pieces()), default=0.0)
    ends = [start + np.flatnonzero(k > least)[[0, -1]] for start, k in k_steps.pieces() if (k > least).any()]
    return (int(ends[0][0]), int(ends[-1][1]) + 1) if ends else (0, 0)


def _fade_out(k_steps: Curve, rate: float) -> Points:
    size = max(1, round(_HOP_S * rate))
    hop, count = size / rate, k_steps.size // size
    skipped = k_steps.size - count * size
    level = to_db(smoothed(k_steps, round(_WINDOW_S * rate)))[skipped:].reshape(count, size).max(axis=1, initial=-200.0)
    loudest = level[: count // _SYLLABLE_HOPS * _SYLLABLE_HOPS].reshape(-1, _SYLLABLE_HOPS).max(axis=1, initial=-200.0)
    body = _body_db(loudest)
    if body is None or body < _SILENT_DB:
        return []
    end = int(np.flatnonzero(level > body - _HEARD_DB)[-1]) + 1
    rest = int(np.flatnonzero(level > body - _REST_DB)[-1]) + 1
    # The loudest that is still to come: pauses and consonants lie under it, and it only falls.
    coming = np.maximum.accumulate(level[:end][::-1])[::-1]
    last = max(0, end - round(_RELEASE_S / hop))
    if body - coming[last] < _LEAST_DROP_DB:
        return []
    kept = np.flatnonzero(level[:end] > coming - _NEAR_DB)
    kept = kept[kept >= end - round((_LONGEST_S + _LEAST_BODY_S) / hop)]
    fit = _fitted(level[kept], np.asarray((kept + 0.5) * hop, np.float64), end * hop, loudest, _SYLLABLE_HOPS * hop)
    if fit is None or not _is_fade(fit, level[kept], kept < last):
        return []
    if (rest - end) * hop > max(_REST_S, _REST_SHARE * fit.length):
        return []
    # Corners lie closer where a fade is steeper.
    u = 1.0 - np.square(np.linspace(1.0, 0.0, _CORNERS))
    times, gains = skipped / rate + fit.begin + u * fit.length, np.maximum(fit.shape(u), -_DEEPEST_DB)
    # Behind what sounds there is noise, which was never louder.
    stop = skipped / rate + rest * hop
    faded = [[float(t), float(g)] for t, g in zip(times, gains, strict=True) if t < stop]
    return [*faded, [stop, float(np.interp(stop, times, gains))], [stop + _RELEASE_S, 0.0]]


def _body_db(loudest: Values) -> float | None:
    sounding = loudest[loudest > loudest.max(initial=-200.0) - _BODY_DB]
    return float(median(sounding)) if sounding.size >= _LEAST_SYLLABLES else None


@dataclass(frozen=True)
class _Fit:
    """A fade under a voice of a level in dB, and what it leaves in dB at each moment, those before it included."""

    begin: float
    length: float
    shape: Callable[[Values], Values]
    offset: float
    inside: npt.NDArray[np.bool_]
    left: Values


def _fitted(level: Values, seconds: Values, end: float, loudest: Values, syllable: float) -> _Fit | None:
    best, fit = np.inf, None
    for sounding in _LENGTHS_S[: np.searchsorted(_LENGTHS_S, end - _LEAST_BODY_S)]:
        begin = end - float(sounding)
        body = _body_db(loudest[max(0, int((begin - _BODY_S) / syllable)) : int(begin / syllable)])
        inside = seconds > begin
        if body is None or np.count_nonzero(inside) < _LEAST_MOMENTS:
            continue
        before = _scatter(np.minimum(level[~inside] - body + _FREE_DB, 0.0))
        for beyond in _BEYOND:
            length = (1.0 + beyond) * float(sounding)
            u = (seconds[inside] - begin) / length
            for shape in _SHAPES:
                level_then = level[inside] - np.maximum(shape(u), -_DEEPEST_DB - 10.0)
                offset = float(np.clip(median(level_then), body - _SOFTER_DB, body + _LOUDER_DB))
                strain = (_OFFSET_MOMENTS + _OFFSET_SHARE * u.size) * max(0.0, abs(offset - body) - _FREE_DB) ** 2
                error = before + _scatter(level_then - offset) + strain
                if error < best:
                    best, fit = error, _Fit(begin, length, shape, offset, inside, level_then - offset)
    return fit


def _is_fade(fit: _Fit, level: Values, steady: npt.NDArray[np.bool_]) -> bool:
    """Whether a fade explains the moments before the release of the last note better than levels that stay."""
    left = _scatter(fit.left[steady[fit.inside]])
    fallen = level[fit.inside & steady] - fit.offset
    if fallen.size < _LEAST_MOMENTS // 2:
        return False
    # The alternative is one level up to some moment and another one after it: an ending that is sung softly.
    steps = [_scatter(fallen[:i]) + _scatter(fallen[i:] - median(fallen[i:])) for i in range(fallen.size)]
    spread = _SCATTER_DB**2 * fallen.size
    return left < min(_EXPLAINS * _scatter(fallen), _STEADIER * min(steps), spread)


def _scatter(levels: Values) -> float:
    """Squared deviations; a single one counts as 8 dB at most."""
    return float(np.square(np.clip(levels, -8.0, 8.0)).sum())
