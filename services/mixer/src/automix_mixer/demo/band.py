"""The demo song's backing: drums with a groove, a bass, and chords of detuned voices."""

import numpy as np

from automix_mixer.demo.score import BEATS_PER_BAR, CHORDS, LENGTH, SAMPLE_RATE, SWING, frequency, sample_of
from automix_mixer.demo.shaping import BLOCK, Signal, add, band, decay, fade, low_pass, pan, saw, smooth

KICKS = (0.0, 1.75, 2.5)
SNARES = (1.0, 3.0)
GHOSTS = (0.75, 2.25, 3.75)
# Sixteenths of the bass, with their lengths in beats and steps above the root.
BASS_LINE = ((0.0, 0.7, 0), (0.75, 0.2, 12), (1.75, 0.6, 0), (2.5, 0.45, 7), (3.0, 0.4, 12), (3.5, 0.4, 10))
# Cents by which the voices of a chord are out of tune with each other, and where each stands.
DETUNE = ((-7.0, -0.8), (0.0, 0.0), (6.0, 0.8))


def drums(seed: int) -> Signal:
    """Kick, snare, hats and a crash; shape (samples, 2)."""
    random = np.random.default_rng(seed)
    track = np.zeros((LENGTH, 2))
    last = len(CHORDS) - 1
    for bar in range(last):
        for beat in KICKS:
            add(track, pan(_kick(), 0.0), _time(bar, beat, random, 0.002), gain=0.95)
        for beat in SNARES:
            add(track, pan(_snare(random), 0.05), _time(bar, beat, random, 0.003), gain=0.6)
        for beat in GHOSTS:
            add(track, pan(_snare(random), 0.05), _time(bar, beat, random, 0.004), gain=0.05 + 0.05 * random.random())
        for eighth in range(2 * BEATS_PER_BAR):
            accent = 0.16 if eighth % 2 == 0 else 0.11
            add(track, _hat(random, 0.035), _time(bar, eighth / 2, random, 0.003), gain=accent)
            if random.random() < 0.35:
                add(track, _hat(random, 0.02), _time(bar, eighth / 2 + 0.25, random, 0.003), gain=0.06)
        if bar % 4 == 0 and bar > 0:
            for step in range(4):
                add(track, pan(_snare(random), 0.05), _time(bar, 3.0 + step / 4, random, 0.002), gain=0.2 + 0.1 * step)
    for bar in (1, 5, last):
        add(track, _hat(random, 0.7), _time(bar, 0.0, random, 0.0), gain=0.3)
    add(track, pan(_kick(), 0.0), _time(last, 0.0, random, 0.0), gain=0.95)
    return track


def bass() -> Signal:
    """A plucked bass; mono, shape (samples,)."""
    track = np.zeros(LENGTH)
    for bar, chord in enumerate(CHORDS):
        line = BASS_LINE if bar < len(CHORDS) - 1 else ((0.0, 3.4, 0),)
        for beat, length, step in line:
            count = sample_of(length)
            hz = np.full(count, frequency(chord.root + step))
            time = np.arange(count) / SAMPLE_RATE
            body = 0.55 * saw(hz) + 0.6 * np.sin(2.0 * np.pi * hz * time)
            cutoff = 180.0 + 900.0 * decay(-(-count // BLOCK) * BLOCK, 0.12)[::BLOCK]
            note = fade(low_pass(body, cutoff, 0.9) * decay(count, 0.9), 0.004, 0.03)
            add(track, note, _grid(bar, beat))
    return track


def chords(seed: int) -> Signal:
    """A pad of detuned saws that opens and closes, leaning away from each kick; shape (samples, 2)."""
    random = np.random.default_rng(seed)
    track = np.zeros((LENGTH, 2))
    for bar, chord in enumerate(CHORDS):
        count = sample_of(BEATS_PER_BAR) + round(0.08 * SAMPLE_RATE)
        blocks = -(-count // BLOCK)
        sweep = 900.0 + 1300.0 * np.sin(np.pi * np.linspace(0.0, 1.0, blocks)) ** 2
        sound = np.zeros((count, 2))
        for voice in chord.voices:
            for cents, position in DETUNE:
                hz = np.full(count, frequency(voice + cents / 100.0))
                sound += pan(saw(hz, random.random()), position)
        swept = np.stack([fade(low_pass(side, sweep, 1.1), 0.05, 0.1) for side in sound.T], axis=1)
        add(track, swept, _grid(bar, 0.0), gain=0.1)
    return track * _lean()[:, None]


def _kick() -> Signal:
    count = round(0.35 * SAMPLE_RATE)
    hz = 47.0 + 110.0 * decay(count, 0.022)
    click = np.zeros(count)
    click[:60] = np.hanning(60) * 0.25
    return fade(np.sin(2.0 * np.pi * np.cumsum(hz) / SAMPLE_RATE) * decay(count, 0.11) + click, 0.0005, 0.05)


def _snare(random: np.random.Generator) -> Signal:
    count = round(0.28 * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    shell = np.sin(2.0 * np.pi * 186.0 * time) + 0.6 * np.sin(2.0 * np.pi * 331.0 * time)
    wires = band(random.normal(0.0, 1.0, count), 1400.0, 9000.0, order=1)
    return fade(0.5 * shell * decay(count, 0.035) + 0.55 * wires * decay(count, 0.07), 0.0005, 0.05)


def _hat(random: np.random.Generator, ring_s: float) -> Signal:
    """Noise above 6.5 kHz, a little apart in the two ears; a long one is a crash."""
    count = round(min(6.0 * ring_s, 2.5) * SAMPLE_RATE)
    common = random.normal(0.0, 1.0, count)
    sides = [band(common + 0.6 * random.normal(0.0, 1.0, count), 6500.0, 16000.0) for _ in range(2)]
    sound = np.stack((0.8 * sides[0], sides[1]), axis=1)
    envelope = fade(decay(count, ring_s), 0.0005, 0.2 * ring_s)
    return sound * envelope[:, None]


def _lean() -> Signal:
    """The gain of the pad: a few dB down at each kick, back within a beat."""
    gain = np.ones(LENGTH)
    for bar in range(len(CHORDS) - 1):
        for beat in KICKS:
            add(gain, -0.35 * decay(sample_of(1.0), 0.12), _grid(bar, beat))
    return smooth(np.maximum(gain, 0.4), 0.008)


def _grid(bar: int, beat: float) -> int:
    """The sample of a beat of a bar; off-beat sixteenths swing."""
    late = SWING / 4 if round(beat * 4) % 2 else 0.0
    return sample_of(bar * BEATS_PER_BAR + beat + late)


def _time(bar: int, beat: float, random: np.random.Generator, spread_s: float) -> int:
    """The same as a hand plays it."""
    return _grid(bar, beat) + round(random.normal(0.0, spread_s) * SAMPLE_RATE)
