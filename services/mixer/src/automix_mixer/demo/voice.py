"""The demo song's singer: a glottal source through formants that move from vowel to vowel, and noise for consonants.

Sources: A. E. Rosenberg, Effect of glottal pulse shape on the quality of natural vowels, JASA 49 (1971); formants of
men after G. E. Peterson and H. L. Barney, JASA 24 (1952), with the cluster near 3 kHz of trained singers (J. Sundberg).
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import resample_poly

from automix_mixer.demo.score import BEAT_S, LENGTH, MELODY, SAMPLE_RATE, Note, sample_of
from automix_mixer.demo.shaping import BLOCK, Signal, add, band, decay, fade, resonator, smooth

# First three formants in Hz.
VOWELS = {
    "a": (730.0, 1090.0, 2440.0),
    "e": (530.0, 1840.0, 2480.0),
    "i": (270.0, 2290.0, 3010.0),
    "o": (570.0, 840.0, 2410.0),
    "u": (300.0, 870.0, 2240.0),
}
# Gain in dB by vowel: singers partly make up for open vowels being louder.
FORCE_DB = {"a": -6.0, "e": 0.0, "i": 3.0, "o": -3.0, "u": 2.0}
WIDTHS_HZ = (80.0, 90.0, 140.0, 200.0, 240.0, 300.0, 400.0)
HIGHER_HZ = (3250.0, 3900.0, 4900.0, 5900.0)

# Shares of a glottal cycle in which the flow rises and falls; the rest is closed.
OPENING, CLOSING = 0.40, 0.16
OVERSAMPLING = 2
# Lifts 3 kHz by 5 dB against 700 Hz.
EFFORT = 0.8


@dataclass(frozen=True)
class Consonant:
    """How a syllable begins before its vowel falls on the beat.

    Noise between two frequencies at a level against the vowel; `voiced` is how loud the voice sounds during it.
    """

    seconds: float
    low_hz: float = 0.0
    high_hz: float = 0.0
    level: float = 0.0
    voiced: float = 0.0
    burst_s: float = 0.0


CONSONANTS = {
    "": Consonant(0.0),
    "s": Consonant(0.13, 5200.0, 10500.0, 0.55),
    "sh": Consonant(0.12, 2600.0, 7500.0, 0.45),
    "t": Consonant(0.06, 3200.0, 9000.0, 0.60, burst_s=0.012),
    "th": Consonant(0.06, 1500.0, 7000.0, 0.08, voiced=0.30),
    "h": Consonant(0.08, 500.0, 5000.0, 0.10),
    "m": Consonant(0.09, voiced=0.35),
    "l": Consonant(0.07, voiced=0.45),
}


def sing(seed: int) -> Signal:
    """The vocal track, mono, shape (samples,), at no particular level."""
    random = np.random.default_rng(seed)
    loudness = _loudness()
    voice = _glottis(_pitch(random), loudness, random)
    tracks = _formants()
    for hz, width in zip(tracks, WIDTHS_HZ, strict=True):
        voice = resonator(voice, hz, width)
    # A voice sung with effort falls less towards the treble than Rosenberg's pulse of quiet speech.
    voice[1:] -= EFFORT * voice[:-1].copy()
    voice /= np.max(np.abs(voice))
    _add_consonants(voice, random)
    _add_breaths(voice, random)
    return voice


def _pitch(random: np.random.Generator) -> Signal:
    """Frequency at each sample: gliding between notes, scooped into phrases, with vibrato on notes that last."""
    midi = np.empty(LENGTH)
    midi[:] = MELODY[0].pitch
    vibrato = np.zeros(LENGTH)
    for note in MELODY:
        start, end = _span(note)
        midi[start:] = note.pitch
        if _opens_phrase(note):
            add(midi, -1.2 * decay(sample_of(0.5), 0.05), start)
        if note.length >= 0.85:
            rise = np.clip((np.arange(end - start) / SAMPLE_RATE - 0.22) / 0.35, 0.0, 1.0)
            vibrato[start:end] = 0.32 * rise
    rate_hz = 5.4 + smooth(random.normal(0.0, 60.0, LENGTH), 0.4)
    wobble = np.sin(2.0 * np.pi * np.cumsum(rate_hz) / SAMPLE_RATE)
    drift = smooth(random.normal(0.0, 12.0, LENGTH), 0.15)
    bent = smooth(midi, 0.028) + smooth(vibrato, 0.05) * wobble + drift
    return np.asarray(440.0 * 2.0 ** ((bent - 69.0) / 12.0))


def _loudness() -> Signal:
    """How loud the voice sounds at each sample: phrases swell and ebb, syllables are joined."""
    level = np.zeros(LENGTH)
    for note in MELODY:
        start, end = _span(note)
        onset = CONSONANTS[note.onset]
        lead = round(onset.seconds * SAMPLE_RATE)
        level[max(start - lead, 0) : start] = onset.voiced
        # Higher notes are sung louder; a note that lasts is not held flat.
        force = (0.62 + 0.02 * (note.pitch - 57)) * 10.0 ** (FORCE_DB[note.vowel] / 20.0)
        level[start:end] = force * (1.0 - 0.25 * np.linspace(-1.0, 1.0, end - start) ** 2)
    return smooth(smooth(level, 0.012), 0.012)


def _glottis(hz: Signal, loudness: Signal, random: np.random.Generator) -> Signal:
    """The derivative of the flow through the glottis, with breath in the open phase."""
    fine = np.repeat(hz, OVERSAMPLING) / (OVERSAMPLING * SAMPLE_RATE)
    turn = np.cumsum(fine) % 1.0
    rising = turn < OPENING
    falling = (turn >= OPENING) & (turn < OPENING + CLOSING)
    pulse = np.zeros_like(turn)
    pulse[rising] = 0.5 * np.pi / OPENING * np.sin(np.pi * turn[rising] / OPENING)
    pulse[falling] = -0.5 * np.pi / CLOSING * np.sin(0.5 * np.pi * (turn[falling] - OPENING) / CLOSING)
    source = np.asarray(resample_poly(pulse, 1, OVERSAMPLING))
    opened = (turn[::OVERSAMPLING] < OPENING + CLOSING).astype(np.float64)
    breath = random.normal(0.0, 0.09, len(source)) * opened
    return (source + breath) * loudness


def _formants() -> tuple[Signal | float, ...]:
    """The formants in Hz: the vowels' for each block, the higher ones that stay."""
    blocks = -(-LENGTH // BLOCK)
    targets = np.empty((3, blocks))
    targets[:] = np.array(VOWELS[MELODY[0].vowel])[:, None]
    for note in MELODY:
        start, end = (sample // BLOCK for sample in _span(note))
        lead = round(CONSONANTS[note.onset].seconds * SAMPLE_RATE) // BLOCK
        targets[:, max(start - lead, 0) :] = np.array(VOWELS[note.vowel])[:, None]
        if note.onset in {"m", "l"}:
            targets[0, max(start - lead, 0) : start] = 280.0
        if note.glide:
            targets[:, start + round(0.6 * (end - start)) :] = np.array(VOWELS[note.glide])[:, None]
    moving = [smooth(row, 0.035, SAMPLE_RATE / BLOCK) for row in targets]
    return (*moving, *HIGHER_HZ)


def _add_consonants(voice: Signal, random: np.random.Generator) -> None:
    """Adds the noise of each onset so that it ends where its vowel begins."""
    for note in MELODY:
        onset = CONSONANTS[note.onset]
        if onset.level == 0.0:
            continue
        seconds = onset.burst_s or onset.seconds
        count = round((seconds + 0.02) * SAMPLE_RATE)
        noise = band(random.normal(0.0, 1.0, count + 400), onset.low_hz, onset.high_hz)[400:]
        noise = fade(noise / np.std(noise), 0.002 if onset.burst_s else 0.35 * seconds, 0.03)
        start, _ = _span(note)
        # Normalised so that `level` is its peak against a vowel at full level.
        add(voice, noise, start - count + round(0.02 * SAMPLE_RATE), gain=onset.level / 3.0)


def _add_breaths(voice: Signal, random: np.random.Generator) -> None:
    """Adds a quiet breath before each phrase, where there is time for one."""
    for note in MELODY:
        if _opens_phrase(note):
            count = round(0.3 * SAMPLE_RATE)
            noise = band(random.normal(0.0, 1.0, count), 900.0, 5500.0, order=1)
            gap = round((CONSONANTS[note.onset].seconds + 0.08) * SAMPLE_RATE)
            add(voice, fade(noise, 0.2, 0.08), _span(note)[0] - gap - count, gain=0.012)


def _opens_phrase(note: Note) -> bool:
    """Whether a rest of half a beat or more lies before it."""
    ends = [other.start + other.length for other in MELODY if other.start < note.start]
    return not ends or note.start - max(ends) >= 0.5


def _span(note: Note) -> tuple[int, int]:
    """First sample of the vowel and first sample after it; a little behind the beat, as singers are."""
    behind = round(0.015 * SAMPLE_RATE)
    return sample_of(note.start) + behind, sample_of(note.start) + behind + round(note.length * BEAT_S * SAMPLE_RATE)
