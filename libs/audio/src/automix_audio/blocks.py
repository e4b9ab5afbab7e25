"""Cuts a stream of arrays into blocks of one length."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray


def reblock(pieces: Iterable[NDArray[np.float32]], frames: int) -> Iterator[NDArray[np.float32]]:
    """`pieces` of shape (n, channels) as contiguous blocks of shape (frames, channels); the last may be shorter."""
    pending: list[NDArray[np.float32]] = []
    have = 0
    for piece in pieces:
        pending.append(piece)
        have += len(piece)
        if have < frames:
            continue
        joined = np.concatenate(pending) if len(pending) > 1 else piece
        whole = have - have % frames
        for start in range(0, whole, frames):
            yield np.ascontiguousarray(joined[start : start + frames])
        have -= whole
        pending = [joined[whole:]] if have else []
    if have:
        yield np.ascontiguousarray(np.concatenate(pending))
