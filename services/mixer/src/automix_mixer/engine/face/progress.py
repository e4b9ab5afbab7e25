"""What the caller of a mix is told while it works."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

_STEP = 0.01
_SILENCE_S = 1.0


class Progress:
    """Calls back on every new stage, on every hundredth of the work, and once a second while work goes on.

    It is safe to call from several threads; the reported share never goes back.
    """

    def __init__(self, heard: Callable[[float, str], None] | None) -> None:
        """`heard` gets the share that is done (0 to 1) and the name of the stage, one call at a time."""
        self._heard, self._lock = heard or (lambda _share, _stage: None), Lock()
        self._share, self._stage = 0.0, ""
        self._told, self._told_at = -1.0, time.monotonic()

    def tell(self, share: float, stage: str) -> None:
        """Reports the share of the mix that is done, and the stage under way."""
        with self._lock:
            changed = stage != self._stage
            self._share, self._stage = max(self._share, min(share, 1.0)), stage
            if changed or self._share - self._told >= _STEP:
                self._pass_on()

    def pulse(self) -> None:
        """Reports that some work was done, whose share is not known."""
        if time.monotonic() - self._told_at < _SILENCE_S:
            return
        with self._lock:
            self._pass_on()

    def _pass_on(self) -> None:
        self._told, self._told_at = self._share, time.monotonic()
        self._heard(self._share, self._stage)
