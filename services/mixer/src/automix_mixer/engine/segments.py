"""Long curves worked on piece by piece, so that temporaries stay small however long the song is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from automix_mixer.engine.pcm import Curve

SEGMENT_STEPS = 32_768
CONTEXT_STEPS = 2_048
"""12 s before and after a piece at the control rate: every follower of the engine forgets within 2 s."""


def in_segments(
    work: Callable[..., Sequence[Curve]], curves: Sequence[Curve], outputs: int, context: int = CONTEXT_STEPS
) -> list[Curve]:
    """Applies `work` to pieces of `curves` (all of one length n) with context either side, and joins what it returns.

    `work(first_step, *pieces)` answers with `outputs` curves as long as its pieces.
    """
    size = curves[0].size
    out = [np.empty(size, np.float32) for _ in range(outputs)]
    for start in range(0, size, SEGMENT_STEPS):
        end = min(start + SEGMENT_STEPS, size)
        low, high = max(0, start - context), min(size, end + context)
        results = work(low, *(c[low:high] for c in curves))
        for whole, piece in zip(out, results, strict=True):
            whole[start:end] = piece[start - low : end - low]
    return out
