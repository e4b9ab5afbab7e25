"""Long-term spectra of mid and side, kept by level, so that silence between phrases can be left out afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from automix_audio.loudness import ABSOLUTE_GATE_LUFS, OFFSET_DB
from numpy.lib.stride_tricks import sliding_window_view

from automix_mixer.engine.dsp.bands import k_weight_db
from automix_mixer.engine.dsp.transforms import powers, rfft
from automix_mixer.engine.sound.pcm import Curve, Sound, is_silent

SIBILANT_HZ = (5_000.0, 9_000.0)
"""Where the hiss of s, sh and z has its energy, of women and men."""

_LOWEST_LUFS, _LEVEL_STEP_LU, _LEVELS = -120.0, 2.0, 80

_PAUSE_DB = (-60.0, -12.0)
"""Levels against the mean between which pauses are looked for: under what counts as sounding, and over what is not
heard behind anything."""
_FLOOR_SHARE, _OVER_FLOOR_DB = 0.1, 4.0
"""The noise between phrases is steady: the softest tenth of what is no silence, and what lies little above it."""


@dataclass(frozen=True)
class Spectrum:
    """Mean one-sided power spectra of mid and side, (L + R) / 2 and (L - R) / 2, shape (bins,), of the frames kept."""

    mid: npt.NDArray[np.float64]
    side: npt.NDArray[np.float64]


class SpectrumMeter:
    """Feed blocks, shape (channels, n), n a multiple of `size` / 2; sine window, half overlap.

    The sine window's squares add up to one, so energies are those of the sound.
    """

    def __init__(self, sample_rate: int, channels: int, size: int, *, with_sibilance: bool = False) -> None:
        self.size, self._with_sibilance = size, with_sibilance
        # A stereo sound is taken as mid and side: half of left plus right, and of left minus right.
        self._window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32) / np.float32(channels)
        self._sound = np.zeros((channels, size // 2), np.float32)
        hz = np.arange(size // 2 + 1) * sample_rate / size
        self.sibilant_bins = slice(int(SIBILANT_HZ[0] * size / sample_rate), int(SIBILANT_HZ[1] * size / sample_rate))
        # Two sides of a spectrum, two channels of a mid or side, normalised to energy per frame of sound.
        self._weight = (10 ** (k_weight_db(hz) / 10) * (2.0 if channels == 2 else 1.0) * 2.0 / size).astype(np.float32)
        self._sums = np.zeros((_LEVELS, channels, size // 2 + 1), np.float32)
        self._counts = np.zeros(_LEVELS, np.int64)
        self._frames = 0
        # Unweighted energy of each frame of the last block between SIBILANT_HZ, summed over channels, if wanted.
        self.sibilance = np.zeros(0, np.float32)
        # Power spectra of the last block's frames, mid (or the one channel), shape (frames, bins).
        self.mid_power = np.zeros((0, size // 2 + 1), np.float32)

    def process(self, block: Sound) -> Curve:
        """Adds a block; returns the K-weighted energy of each of its frames, summed over channels, (2 n / size,)."""
        half, frames = self.size // 2, block.shape[1]
        sound = self._sound
        if sound.shape[1] != half + frames:
            sound = np.concatenate([sound[:, -half:], np.zeros_like(block)], axis=1)
            self._windows = sliding_window_view(sound, self.size, axis=1)[:, ::half]
            self._tapered = np.empty(self._windows.shape, np.float32)
            self._bins = np.empty((*self._windows.shape[:2], half + 1), np.complex64)
        else:
            sound[:, :half] = sound[:, frames:]
        self._sound = sound
        if is_silent(block) and not sound[:, :half].any():
            sound[:, half:] = 0.0
            self._frames += frames // half
            self.sibilance = np.zeros(frames // half, np.float32)
            self.mid_power = self.mid_power[:0]
            return self.sibilance
        if sound.shape[0] == 2:
            np.add(block[0], block[1], out=sound[0, half:])
            np.subtract(block[0], block[1], out=sound[1, half:])
        else:
            sound[:, half:] = block
        np.multiply(self._windows, self._window, out=self._tapered)
        power = powers(rfft(self._tapered, out=self._bins))
        self.mid_power = power[0]
        energy = np.einsum("cfb,b->f", power, self._weight)
        if self._with_sibilance:
            self.sibilance = np.asarray(
                power[:, :, self.sibilant_bins].sum(axis=(0, 2)) * (2.0 * power.shape[0] / self.size), np.float32
            )
        level = 10.0 * np.log10(np.maximum(energy / (self.size // 2), 1e-20)) + OFFSET_DB
        self._frames += energy.size
        rows = np.clip((level - _LOWEST_LUFS) / _LEVEL_STEP_LU, 0, _LEVELS - 1).astype(np.int64)
        for frame, row in enumerate(rows):
            self._sums[row] += power[:, frame]
        self._counts += np.bincount(rows, minlength=_LEVELS)
        return np.asarray(energy, np.float32)

    def whole(self) -> Spectrum:
        """The mean over all frames, silent ones too: such means of tracks of one length add up to that of their sum."""
        return self._mean(self._sums.sum(axis=0, dtype=np.float64), self._frames)

    def sounding(self, below_db: float = 12.0) -> Spectrum:
        """The mean over frames within `below_db` of the mean level and above the absolute gate."""
        levels = _LOWEST_LUFS + _LEVEL_STEP_LU * (np.arange(_LEVELS, dtype=np.float64) + 0.5)
        kept = levels > ABSOLUTE_GATE_LUFS
        kept = levels > max(ABSOLUTE_GATE_LUFS, self._mean_level(kept, levels) - below_db)
        return self._mean(self._sums[kept].sum(axis=0, dtype=np.float64), int(self._counts[kept].sum()))

    def pauses(self) -> Spectrum:
        """The mean over the softest frames that are no silence, in which noise is all that sounds; zeros where there
        are none."""
        levels = _LOWEST_LUFS + _LEVEL_STEP_LU * (np.arange(_LEVELS, dtype=np.float64) + 0.5)
        apart = levels - self._mean_level(levels > ABSOLUTE_GATE_LUFS, levels)
        heard = np.cumsum(self._counts * (apart > _PAUSE_DB[0]))
        floor = apart[np.argmax(heard > _FLOOR_SHARE * heard[-1])]
        kept = (apart > _PAUSE_DB[0]) & (apart <= min(floor + _OVER_FLOOR_DB, _PAUSE_DB[1]))
        return self._mean(self._sums[kept].sum(axis=0, dtype=np.float64), int(self._counts[kept].sum()))

    def _mean(self, sums: npt.NDArray[np.float64], frames: int) -> Spectrum:
        # One-sided power: a sine of amplitude 1 in mid sums to 1/2 over its bins.
        mean = sums * (4.0 / self.size**2) / max(frames, 1)
        return Spectrum(mean[0], mean[1] if mean.shape[0] == 2 else np.zeros_like(mean[0]))

    def _mean_level(self, kept: npt.NDArray[np.bool_], levels: npt.NDArray[np.float64]) -> float:
        weights = self._counts * kept
        if not weights.any():
            return ABSOLUTE_GATE_LUFS
        return float(10 * np.log10((weights * 10 ** (levels / 10)).sum() / weights.sum()))
