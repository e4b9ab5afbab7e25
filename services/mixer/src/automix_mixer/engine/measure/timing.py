"""How late a second take of a line is, moment by moment: its spectrum over time against the first one's.

Likeness is the correlation of levels in bands around a moment, for every lateness that is looked for; a path through it
that changes seldom (Viterbi) is a list of stretches with one lateness each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.running import running_mean, runs
from automix_mixer.engine.dsp.transforms import powers, rfft
from automix_mixer.engine.sound.pcm import Sound

FURTHEST_S = 0.12
"""Furthest that two takes of one line are apart."""
LEAST_S = 0.004
"""What is nearer than this is in time."""
JOINT_S = 0.012
"""Length of the cross-fade between two readings."""

_HOP_S, _FRAME_S = 0.004, 0.024
_BANDS_HZ = np.geomspace(120.0, 8_000.0, 23)
_FLOOR = 1e-4
"""Share of the power of a band's loudest moment, 40 dB under it: what has less is silent."""
_AROUND_S, _SLOW_S = 0.3, 0.8
"""Likeness is that of so much sound around a moment; levels count against their mean over the longer time."""
_CHANGE = 7.0
"""Hops of full likeness that another lateness has to win: it is worth a third of a syllable's."""
_ALIKE, _SHORTEST_S, _SAME_LINE = 0.6, 0.4, 0.5
"""Other words have up to 0.55 over half a second, and by chance 0.7: at least half of a double is alike."""
_JOIN_S, _BESIDE_S, _LONGEST_S = 0.5, 0.2, 30.0

Values = npt.NDArray[np.float64]
Read = Callable[[int, int], Values]
"""Frames from one number to another as mono sound; silence beyond the ends."""
Late = tuple[int, int, int]
"""First frame, one past the last, and by how many frames the second take is late there."""


def lateness(first: Read, second: Read, sung: npt.NDArray[np.bool_], step: int, sample_rate: int) -> list[Late]:
    """Where `second` is late (early, below 0) against `first`, in frames of `first`, in their order.

    `sung` tells for every step of so many frames whether the second take sings. What is in time, and what is not alike,
    is not in the list; a take of which less than half is alike sings another line, and has none.
    """
    found: list[Late] = []
    frames = 0
    for begin, end in _stretches(sung, step, sample_rate):
        found += _of_stretch(first, second, begin, end, sample_rate)
        frames += end - begin
    alike = sum(last - begin for begin, last, _ in found)
    if alike < _SAME_LINE * frames:
        return []
    return [late for late in found if abs(late[2]) >= LEAST_S * sample_rate]


def _stretches(sung: npt.NDArray[np.bool_], step: int, sample_rate: int) -> Iterator[tuple[int, int]]:
    """Frames of singing, with a little around; longer ones are cut, so that memory stays flat."""
    beside, longest = round(_BESIDE_S * sample_rate), round(_LONGEST_S * sample_rate)
    joined: list[tuple[int, int]] = []
    for first, last in runs(sung):
        begin, end = max(0, first * step - beside), last * step + beside
        if joined and begin - joined[-1][1] < (_JOIN_S - 2 * _BESIDE_S) * sample_rate:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    for begin, end in joined:
        count = -(-(end - begin) // longest)
        edges = [begin + (end - begin) * i // count for i in range(count + 1)]
        yield from pairwise(edges)


def _of_stretch(first: Read, second: Read, begin: int, end: int, sample_rate: int) -> list[Late]:
    """What is alike, in time or not."""
    hop = round(_HOP_S * sample_rate)
    furthest = round(FURTHEST_S / _HOP_S)
    count = (end - begin) // hop
    if count < 2 * furthest:
        return []
    one = _levels(first, begin, count, hop, sample_rate)
    other = _levels(second, begin - furthest * hop, count + 2 * furthest, hop, sample_rate)
    like = _likeness(one, other, furthest)
    path = _path(like)
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), count]
    out: list[Late] = []
    for start, stop in pairwise(edges):
        curve = like[start:stop].mean(axis=0)
        at = int(path[start])
        late = (_peak(curve, at) - furthest) * hop
        alike = curve[at] >= _ALIKE and 0 < at < curve.size - 1 and (stop - start) * _HOP_S >= _SHORTEST_S
        if alike:
            out.append((begin + start * hop, begin + stop * hop, round(late)))
    return out


def _levels(read: Read, begin: int, count: int, hop: int, sample_rate: int) -> Values:
    """Logarithms of band power at every hop against their slow means, shape (count, bands)."""
    size = 2 * round(_FRAME_S * sample_rate / 2)
    sound = read(begin - size // 2, begin + (count - 1) * hop + size - size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[::hop][:count]
    power = np.concatenate([powers(rfft(frames[i : i + 500] * np.hanning(size))) for i in range(0, count, 500)], axis=0)
    highest = np.clip(_BANDS_HZ, 0.0, 0.45 * sample_rate) * size / sample_rate
    edges = np.array(sorted({*np.round(highest).astype(int).tolist()}))
    bands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
    level = np.log(bands + _FLOOR * bands.max(axis=0) + 1e-12)
    width = round(_SLOW_S / _HOP_S)
    return np.stack([band - running_mean(band, width) for band in level.T], axis=1)


def _likeness(one: Values, other: Values, furthest: int) -> Values:
    """Correlation around every hop of `one` for each lateness, shape (hops, 2 furthest + 1)."""
    width = round(_AROUND_S / _HOP_S)
    count = one.shape[0]
    own = running_mean((one**2).sum(axis=1), width)
    every = running_mean((other**2).sum(axis=1), width)
    out = np.empty((count, 2 * furthest + 1))
    for late in range(2 * furthest + 1):
        product = running_mean((one * other[late : late + count]).sum(axis=1), width)
        out[:, late] = product / np.sqrt(own * every[late : late + count] + 1e-9)
    return out


def _path(like: Values) -> npt.NDArray[np.int64]:
    """The lateness at every hop, in hops from the earliest: the best sum of likeness, less what changes cost."""
    count, wide = like.shape
    # Of latenesses that are as good as each other the one in time is taken.
    prior = 1e-3 * np.abs(np.arange(wide) - wide // 2)
    best = like[0] - prior
    came = np.empty((count, wide), np.int64)
    own = np.arange(wide)
    for at in range(1, count):
        leap = int(np.argmax(best))
        stays = best >= best[leap] - _CHANGE
        came[at] = np.where(stays, own, leap)
        best = np.where(stays, best, best[leap] - _CHANGE) + like[at] - prior
    path = np.empty(count, np.int64)
    path[-1] = int(np.argmax(best))
    for at in range(count - 1, 0, -1):
        path[at - 1] = came[at, path[at]]
    return path


def _peak(curve: Values, at: int) -> float:
    """The place of the highest point near `at`, between its neighbours (a parabola through three)."""
    if not 0 < at < curve.size - 1:
        return float(at)
    before, here, after = curve[at - 1 : at + 2]
    bend = before - 2.0 * here + after
    return at + float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0.0 else float(at)


def joints(sound: Callable[[int, int], Sound], late: Sequence[Late], frames: int, fade: int) -> list[Late]:
    """The same stretches, their ends moved to where a change of lateness is heard least.

    There the two readings of the second take differ least: in a pause, or where they are in phase. `sound` reads its
    frames, of which there are `frames`; `fade` is the length of a cross-fade.
    """
    parts = _gapless(late, frames)
    edges = [0]
    for (start, end, one), (_, stop, other) in pairwise(parts):
        low = max(edges[-1] + fade, (start + end) // 2, end - 12 * fade)
        high = min((end + stop) // 2, end + 12 * fade)
        edges.append(_least(sound, low, high, one, other, fade) if high > low else max(end, edges[-1] + fade))
    edges.append(frames)
    return [(a, b, part[2]) for (a, b), part in zip(pairwise(edges), parts, strict=True) if part[2] and b > a]


def _gapless(late: Sequence[Late], frames: int) -> list[Late]:
    """The stretches with those in time between them."""
    out: list[Late] = []
    at = 0
    for start, end, by in late:
        if start > at:
            out.append((at, start, 0))
        out.append((start, end, by))
        at = end
    if at < frames:
        out.append((at, frames, 0))
    return out


def _least(sound: Callable[[int, int], Sound], low: int, high: int, one: int, other: int, fade: int) -> int:
    half = fade // 2
    readings = [sound(low - half + by, high + half + by).astype(np.float64) for by in (one, other)]
    apart = ((readings[0] - readings[1]) ** 2).sum(axis=0)
    total = np.concatenate([[0.0], np.cumsum(apart)])
    return low + int(np.argmin(total[2 * half :] - total[: total.size - 2 * half]))
