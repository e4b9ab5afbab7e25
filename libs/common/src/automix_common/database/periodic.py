"""Work that is due again and again, beside the calls of users."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg

from automix_common.database.pool import LOST
from automix_common.process.logs import logger
from automix_common.rpc.errors import Unavailable

log = logger(__name__)


async def periodically(name: str, every_seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """Does the work and waits, until cancelled. A pass that finds the database or storage away is left for the next
    one, and so is one whose statement the database refuses: it must not end the process that answers users.
    """
    while True:
        try:
            await work()
        except (*LOST, Unavailable) as error:
            log.warning(f"{name} waits", error=repr(error))
        except psycopg.Error:
            log.exception(f"{name} failed")
        await asyncio.sleep(every_seconds)
