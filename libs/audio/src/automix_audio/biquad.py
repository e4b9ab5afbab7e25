"""Cascades of second-order sections on a stream."""

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

_MODULE = "_sosfilt"


class BiquadCascade:
    """Filters channels through `sos`, shape (sections, 6) as in scipy.signal, keeping its state between blocks."""

    def __init__(self, sos: NDArray[np.float64], channels: int) -> None:
        self._sos = np.ascontiguousarray(sos, np.float64)
        self._state = np.zeros((channels, len(sos), 2))
        self._filter = _in_place_filter()

    def process(self, signal: NDArray[np.float64]) -> None:
        """Filter the next block in place, shape (channels, n), contiguous."""
        self._filter(self._sos, signal, self._state)


def _in_place_filter() -> Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], None]:
    """The kernel of scipy.signal.sosfilt: (sos, signal (channels, n), state (channels, sections, 2)), in place.

    Loaded without its package: `import scipy.signal` brings in scipy.stats and costs 0.7 s of CPU, more than
    verifying a usual upload; the kernel alone takes a millisecond.
    """
    name = f"scipy.signal.{_MODULE}"
    module = sys.modules.get(name)
    if module is None:
        folder = Path(scipy.__file__).parent / "signal"
        found = importlib.machinery.PathFinder.find_spec(_MODULE, [str(folder)])
        if found is None or found.loader is None:
            module = importlib.import_module(name)
        else:
            module = importlib.util.module_from_spec(found)
            found.loader.exec_module(module)
    kernel: Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], None] = module._sosfilt
    return kernel
