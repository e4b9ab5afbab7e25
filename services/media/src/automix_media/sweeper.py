"""Uploads that nobody will complete, forms that bring nothing more, and refusals that nobody will ask about."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from automix_common.database import LOST, Connection, Database
from automix_common.logs import logger

from automix_media.repository.overdue import BATCH, close_forms, expire, forget_refused

log = logger(__name__)


class Sweeper:
    """Ends uploads whose time is over; any number may run at once."""

    def __init__(self, database: Database, *, sweep_seconds: float, keep_refused: timedelta) -> None:
        self._database = database
        self._sweep_seconds = sweep_seconds
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
            await asyncio.sleep(self._sweep_seconds)

    async def sweep(self) -> int:
        """Ends what is due now and returns how many uploads expired; their objects are noted with it."""
        expired = await self._all(expire)
        await self._all(close_forms)
        await self._all(partial(forget_refused, age=self._keep_refused))
        return expired

    async def _all(self, sweep_batch: Callable[[Connection], Awaitable[int]]) -> int:
        """Sweeps batch by batch until one is not full; returns how many rows that was."""
        swept, batch = 0, BATCH
        while batch == BATCH:
            async with self._database.transaction() as connection:
                batch = await sweep_batch(connection)
            swept += batch
        return swept
