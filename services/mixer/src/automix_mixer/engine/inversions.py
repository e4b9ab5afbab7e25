"""How long a stretch must be upside down to be turned. Imports nothing heavy, like the plan that holds it."""

LONG_S = 1.0
"""Seconds for which the channels must be heard to be opposite: the end of a wide reverb is so for a moment, and silence
follows it."""
SHORT_S = 0.15
"""Seconds of a shorter stretch that counts where both channels are the same before it, opposite in it, and the same
after it, from one moment to the next: a word that was pasted in."""
