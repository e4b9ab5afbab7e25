"""Waiting for audio storage that is away for a while: not the job's fault, and no reason to lose its work."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from automix_common.process.logs import logger
from automix_common.rpc.errors import Unavailable

log = logger(__name__)

Result = TypeVar("Result")

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 10.0
UNTOLD_SECONDS = 3.0
"""A storage server that is restarted is back before anybody need know."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How many `seconds` storage may be away.

    `tell` is given the error while nothing is tried, but not at once, `retry` before each further try, which may take
    long; `go_on` is called when storage is back after that.
    """

    seconds: float
    tell: Callable[[Unavailable], None]
    retry: Callable[[Unavailable], None]
    go_on: Callable[[], None]

    async def call(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Tries `work` again while storage is away. Raises Unavailable when it stays away longer than that."""
        began = time.monotonic()
        pause = FIRST_SECONDS
        told: Unavailable | None = None
        while True:
            try:
                result = await work()
            except Unavailable as error:
                waited = time.monotonic() - began
                if waited + pause > self.seconds:
                    raise
                log.warning("storage waits", error=str(error), pause_seconds=pause)
                if waited >= UNTOLD_SECONDS:
                    self.tell(error)
                    told = error
            else:
                if told is not None:
                    self.go_on()
                return result
            await asyncio.sleep(pause)
            if told is not None:
                self.retry(told)
            pause = min(LONGEST_SECONDS, pause * 2)
