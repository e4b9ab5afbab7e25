"""Waiting for audio storage that is away for a while: not the job's fault, and no reason to lose its work."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from automix_common.process.logs import logger
from automix_common.rpc.errors import Unavailable

log = logger(__name__)

Result = TypeVar("Result")

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 10.0


async def with_patience(work: Callable[[], Awaitable[Result]], seconds: float) -> Result:
    """Tries `work` again while storage is away. Raises Unavailable when it stays away longer than `seconds`."""
    deadline = time.monotonic() + seconds
    pause = FIRST_SECONDS
    while True:
        try:
            return await work()
        except Unavailable as error:
            if time.monotonic() + pause > deadline:
                raise
            log.warning("storage waits", error=str(error), pause_seconds=pause)
        await asyncio.sleep(pause)
        pause = min(LONGEST_SECONDS, pause * 2)
