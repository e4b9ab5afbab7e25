"""Keys of songs by their names, and the notes that they have. Imports nothing, so that a server can check with it."""

from __future__ import annotations

NOTES = ("c", "c-sharp", "d", "d-sharp", "e", "f", "f-sharp", "g", "g-sharp", "a", "a-sharp", "b")
"""Pitch classes, from 0."""
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
"""Semitones over the tonic; minor is the natural one."""
CHROMATIC = "chromatic"
"""Every semitone."""
KEYS = (CHROMATIC, *(f"{note}-{scale}" for note in NOTES for scale in SCALES))


def notes_of(key: str) -> tuple[int, ...]:
    """The pitch classes of a key, 0 for C to 11 for B."""
    if key == CHROMATIC:
        return tuple(range(12))
    note, _, scale = key.rpartition("-")
    return tuple(sorted((NOTES.index(note) + step) % 12 for step in SCALES[scale]))
