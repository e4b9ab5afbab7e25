"""What a track plays in a song. Imports nothing, so that a server can check with it."""

VOCAL_ROLES = ("lead", "double", "backing")
DRUM_ROLES = ("kick", "snare", "hats", "drums", "percussion")
INSTRUMENT_ROLES = (
    *DRUM_ROLES,
    "bass",
    "guitar",
    "keys",
    "synth",
    "strings",
    "brass",
    "effects",
    "other",
)
ROLES = VOCAL_ROLES + INSTRUMENT_ROLES
