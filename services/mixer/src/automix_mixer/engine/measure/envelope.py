"""Resonances of a voice, whatever notes are sung, from an envelope through the tops of its harmonics.

A long-term spectrum has a peak at every note that is sung often. The height of a harmonic over its neighbours depends
on the mouth and the room at that frequency, and not on the notes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.dsp.running import gaussian_mean
from automix_mixer.engine.dsp.transforms import irfft

STEPS_HZ = 200.0 * 2.0 ** (np.arange(64) / 12.0)
"""Semitones from 200 Hz to 7.6 kHz."""
NARROW, WIDE = 0.8, 6.0
"""Widths in semitones of the Gaussian means for what stands out and for its surroundings."""

_PITCH_HZ = (75.0, 1_000.0)
_VOICED = 0.08
"""Least height of the cepstral peak of a sung frame, in natural logarithms of power: sung vowels have 0.1 to 0.5."""
_FIRST_PEAK = 0.75
"""The pitch period is the shortest one whose peak has this share of the highest; longer ones are multiples of it."""
_HIGHEST_HZ = 9_000.0
_CEPSTRUM_HZ = 5_000.0
_LEAST_HARMONICS = 4
_FROM_PITCH = 2.5
"""Harmonics count from this multiple of the pitch: the first two have no neighbour on one side."""
_EVERY = 4
"""One frame in this many is analysed: six a second."""
_LOUD = 1e-2
_LEAST_FRAMES, _LEAST_SHARE = 10, 0.2

Power = npt.NDArray[np.float32]


def stands_out_db(levels_db: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """How far each level on STEPS_HZ stands over its surroundings, in dB."""
    return gaussian_mean(levels_db, NARROW) - gaussian_mean(levels_db, WIDE)


def _excess_matrix(size: int) -> npt.NDArray[np.float64]:
    """What stands_out_db does to `size` levels, as a matrix: its columns are what becomes of one level alone."""
    around = stands_out_db(np.eye(1, 2 * size - 1, size - 1)[0])
    out = np.stack([around[size - 1 - i : 2 * size - 1 - i] for i in range(size)], axis=1)
    for edge in (0, size - 1):  # levels at the ends stand for those beyond them, too
        out[:, edge] = stands_out_db(np.eye(size)[edge])
    return out


class EnvelopeMeter:
    """Feed power spectra of frames of `size`, shape (frames, size / 2 + 1)."""

    def __init__(self, sample_rate: int, size: int) -> None:
        self._hz_per_bin, self._size = sample_rate / size, size
        self._quefrencies = (int(sample_rate / _PITCH_HZ[1]), int(sample_rate / _PITCH_HZ[0]))
        self._highest = min(_HIGHEST_HZ, 0.45 * sample_rate)
        self._excess = _excess_matrix(STEPS_HZ.size)
        self._sums, self._counts = np.zeros(STEPS_HZ.size), np.zeros(STEPS_HZ.size)
        self._energy, self._seen, self._voiced = 0.0, 0, 0

    def process(self, power: Power) -> None:
        """Adds frames, and skips those that are soft or not sung."""
        some = power[::_EVERY]
        energies = some.sum(axis=1)
        loud = []
        for i, energy in enumerate(energies.tolist()):
            if energy <= 0.0:
                continue
            self._energy += energy
            self._seen += 1
            if energy >= _LOUD * self._energy / self._seen:
                loud.append(i)
        if not loud:
            return
        frames = some[loud]
        for frame, pitch in zip(frames, self._pitches_hz(frames), strict=True):
            if pitch:
                self._add(frame, float(pitch))

    def _pitches_hz(self, frames: Power) -> npt.NDArray[np.float64]:
        """Pitch of every frame in Hz; 0 where nothing is sung. Shape (frames, bins) -> (frames,)."""
        # Hiss above the harmonics says nothing about the pitch.
        top = min(int(_CEPSTRUM_HZ / self._hz_per_bin), frames.shape[1] - 1)
        level = np.empty_like(frames)
        np.log(frames[:, : top + 1] + 1e-6 * frames.max(axis=1, keepdims=True), out=level[:, : top + 1])
        level[:, top:] = level[:, top, None]
        first, last = self._quefrencies
        cepstrum = irfft(level - level.mean(axis=1, keepdims=True))[:, first - 1 : last + 1]
        inside = cepstrum[:, 1:-1]
        highest = inside.max(axis=1, keepdims=True)
        peaks = (inside >= cepstrum[:, :-2]) & (inside > cepstrum[:, 2:]) & (inside > _FIRST_PEAK * highest)
        sung = peaks.any(axis=1) & (highest[:, 0] >= _VOICED)
        return np.where(sung, self._hz_per_bin * self._size / (first + np.argmax(peaks, axis=1)), 0.0)

    def _add(self, frame: Power, pitch: float) -> None:
        harmonics = pitch * np.arange(1, int(self._highest / pitch) + 1)
        if harmonics.size < _LEAST_HARMONICS:
            return
        half = max(1, round(0.5 * pitch / self._hz_per_bin))
        starts = np.maximum(np.round(harmonics / self._hz_per_bin).astype(int) - half, 0)
        # Each harmonic's top lies within half a pitch of it.
        tops = np.maximum.reduceat(frame[: starts[-1] + 2 * half + 1], starts)
        level = 10.0 * np.log10(np.maximum(tops[1:], 1e-20))
        envelope = np.interp(STEPS_HZ, harmonics[1:], level)
        sounds = (_FROM_PITCH * pitch < STEPS_HZ) & (harmonics[-1] > STEPS_HZ)
        self._sums += np.where(sounds, self._excess @ envelope, 0.0)
        self._counts += sounds
        self._voiced += 1

    def excess_db(self) -> npt.NDArray[np.float64]:
        """Mean excess of the sung frames on STEPS_HZ, in dB; 0 where too few were sung."""
        enough = (self._counts >= _LEAST_FRAMES) & (self._counts > _LEAST_SHARE * self._voiced)
        return np.where(enough, self._sums / np.maximum(self._counts, 1.0), 0.0)
