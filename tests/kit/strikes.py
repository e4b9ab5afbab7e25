"""Strikes that are due at a fault point, as files that the struck process marks (see automix_common.process.faults)."""

import os
from collections.abc import Mapping
from pathlib import Path

STRIKES = int(os.environ.get("AUTOMIX_TEST_STRIKES", "1"))
"""How often each point and each server is struck. `make storm` strikes more often than the suite has time for."""


class Strikes:
    """A folder of strikes. `armed` is what a process must find in its environment."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o777, parents=True, exist_ok=True)
        self._folder = folder

    def order(self, point: str, count: int = 1) -> None:
        """Makes that many more strikes due at the point."""
        made = len(self._of(point))
        for number in range(made, made + count):
            (self._folder / f"{point}.{number:04d}").touch()

    def struck(self, point: str) -> int:
        """How often a process has reached the point and was struck."""
        return sum(file.suffix == ".struck" for file in self._of(point))

    def due(self, *points: str) -> int:
        """How many strikes of these points have not happened yet."""
        return sum(file.suffix != ".struck" for point in points for file in self._of(point))

    def armed(self, *points: str, action: str = "kill") -> Mapping[str, str]:
        """The environment that lets a process be struck at these points."""
        return {
            "AUTOMIX_FAULT_POINT": ",".join(points),
            "AUTOMIX_FAULT_DIR": str(self._folder),
            "AUTOMIX_FAULT_ACTION": action,
        }

    def _of(self, point: str) -> list[Path]:
        return list(self._folder.glob(f"{point}.[0-9]*"))
