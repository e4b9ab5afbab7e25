"""Edges of a recording: offsets are filtered out, hard beginnings and ends get a short fade."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from automix_audio.biquad import BiquadCascade

from automix_mixer.engine.sound.pcm import PcmFile, Sound

_OFFSET_HZ = 15.0
"""Corner of the high-pass, under all music: -0.3 dB at 30 Hz.

After a full-scale offset ends, the output falls under -90 dBFS in 0.16 s.
"""
_BEFORE_PERIODS = 4
"""Periods of the corner frequency after which nothing of a step is left."""
_HARD = 0.01
"""A first or last sample over this share of the peak (-40 dB) clicks: the recording was cut while it sounded."""
EDGE_FADE_MS = 5.0


class OffsetFilter:
    """High-pass (Butterworth, 12 dB per octave at 15 Hz) that removes DC.

    Subtracting the mean would put the offset into every silence. A sound that begins on an offset which is larger than
    the sound itself is filtered as if the offset had been there before: its step would be a thump at full scale.
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._begin_frames = round(sample_rate / _OFFSET_HZ)
        self._begun = False
        k = np.tan(np.pi * _OFFSET_HZ / sample_rate)
        a0 = 1.0 + np.sqrt(2.0) * k + k * k
        sos = np.array([[1.0, -2.0, 1.0, a0, 2.0 * (k * k - 1.0), 1.0 - np.sqrt(2.0) * k + k * k]]) / a0
        self._cascade = BiquadCascade(sos, channels)

    def process(self, block: Sound) -> Sound:
        out = block.astype(np.float64)
        if not self._begun and out.size:
            self._begun = True
            before = self._offset_of(out[:, : self._begin_frames])
            self._cascade.process(np.repeat(before[:, None], _BEFORE_PERIODS * self._begin_frames, axis=1))
        self._cascade.process(out)
        return out.astype(np.float32)

    def _offset_of(self, beginning: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The mean of a channel where it is larger than what swings about it, and where its first samples stand on it
        too; else 0.
        """
        mean, swing = beginning.mean(axis=1), beginning.std(axis=1)
        first = beginning[:, : -(-beginning.shape[1] // 16)].mean(axis=1)
        return np.where((np.abs(mean) > swing) & (np.abs(first - mean) <= swing), mean, 0.0)


def soften_edges(pcm: PcmFile, peak: float, sample_rate: int, fade_ms: float = EDGE_FADE_MS) -> tuple[bool, bool]:
    """Fades a hard beginning and a hard end of the sound in place, and returns which of them were hard.

    A fade of 0 ms does nothing.
    """
    if pcm.frames == 0 or peak <= 0.0 or fade_ms <= 0.0:
        return False, False
    hard = (pcm.loudest_at(0) > _HARD * peak, pcm.loudest_at(pcm.frames - 1) > _HARD * peak)
    n = min(pcm.frames, max(1, round(fade_ms / 1_000 * sample_rate)))
    if hard[0]:
        pcm.multiply(0, fade_in(n))
    if hard[1]:
        pcm.multiply(pcm.frames - n, fade_in(n)[::-1])
    return hard


def fade_in(frames: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """A raised cosine from 0 to 1, shape (frames,)."""
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * (np.arange(frames) + 0.5) / frames), np.float32)
