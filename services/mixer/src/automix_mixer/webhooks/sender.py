"""Sends deliveries as they come due; every replica does, and none sends to a webhook to which another is sending."""

import asyncio
import time
from datetime import timedelta

from automix_common.database.pool import Database
from automix_common.process import faults
from automix_common.process.logs import logger
from automix_common.process.periodic import periodically
from prometheus_client import Counter

from automix_mixer.webhooks.calling import ANSWER_SECONDS, Caller
from automix_mixer.webhooks.domain import DELIVERIES_KEPT, Sending
from automix_mixer.webhooks.repository import forget, record, take_next

log = logger(__name__)

LEASE = timedelta(seconds=ANSWER_SECONDS + 15)
"""Lease of an attempt: longer than it takes to make it and to write its outcome."""
AT_ONCE = 16
"""Attempts under way in a process: each waits for somebody else's server."""
FORGET_SECONDS = 3600.0

ATTEMPTS = Counter("automix_webhook_attempts_total", "Attempts at deliveries of webhooks", ["outcome"])


class Sender:
    """Works until cancelled."""

    def __init__(self, database: Database, caller: Caller, sweep_seconds: float) -> None:
        self._database = database
        self._caller = caller
        self._sweep_seconds = sweep_seconds
        self._sending: set[asyncio.Task[None]] = set()
        self._forgotten_at = float("-inf")

    async def run(self) -> None:
        """Looks for what is due again and again, until cancelled; what is under way then is sent again later."""
        try:
            await periodically("webhooks", self._sweep_seconds, self.sweep)
        finally:
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)

    async def sweep(self) -> None:
        """Begins what is due, as many at once as there is room for."""
        while len(self._sending) < AT_ONCE:
            async with self._database.transaction() as connection:
                sending = await take_next(connection, LEASE)
            if sending is None:
                break
            task = asyncio.ensure_future(self._send(sending))
            self._sending.add(task)
            task.add_done_callback(self._sent)
        if time.monotonic() - self._forgotten_at > FORGET_SECONDS:
            async with self._database.transaction() as connection:
                await forget(connection, DELIVERIES_KEPT)
            self._forgotten_at = time.monotonic()

    async def settle(self) -> None:
        """Waits for what is under way."""
        while self._sending:
            await asyncio.wait(self._sending)

    def _sent(self, task: "asyncio.Task[None]") -> None:
        self._sending.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # the lease ends, and it is sent again
            log.warning("what became of a delivery is not recorded", error=repr(error))

    async def _send(self, sending: Sending) -> None:
        answer = await self._caller.post(sending)
        faults.reach("webhooks.before_record")
        async with self._database.transaction() as connection:
            await record(connection, sending, answer)
        ATTEMPTS.labels(outcome="delivered" if answer.is_success else "failed").inc()
        log.info(
            "webhook called",
            delivery_id=str(sending.id),
            webhook_id=str(sending.webhook_id),
            attempt=sending.attempts,
            status=answer.status,
            error=answer.error,
        )
