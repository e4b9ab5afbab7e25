"""Running minimum, maximum and mean over centred windows, with the edge value repeated beyond the ends; and runs of a
mask. scipy.ndimage has them too, but its import costs more time than mixing a minute of music."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


def running_maximum(values: npt.NDArray[np.floating], width: int) -> Values:
    """Largest value within `width` (odd) around each. Shape stays."""
    out = np.pad(np.asarray(values, np.float64), width // 2, mode="edge") if width > 1 else np.array(values, np.float64)
    span = 1
    # Maxima over 2, 4, 8, ... values, and at last over two overlapping ones.
    while span < width:
        shift = min(span, width - span)
        out = np.maximum(out[:-shift], out[shift:])
        span += shift
    return out


def running_minimum(values: npt.NDArray[np.floating], width: int) -> Values:
    """Smallest value within `width` (odd) around each. Shape stays."""
    return -running_maximum(-np.asarray(values, np.float64), width)


def running_mean(values: npt.NDArray[np.floating], width: int) -> Values:
    """Mean over `width` (made odd) around each value.

    It adds and never subtracts, so that silence stays exactly silent.
    """
    half = width // 2
    padded = np.pad(np.asarray(values, np.float64), half, mode="edge")
    out = padded[: values.size].copy()
    for shift in range(1, 2 * half + 1):
        out += padded[shift : shift + values.size]
    return out / (2 * half + 1)


def runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First place and one past the last of every stretch in which the mask holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def gaussian_mean(values: npt.NDArray[np.floating], sigma: float) -> Values:
    """Weighted mean with a Gaussian of `sigma` values, cut at four sigma."""
    half = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    return np.convolve(np.pad(np.asarray(values, np.float64), half, mode="edge"), weights / weights.sum(), mode="valid")
