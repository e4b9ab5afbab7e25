"""Uploads that nobody will complete, forms that bring nothing more, and refusals that nobody will ask about."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from automix_common.database.pool import Connection, Database
from automix_common.process.logs import logger
from automix_common.process.periodic import periodically

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
        await periodically("sweeper", self._sweep_seconds, self.sweep)

    async def sweep(self) -> None:
        """Ends what is due now; objects are noted with it."""
        expired = await self._all(expire)
        if expired:
            log.info("uploads expired", count=expired)
        await self._all(close_forms)
        await self._all(partial(forget_refused, age=self._keep_refused))

    async def _all(self, sweep_batch: Callable[[Connection], Awaitable[int]]) -> int:
        """Sweeps batch by batch until one is not full; returns how many rows that was."""
        swept, batch = 0, BATCH
        while batch == BATCH:
            async with self._database.transaction() as connection:
                batch = await sweep_batch(connection)
            swept += batch
        return swept
