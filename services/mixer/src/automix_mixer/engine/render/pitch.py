"""A pitch shift that streams.

Pedalboard's PitchShift returns silence when its state is kept (spotify/pedalboard issue 415), and is 9 to 57 cents off
on low tones and small steps when it is not. Its `time_stretch`, which shifts whole pieces of sound by the finer engine
of the same library (Rubber Band R3), is right within 0.2 cents.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pedalboard

from automix_mixer.engine.sound.pcm import Sound

_SEGMENT = 1 << 17
"""Frames shifted at a time, 2.7 s at 48 kHz."""
_OVERLAP, _CONTEXT = 4_096, 8_192
"""Frames in which a segment fades into the next, and that are shifted before and after what is used."""
_SEARCH = 512
"""How far a segment may be moved, either way, to go on in phase with the one before: 11 ms."""


class StreamedShift:
    """Segments of the sound are shifted one by one, each whole, and joined where their waveforms agree."""

    def __init__(self, semitones: float) -> None:
        self._semitones = semitones
        self._sound: Sound | None = None
        self._tail: Sound | None = None

    def process(self, sound: Sound, sample_rate: float, *, reset: bool = False) -> Sound:
        """Shape (channels, n) -> (channels, m): whatever segments are complete, in time with what went in.

        `reset` is that of pedalboard's plug-ins, and never wanted here.
        """
        del reset
        if self._sound is None:
            self._sound = np.zeros((sound.shape[0], _CONTEXT), np.float32)
        self._sound = np.concatenate([self._sound, sound], axis=1)
        out = []
        while self._sound.shape[1] >= _CONTEXT + _SEGMENT + _OVERLAP + _CONTEXT:
            piece = np.ascontiguousarray(self._sound[:, : _CONTEXT + _SEGMENT + _OVERLAP + _CONTEXT])
            self._sound = self._sound[:, _SEGMENT:]
            # Kept formants would take away what has none: a sine an octave up comes out 36 dB softer.
            shifted = pedalboard.time_stretch(piece, sample_rate, 1.0, self._semitones, preserve_formants=False)
            out.append(self._joined(np.asarray(shifted, np.float32)))
        return np.concatenate(out, axis=1) if out else np.zeros((sound.shape[0], 0), np.float32)

    def _joined(self, shifted: Sound) -> Sound:
        """The segment's own frames, the first of them faded over from the segment before."""
        start = _CONTEXT
        if self._tail is not None:
            start += _lag(self._tail.sum(axis=0), shifted[:, _CONTEXT - _SEARCH :].sum(axis=0)) - _SEARCH
        segment = shifted[:, start : start + _SEGMENT + _OVERLAP].copy()
        if self._tail is not None:
            segment[:, :_OVERLAP] = _faded(self._tail, segment[:, :_OVERLAP])
        self._tail = segment[:, _SEGMENT:].copy()
        return segment[:, :_SEGMENT]


def _lag(tail: npt.NDArray[np.float32], head: npt.NDArray[np.float32]) -> int:
    """Where in `head` the tail is most alike, from 0 to twice the search."""
    places = np.lib.stride_tricks.sliding_window_view(head[: tail.size + 2 * _SEARCH], tail.size)
    alike = places @ tail
    power = np.einsum("ij,ij->i", places, places)
    return int(np.argmax(alike / np.sqrt(power + 1e-9))) if np.any(tail) else _SEARCH


def _faded(before: Sound, behind: Sound) -> Sound:
    """Cross-fades from one into the other: with constant gain where they are alike, else with constant power."""
    energy = float(np.sqrt((before**2).sum() * (behind**2).sum()))
    alike = max(0.0, float((before * behind).sum()) / energy) if energy > 0.0 else 1.0
    rise = np.linspace(0.0, 1.0, before.shape[1], dtype=np.float32)
    fall = np.float32(1.0) - rise
    weight = np.sqrt(rise**2 + fall**2 + np.float32(2.0 * alike) * rise * fall)
    return np.asarray((before * fall + behind * rise) / weight, np.float32)
