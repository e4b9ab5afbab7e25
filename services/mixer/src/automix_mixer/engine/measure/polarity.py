"""Where one channel of a recording is upside down: its right is the negative of its left.

Such a sound is loud on two loudspeakers and vanishes on one. It comes from a cable or a plug-in, in a whole recording
or in a take that was pasted into it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.running import runs
from automix_mixer.engine.inversions import LONG_S, SHORT_S
from automix_mixer.engine.sound.pcm import Sound
from automix_mixer.engine.sound.workspace import Workspace

POLARITY_FRAMES = 2_048
"""Frames over which the channels are compared at a time; divides a block."""

Spans = tuple[tuple[int, int], ...]

_ALIKE = -0.5
"""Threshold for the correlation of the channels: inverted sound has -1, wide sound about 0.

Over a second no sound of the test recordings is under -0.2.
"""
_SEEMING_S = 0.2
"""Threshold for the correlation times the seconds where sound that is upside down seems upright: two seconds at 0.1."""
_SOFTEST_DB = -50.0
_AROUND_S = 0.5
"""Half of the time over which channels are compared."""
_SAME = 0.98
"""Correlation of channels that are the same, for stretches under LONG_S. Tones of a chorus or of a delay between the
channels turn slowly, or never so far in all of their partials (none of 36 recordings did, made wider, delayed, in a
chorus and in a hall)."""
_LOUD = 0.05
"""Least energy of such a word against that of the sound: what rings softly after a sound may be opposite."""
_BORDERS = 2
"""Frames of POLARITY_FRAMES that may lie across a border."""
_CROSSFADE = 256


class PolarityMeter:
    """Feed stereo blocks, shape (2, n), n a multiple of POLARITY_FRAMES, with their energies, then read the spans."""

    def __init__(self, workspace: Workspace) -> None:
        # For every block its three rows of sums: of an hour they are too many for memory.
        self._sums, self._columns, self._size = workspace.curve(), 1, 0

    def process(self, block: Sound, energies: npt.NDArray[np.float32]) -> None:
        """`energies` of both channels in steps of one length, which divides POLARITY_FRAMES; shape (2, steps)."""
        left, right = block.reshape(2, -1, POLARITY_FRAMES)
        own = energies.reshape(2, len(left), -1).sum(axis=2)
        sums = np.stack([*own, np.einsum("ij,ij->i", left, right)])
        self._columns, self._size = sums.shape[1], self._size + sums.size
        self._sums.append(sums.reshape(-1))

    def spans(self, sample_rate: int, frames: int, least_s: float = SHORT_S) -> Spans:
        """First frame and one past the last of every stretch that is upside down, and as long as `least_s` or LONG_S.

        One that lasts to the end of the sound ends beyond it.
        """
        if not self._size:
            return ()
        sums = self._sums.curve(self._size).read().reshape(-1, 3, self._columns).transpose(1, 0, 2).reshape(3, -1)
        hop = POLARITY_FRAMES / sample_rate
        around = np.ones(2 * max(1, round(_AROUND_S / hop)) + 1)
        short = _short(sums, hop, least_s) if least_s < LONG_S else []
        left, right, product = (np.convolve(s, around)[around.size // 2 :][: s.size] for s in sums)
        energy = left + right
        heard = (energy > energy.max(initial=0.0) * 10 ** (_SOFTEST_DB / 10)) & (
            np.minimum(left, right) > 1e-3 * energy
        )
        del energy
        correlation = np.multiply(left, right, out=left)
        np.maximum(np.sqrt(correlation, out=correlation), 1e-20, out=correlation)
        np.divide(product, correlation, out=correlation)
        opposite = heard & (correlation < _ALIKE)
        if not short and not opposite.any():
            return ()
        sign = opposite * np.int8(-1) + (heard & (correlation > 0.0))
        inverted = _continued(sign) < 0
        if (
            np.count_nonzero(sign < 0) > heard.sum() / 2
            and correlation[sign > 0].sum() * hop < _SEEMING_S
            and not np.any(heard & (correlation > -_ALIKE))
        ):
            # The whole recording is upside down. Where it seems upright for a moment, the sound itself is wide.
            inverted[:] = True
        found = runs(inverted)
        whole = [run for run in found if run == (0, inverted.size)]
        sharp = [
            (_turn(sums[2], a, around.size, falls=True), _turn(sums[2], b, around.size, falls=False))
            for a, b in found
            if np.count_nonzero(sign[a:b] < 0) * hop >= LONG_S
        ]
        if not whole:
            # Neighbours may overlap once their borders are sharp.
            turned = np.zeros(inverted.size, bool)
            for a, b in (*sharp, *short):
                turned[a:b] = True
            whole = runs(turned)
        spans = ((a * POLARITY_FRAMES, b * POLARITY_FRAMES) for a, b in whole)
        return tuple((a, b if b < frames else frames + _CROSSFADE) for a, b in spans)


def _short(sums: npt.NDArray[np.float32], hop: float, least_s: float) -> list[tuple[int, int]]:
    """Stretches of `least_s` whose channels are opposite, between such as are the same; `hop` is one sum's seconds."""
    left, right, product = sums
    energy = np.add(left, right, dtype=np.float64)
    heard = np.flatnonzero(
        (energy > energy.max(initial=0.0) * 10 ** (_SOFTEST_DB / 10)) & (np.minimum(left, right) > 1e-3 * energy)
    )
    alike = left[heard].astype(np.float64)
    alike *= right[heard]
    np.maximum(np.sqrt(alike, out=alike), 1e-20, out=alike)
    np.divide(product[heard], alike, out=alike)
    found = []
    for a, b in runs(alike < 0.0):
        before, within, after = alike[max(0, a - _BORDERS) : a], alike[a + 1 : b - 1], alike[b : b + _BORDERS]
        if (
            (b - a) * hop >= least_s
            and within.size
            and np.all(within < -_SAME)
            and energy[heard[a:b]].mean() > _LOUD * energy[heard].mean()
            and after.size
            and all(side.max(initial=-1.0) > _SAME for side in (before, after) if side.size)
        ):
            found.append((int(heard[a]), int(heard[b - 1]) + 1))
    return found


def _continued(sign: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Gives undecided places (0) the value before them, and those at the beginning the value after them."""
    known = np.flatnonzero(sign)
    if not known.size:
        return sign
    last = np.maximum.accumulate(np.where(sign != 0, np.arange(sign.size), -1))
    return np.asarray(sign[np.where(last < 0, known[0], last)])


def _turn(product: npt.NDArray[np.float32], near: int, around: int, *, falls: bool) -> int:
    """The border near `near` that best separates positive from negative products."""
    if near in (0, product.size):
        return near
    low, high = max(0, near - around), min(product.size, near + around)
    sums = np.concatenate([[0.0], np.cumsum(product[low:high], dtype=np.float64)])
    return low + int(sums.argmax() if falls else sums.argmin())


def upright(block: Sound, first: int, spans: Sequence[tuple[int, int]]) -> Sound:
    """A stereo block, which begins at frame `first` of its recording, with its right channel turned in the spans."""
    end = first + block.shape[1]
    for a, b in spans:
        if a >= end or b <= first:
            continue
        frame = np.arange(max(a, first), min(b, end), dtype=np.float32)
        # The gain goes through zero at the borders inside the sound.
        inside = np.minimum(frame - a if a else np.inf, b - 1 - frame)
        gain = 1.0 - 2.0 * np.clip(inside / _CROSSFADE, 0.0, 1.0)
        block = block.copy()
        block[1, max(a, first) - first : min(b, end) - first] *= gain.astype(np.float32)
    return block
