"""A vocal's phrases, and the fader rides that bring them to one level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from automix_mixer.engine.dsp.running import runs
from automix_mixer.engine.measure.activity import active_steps
from automix_mixer.engine.measure.loudness import lufs
from automix_mixer.engine.sound.curve_file import CurveFile

_JOIN_S, _SHORTEST_S, _LONGEST_S = 0.35, 0.25, 5.0
"""A breath takes less than a third of a second, a sung syllable a quarter.

With phrases of at most 5 s their spread on the test lead falls to a quarter; the compressor handles anything shorter.
"""
_STRETCHED_FROM_S = 1_800.0
"""Half an hour: of longer recordings the phrases grow with the length, so that a plan has at most 3,000 of them."""
_RUN_S = 60.0
"""A longer run is first cut into stretches of this length, because the search for its softest moment costs the square
of its length."""


@dataclass(frozen=True)
class Phrase:
    """A stretch of singing: steps [start, end) and its K-weighted loudness."""

    start: int
    end: int
    lufs: float


def find_phrases(k_steps: CurveFile, integrated_lufs: float, step: int, sample_rate: int) -> list[Phrase]:
    """Stretches of singing; pauses under 0.35 s do not end a phrase, and one over 5 s is cut at its softest moment."""
    # Steps of a second, or of the longer one by which a long recording is measured.
    per_second = sample_rate / step * max(1.0, k_steps.size * step / sample_rate / _STRETCHED_FROM_S)
    joined: list[tuple[int, int]] = []
    for start, end in runs(active_steps(k_steps, integrated_lufs, step, sample_rate)):
        if joined and start - joined[-1][1] < _JOIN_S * per_second:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    pieces = [p for run in joined for p in _split(k_steps, *run, per_second)]
    return [
        Phrase(start, end, lufs(float(k_steps.read(start, end).mean(dtype=np.float64)) / step))
        for start, end in pieces
        if end - start >= _SHORTEST_S * per_second
    ]


def ride_gains(phrases: list[Phrase], strength: float, limit_db: float) -> list[float]:
    """Gain in dB for each phrase towards their median loudness (weighted by length), at most `limit_db` either way."""
    if not phrases:
        return []
    order = sorted(phrases, key=lambda p: p.lufs)
    lengths = np.cumsum([p.end - p.start for p in order])
    middle = order[int(np.searchsorted(lengths, lengths[-1] / 2))].lufs
    return [float(np.clip(strength * (middle - p.lufs), -limit_db, limit_db)) for p in phrases]


def _split(k_steps: CurveFile, start: int, end: int, per_second: float) -> list[tuple[int, int]]:
    if end - start <= _LONGEST_S * per_second:
        return [(start, end)]
    # Not near the ends: a cut leaves two phrases of at least a second and a half.
    margin = int(1.5 * per_second)
    window = max(1, int(0.1 * per_second))
    searched = min(end, start + int(_RUN_S * per_second))
    level = np.convolve(k_steps.read(start, searched), np.ones(window), mode="same")[margin : searched - start - margin]
    if searched < end:
        level[: level.size // 2] = np.inf
    cut = start + margin + int(level.argmin())
    return [*_split(k_steps, start, cut, per_second), *_split(k_steps, cut, end, per_second)]


def spread_lu(rides: list[list[float]], k_steps: CurveFile, step: int, sample_rate: int) -> tuple[float, float]:
    """Standard deviation of phrase loudness before and after the rides, LU."""
    levels, gains = [], []
    for start_s, end_s, gain in rides:
        piece = k_steps.read(int(start_s * sample_rate / step), int(end_s * sample_rate / step))
        if piece.size and piece.any():
            levels.append(lufs(float(piece.mean(dtype=np.float64)) / step))
            gains.append(gain)
    if not levels:
        return 0.0, 0.0
    return float(np.std(levels)), float(np.std(np.array(levels) + gains))
