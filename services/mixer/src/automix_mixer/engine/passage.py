"""A stretch of a song: what a preview is of. Imports nothing heavy, like the plan that holds it."""

from __future__ import annotations

from dataclasses import dataclass

PREVIEW_S = 30.0
"""A verse or a chorus; long enough for a loudness range and for the spectrum of a voice."""


@dataclass(frozen=True)
class Passage:
    """Seconds of the song."""

    start_s: float
    length_s: float
