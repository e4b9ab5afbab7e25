"""The demo song's notes: eleven bars in A minor, a verse line over four chords."""

from dataclasses import dataclass

SAMPLE_RATE = 44_100
TEMPO_BPM = 96.0
BEATS_PER_BAR = 4
# Off-beat sixteenths come late by this share of a sixteenth, as a drummer's do.
SWING = 0.16
# For the last chord and the last syllable to fade.
TAIL_S = 0.5


@dataclass(frozen=True)
class Chord:
    """One bar's harmony as MIDI note numbers: the bass's root, and the voices of the chord."""

    root: int
    voices: tuple[int, ...]


A_MINOR = Chord(33, (57, 60, 64, 67))
F_MAJOR = Chord(29, (53, 57, 60, 64))
C_MAJOR = Chord(36, (55, 60, 64, 67))
G_MAJOR = Chord(31, (55, 59, 62, 67))

# A bar's pick-up, the verse twice, and home.
CHORDS = (G_MAJOR, *(A_MINOR, F_MAJOR, C_MAJOR, G_MAJOR) * 2, F_MAJOR, A_MINOR)

BEAT_S = 60.0 / TEMPO_BPM
LENGTH = round((len(CHORDS) * BEATS_PER_BAR * BEAT_S + TAIL_S) * SAMPLE_RATE)


@dataclass(frozen=True)
class Note:
    """A sung syllable: start and length in beats, MIDI note number, how it begins, which vowel it holds.

    `glide` is the vowel that it moves to, as in "stay" and "high".
    """

    start: float
    length: float
    pitch: int
    onset: str
    vowel: str
    glide: str = ""


# By bar: "so soft the sea / sings to me / she stays till / the sun so high", then higher, "take me home / la / home".
PHRASES: dict[int, tuple[tuple[float, float, int, str, str, str], ...]] = {
    1: (
        (0.0, 0.9, 57, "s", "o", "u"),
        (1.0, 0.85, 60, "s", "o", ""),
        (2.0, 0.4, 62, "th", "a", ""),
        (2.5, 1.7, 64, "s", "i", ""),
    ),
    2: ((1.0, 0.45, 65, "s", "i", ""), (1.5, 0.45, 64, "t", "u", ""), (2.0, 1.2, 60, "m", "i", "")),
    3: ((0.0, 0.4, 64, "sh", "i", ""), (0.5, 1.4, 67, "s", "e", "i"), (2.0, 1.1, 64, "t", "i", "")),
    4: (
        (0.0, 0.45, 62, "th", "a", ""),
        (0.5, 0.95, 62, "s", "a", ""),
        (1.5, 0.45, 59, "s", "o", "u"),
        (2.0, 1.3, 62, "h", "a", "i"),
    ),
    5: (
        (0.0, 0.9, 64, "s", "o", "u"),
        (1.0, 0.85, 67, "s", "o", ""),
        (2.0, 0.4, 69, "th", "a", ""),
        (2.5, 1.7, 72, "s", "i", ""),
    ),
    6: ((1.0, 0.45, 72, "s", "i", ""), (1.5, 0.45, 69, "t", "u", ""), (2.0, 1.2, 69, "m", "i", "")),
    7: ((0.0, 0.4, 67, "sh", "i", ""), (0.5, 1.4, 67, "s", "e", "i"), (2.0, 1.1, 64, "t", "i", "")),
    8: ((0.0, 0.95, 67, "t", "e", "i"), (1.0, 0.45, 64, "m", "i", ""), (1.5, 1.6, 62, "h", "o", "u")),
    9: ((0.0, 0.9, 65, "l", "a", ""), (1.0, 0.9, 64, "l", "a", ""), (2.0, 1.3, 60, "l", "a", "")),
    10: ((0.0, 3.4, 57, "h", "o", "u"),),
}

MELODY = tuple(
    Note(bar * BEATS_PER_BAR + start, length, pitch, onset, vowel, glide)
    for bar, notes in PHRASES.items()
    for start, length, pitch, onset, vowel, glide in notes
)


def frequency(midi: float) -> float:
    """Frequency in Hz of a MIDI note number, equal temperament at A4 = 440 Hz."""
    return float(440.0 * 2.0 ** ((midi - 69.0) / 12.0))


def sample_of(beat: float) -> int:
    """The sample at which a beat falls."""
    return round(beat * BEAT_S * SAMPLE_RATE)
