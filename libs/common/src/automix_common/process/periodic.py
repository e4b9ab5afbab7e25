"""Work that is due again and again, beside the calls of users."""

import asyncio
from collections.abc import Awaitable, Callable

from automix_common.process.logs import logger

log = logger(__name__)


async def periodically(name: str, every_seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """Does the work and waits, until cancelled.

    A pass that fails is logged and left for the next one: it must not end the process that answers users. The same
    failure, met again pass after pass, is logged in one line.
    """
    last: type[Exception] | None = None
    while True:
        try:
            await work()
            last = None
        except Exception as error:
            if type(error) is last:
                log.warning(f"{name} fails again", error=repr(error))
            else:
                log.exception(f"{name} failed")
            last = type(error)
        await asyncio.sleep(every_seconds)
