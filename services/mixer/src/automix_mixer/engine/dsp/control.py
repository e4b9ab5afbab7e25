"""Control rate: gains and levels live on steps of a few milliseconds, sound on frames."""

from __future__ import annotations

from functools import reduce

import numpy as np
import numpy.typing as npt

from automix_mixer.engine.sound.pcm import Curve, Sound


def step_frames(sample_rate: int) -> int:
    """Frames of one control step: 256 at 44.1 and 48 kHz (5.8 and 5.3 ms), 512 above. Divides BLOCK_FRAMES."""
    return 256 if sample_rate <= 48_000 else 512


def step_energy(sound: npt.NDArray[np.floating], frames: int) -> Curve:
    """Sum of squares over all channels in every step of `frames` frames.

    Shape (channels, n) -> (n / frames,); sound in hops, (channels, hops, n / hops), is taken as it is.
    """
    steps = sound.reshape(*sound.shape[:-1], -1, frames)
    return np.asarray(np.einsum("c...ij,c...ij->...i", steps, steps).reshape(-1), np.float32)


def step_peak(sound: Sound, frames: int) -> Curve:
    """Largest magnitude over all channels in every step of `frames` frames.

    Shape (channels, n) -> (n / frames,). Channels are compared one by one: a maximum along so short an axis takes six
    times as long.
    """
    loudest = reduce(np.maximum, np.abs(sound))
    return np.asarray(loudest.reshape(-1, frames).max(axis=1), np.float32)


def pan_gains(pan: float) -> npt.NDArray[np.float32]:
    """Gains of left and right, shape (2, 1), for a place from -1 (left) to 1 (right). The power is constant."""
    angle = (1.0 + pan) * np.pi / 4
    return np.array([[np.sqrt(2) * np.cos(angle)], [np.sqrt(2) * np.sin(angle)]], np.float32)


def ramp(nodes: npt.NDArray[np.floating], frames: int) -> npt.NDArray[np.float32]:
    """Gain for every frame, linear between nodes on the borders of the steps.

    Shape (steps + 1,) -> (steps * frames,). It is one matrix product of node pairs and weights, which takes a quarter
    of the time of sums and products.
    """
    later = np.arange(frames, dtype=np.float32) / np.float32(frames)
    pairs = np.empty((nodes.size - 1, 2), np.float32)
    pairs[:, 0], pairs[:, 1] = nodes[:-1], nodes[1:]
    return np.asarray(pairs @ np.array([1.0 - later, later]), np.float32).reshape(-1)


_SEGMENT, _MOST_FALL = 2_048, 600.0
"""Steps worked on together, at most so many that the fall over them (natural logarithm) stays in float64's range."""


def decaying_maximum(values: npt.NDArray[np.floating], decay: float) -> npt.NDArray[np.float64]:
    """Instant rise, exponential fall: y[k] = max(x[k], decay * y[k - 1]) for x >= 0. Shape stays.

    Worked out without a loop over steps, as a running maximum of x[k] / decay ** k, in pieces short enough not to run
    out of range.
    """
    fall = -float(np.log(decay)) if decay > 0.0 else np.inf
    if fall > _MOST_FALL:
        return values.astype(np.float64)
    out, carried = np.zeros(values.size), 0.0
    segment = min(_SEGMENT, int(_MOST_FALL / fall)) if fall > 0.0 else _SEGMENT
    lift = np.exp(fall * np.arange(1, segment + 1))
    for start in range(0, values.size, segment):
        piece = values[start : start + segment]
        if carried < 1e-9 and not piece.any():
            carried = 0.0
            continue
        lifted = piece * lift[: piece.size]
        lifted[0] = max(lifted[0], carried)
        level = np.maximum.accumulate(lifted, out=lifted)
        np.divide(level, lift[: piece.size], out=out[start : start + piece.size])
        carried = float(out[start + piece.size - 1])
    return out
