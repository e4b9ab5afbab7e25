"""How long to keep trying."""

from __future__ import annotations

import asyncio
import secrets
import time

from automix_client.errors import AutomixError
from automix_client.settings import Patience


class Backoff:
    """Waits between attempts that grow from failure to failure and start anew when something has moved."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._random = secrets.SystemRandom()
        self.moved()

    def moved(self) -> None:
        """Something arrived: failures so far no longer count."""
        self._failures = 0
        self._since = time.monotonic()

    @property
    def failures(self) -> int:
        """Failures since something moved."""
        return self._failures

    async def wait(self) -> None:
        """Waits before the next attempt, between half of the step and all of it so that clients spread out."""
        step = min(self._patience.backoff_first * 2**self._failures, self._patience.backoff_most)
        self._failures += 1
        await asyncio.sleep(self._random.uniform(step / 2, step))

    async def wait_or_raise(self, error: AutomixError) -> None:
        """Waits before the next attempt, or raises `error` when nothing has moved for too long."""
        if time.monotonic() - self._since > self._patience.stubborn:
            raise error
        await self.wait()
