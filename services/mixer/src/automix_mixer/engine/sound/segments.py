"""Long curves worked on piece by piece, so that memory stays small however long the song is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from automix_mixer.engine.sound.curve_file import PIECE_STEPS, CurveFile
from automix_mixer.engine.sound.pcm import Curve
from automix_mixer.engine.sound.workspace import Workspace

CONTEXT_STEPS = 2_048
"""12 s before and after a piece at the control rate: every follower of the engine settles within 2 s."""


def in_segments(
    work: Callable[..., Sequence[Curve]], curves: Sequence[CurveFile], outputs: int, workspace: Workspace
) -> list[CurveFile]:
    """Applies `work` to pieces of `curves` (all of one length n) with context either side, and joins what it returns.

    `work(first_step, *pieces)` answers with `outputs` curves as long as its pieces.
    """
    size = curves[0].size
    writers = [workspace.curve() for _ in range(outputs)]
    for start in range(0, size, PIECE_STEPS):
        end = min(start + PIECE_STEPS, size)
        low, high = max(0, start - CONTEXT_STEPS), min(size, end + CONTEXT_STEPS)
        results = work(low, *(c.read(low, high) for c in curves))
        for writer, piece in zip(writers, results, strict=True):
            writer.append(piece[start - low : end - low])
    return [w.curve(size) for w in writers]
