"""Whether and to which notes the vocals of a song are tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.keys import CHROMATIC, NOTES, SCALES
from automix_mixer.engine.measure.profile import Profile
from automix_mixer.engine.plan.decision import Decision
from automix_mixer.engine.plan.mixplan import TunePlan, VocalPlan
from automix_mixer.engine.settings import Settings

_LOW_HZ, _HIGH_HZ = 60.0, 1_600.0
_CLEAR = 0.08
"""Least lead of the best key over the next one that is not its relative, as a difference of correlations.

Drum kits stay below it.
"""
_TONAL = 0.4
"""Least deviation of the twelve pitch classes over their mean: noise has up to 0.33, chords 0.5 and more."""
_PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""How well each semitone over the tonic fits (Krumhansl and Kessler 1982)."""

Chroma = npt.NDArray[np.float64]


def with_tuning(vocal: VocalPlan, beats: Sequence[Profile], settings: Settings) -> VocalPlan:
    """The vocal with the tuning that the settings ask for; without any it gets no insert."""
    if settings.tune == 0.0:
        return vocal
    strength = Decision(settings.tune, "", "as asked")
    if settings.key != "auto":
        return replace(vocal, tune=TunePlan(strength, Decision(settings.key, "", "as asked")))
    return replace(vocal, tune=TunePlan(strength, found_key(beats)))


def found_key(beats: Sequence[Profile]) -> Decision[str]:
    """The key of the beats; every semitone where none stands out."""
    chroma = np.zeros(12)
    for beat in beats:
        chroma += _chroma(beat)
    if chroma.std() <= _TONAL * chroma.mean():
        return Decision(CHROMATIC, "", "nothing in the beats has a key, so every semitone is allowed")
    fits = {
        (note, scale): float(np.corrcoef(chroma, np.roll(_PROFILES[scale], note))[0, 1])
        for note in range(12)
        for scale in SCALES
    }
    (note, scale), best = max(fits.items(), key=lambda one: one[1])
    relative = ((note + 9) % 12, "minor") if scale == "major" else ((note + 3) % 12, "major")
    # The relative key has the same notes: which of the two it is makes no difference here.
    next_best = max(fit for key, fit in fits.items() if key not in ((note, scale), relative))
    if best - next_best < _CLEAR:
        return Decision(CHROMATIC, "", "no key stands out in the beats, so every semitone is allowed")
    return Decision(f"{NOTES[note]}-{scale}", "", "key found in the beats; its relative key has the same notes")


def _chroma(beat: Profile) -> Chroma:
    """Amplitude by pitch class of peaks in the spectrum; each beat counts by its loudness."""
    power = beat.whole.mid + beat.whole.side
    hz = np.arange(power.size) * beat.sample_rate / (2 * (power.size - 1))
    kept = (hz >= _LOW_HZ) & (hz <= _HIGH_HZ)
    amplitude = np.sqrt(np.maximum(power, 0.0))
    size = 25
    around = np.convolve(np.pad(amplitude, size // 2, mode="edge"), np.full(size, 1.0 / size), "valid")
    standing = np.maximum(amplitude - around, 0.0)[kept]
    pitch = np.round(69.0 + 12.0 * np.log2(hz[kept] / 440.0)).astype(np.int64) % 12
    return np.asarray(np.bincount(pitch, standing, minlength=12), np.float64)
