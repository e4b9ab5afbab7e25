"""Uploads that nobody will complete, and refusals that nobody will ask about."""

import asyncio
from datetime import timedelta

from automix_common.database import LOST, Database
from automix_common.logs import logger

from automix_media.repository import SWEEP, expire, forget_refused

log = logger(__name__)


class Sweeper:
    """Ends uploads whose time is over; any number may run at once."""

    def __init__(self, database: Database, *, every_seconds: float, keep_refused: timedelta) -> None:
        self._database = database
        self._every_seconds = every_seconds
        self._keep_refused = keep_refused

    async def run(self) -> None:
        """Sweeps until cancelled."""
        while True:
            try:
                expired = await self.sweep()
                if expired:
                    log.info("uploads expired", count=expired)
            except LOST as error:
                log.warning("sweeper waits", error=repr(error))
            await asyncio.sleep(self._every_seconds)

    async def sweep(self) -> int:
        """Ends what is due now and returns how many uploads expired; their objects are noted with it."""
        expired = 0
        batch = SWEEP
        while batch == SWEEP:
            async with self._database.transaction() as connection:
                batch = await expire(connection)
            expired += batch
        batch = SWEEP
        while batch == SWEEP:
            async with self._database.transaction() as connection:
                batch = await forget_refused(connection, self._keep_refused)
        return expired
