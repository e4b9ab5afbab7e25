"""Medians and quantiles, the same to the bit as numpy's own, which import masked arrays at their first call: that takes
longer than mixing three seconds of music, and every mix would pay it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt


def median(values: npt.NDArray[np.floating]) -> np.floating[Any]:
    """The middle value, or the mean of the two in the middle; shape (n,), n > 0, without NaN."""
    upper = values.size // 2
    lower = upper if values.size % 2 else upper - 1
    return np.mean(np.partition(values, (lower, upper))[lower : upper + 1])


def quantile(values: npt.NDArray[np.floating], share: float) -> np.floating[Any]:
    """The value that `share` (0 to 1) of all lie under, linear between neighbours; shape (n,), n > 0, without NaN."""
    place = (values.size - 1) * share
    lower = math.floor(place)
    upper = min(lower + 1, values.size - 1)
    ordered = np.partition(values, (lower, upper))
    weight, apart = place - lower, ordered[upper] - ordered[lower]
    # From the nearer of both, as numpy does.
    value: np.floating[Any] = ordered[lower] + apart * weight if weight < 0.5 else ordered[upper] - apart * (1 - weight)
    return value
