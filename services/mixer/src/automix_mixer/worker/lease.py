"""The hold on a job, extended while it is worked on."""

import asyncio

from automix_common.database.pool import LOST, Database
from automix_common.events.messaging import MESSAGING_LOST
from automix_common.process.logs import logger
from nats.aio.msg import Msg
from prometheus_client import Counter

from automix_mixer.domain import Claim
from automix_mixer.repository.lifecycle import extend
from automix_mixer.worker.hints import Hints
from automix_mixer.worker.outcomes import Gone, Stopped

log = logger(__name__)

LOST_LEASES = Counter("automix_leases_lost_total", "Attempts whose job was taken away while they worked on it")


class Lease:
    """Heartbeats of one attempt."""

    def __init__(
        self, database: Database, claimed: Claim, message: Msg, hints: Hints, *, lease_seconds: float, every: float
    ) -> None:
        self._database = database
        self._claimed = claimed
        self._message = message
        self._hints = hints
        self._lease_seconds = lease_seconds
        self._every = every

    async def keep(self) -> Stopped | Gone:
        """Extends the lease and the delivery until the work must stop, and says why.

        While the database is away nobody else can take the job, so the work goes on; should the lease expire
        meanwhile, the attempt number keeps a late commit out.
        """
        while True:
            await asyncio.sleep(self._every)
            try:
                await self._message.in_progress()
            except MESSAGING_LOST as error:
                log.warning("delivery not extended", error=repr(error))
            try:
                cancelled = await self._extend()
            except LOST as error:
                log.warning("lease not extended", error=repr(error))
                continue
            if cancelled is None:
                LOST_LEASES.inc()
                return Gone()
            if cancelled:
                return Stopped()

    async def _extend(self) -> bool | None:
        newest = self._hints.newest
        async with self._database.read() as connection:
            return await extend(
                connection,
                self._claimed.job_id,
                self._claimed.attempt,
                lease_seconds=self._lease_seconds,
                progress=newest.progress,
                stage=newest.stage,
            )
