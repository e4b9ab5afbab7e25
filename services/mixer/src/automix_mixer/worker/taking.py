"""One delivery, from the claim to the acknowledgement: the job is worked on while its lease is kept, then ended."""

import asyncio
import secrets
from uuid import UUID

from automix.events.v1 import events_pb2
from automix_common.database.pool import LOST, Database
from automix_common.events.messaging import MESSAGING_LOST
from automix_common.process import faults
from automix_common.process.logs import logger
from automix_common.rpc.context import CallContext, enter, trace_id_of
from automix_common.runtime import Runtime
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg
from prometheus_client import Counter

from automix_mixer.domain import Claim
from automix_mixer.repository.lifecycle import claim, claim_next, reclaim
from automix_mixer.settings import WorkerSettings
from automix_mixer.worker.attempt import Attempts
from automix_mixer.worker.ending import Endings
from automix_mixer.worker.hints import Hints
from automix_mixer.worker.lease import Lease
from automix_mixer.worker.outcomes import Failed, Outcome, Refused, Stopped

log = logger(__name__)

PAUSE_SECONDS = 0.3
AGAIN_SECONDS = 5.0

ATTEMPTS = Counter("automix_attempts_total", "Attempts at jobs, by how they went", ["outcome"])


class Taker:
    """Takes the jobs that deliveries name."""

    def __init__(
        self,
        runtime: Runtime,
        settings: WorkerSettings,
        attempts: Attempts,
        endings: Endings,
        stopping: asyncio.Event,
    ) -> None:
        self._runtime = runtime
        self._database: Database = runtime.database
        self._settings = settings
        self._attempts = attempts
        self._endings = endings
        self._stopping = stopping

    async def take(self, worker_id: str, message: Msg) -> None:
        """Works on the job of a delivery, if it is there to be taken. Raises nothing but cancellation."""
        try:
            event = events_pb2.Event.FromString(message.data)
            job_id = UUID(event.job_queued.job_id)
        except (DecodeError, ValueError):
            log.exception("delivery cannot be read and is dropped", sequence=message.metadata.sequence.stream)
            await self._answer(message, drop=True)
            return
        enter(CallContext(method="job.queued", trace_id=trace_id_of(event.traceparent)))
        try:
            # Each delivery takes under a name of its own, by which a claim whose answer was lost is found again.
            await self._work(f"{worker_id}:{secrets.token_hex(4)}", job_id, message)
        except Exception:  # a defect costs this delivery and not the process its life
            log.exception("delivery failed", job_id=str(job_id))
            await self._answer(message, again_seconds=AGAIN_SECONDS)
        else:
            await self._answer(message)

    async def _work(self, worker_id: str, announced: UUID, message: Msg) -> None:
        claimed = await self._claim(worker_id, announced)
        if claimed is None:
            log.info("nothing to take", job_id=str(announced))
            return
        faults.reach("worker.after_claim")
        job_id = claimed.job_id
        enter(CallContext(method="job.queued", trace_id=trace_id_of(claimed.traceparent or "")))
        log.info("taken", job_id=str(job_id), attempt=claimed.attempt)
        hints = Hints(self._runtime, job_id, claimed.attempt)
        await hints.row_changed()
        outcome = await self._attempt(claimed, message, hints)
        status = await self._endings.settle(claimed, outcome)
        went = type(outcome).__name__.lower()
        ATTEMPTS.labels(outcome=went).inc()
        reason = outcome.error.reason if isinstance(outcome, Refused | Failed) else None
        log.info(
            "attempt over", job_id=str(job_id), attempt=claimed.attempt, outcome=went, reason=reason, status=status
        )
        await hints.row_changed()

    async def _claim(self, worker_id: str, announced: UUID) -> Claim | None:
        """A job to work on. A delivery says that one waits, not which: that is decided by whose turn it is.

        Where none waits, the announced job may still be one whose worker is lost.
        """
        lease = self._settings.lease_seconds
        uncertain = False
        while True:
            try:
                async with self._database.pipelined() as connection:
                    claimed = None
                    if uncertain:  # a claim whose COMMIT went unanswered may have taken a job
                        claimed = await reclaim(connection, worker_id=worker_id, lease_seconds=lease)
                    return (
                        claimed
                        or await claim_next(connection, worker_id=worker_id, lease_seconds=lease)
                        or await claim(connection, announced, worker_id=worker_id, lease_seconds=lease)
                    )
            except LOST as error:
                if self._stopping.is_set():
                    raise
                uncertain = True
                log.warning("claim waits", job_id=str(announced), error=repr(error))
                await asyncio.sleep(PAUSE_SECONDS)

    async def _attempt(self, claimed: Claim, message: Msg, hints: Hints) -> Outcome:
        lease = Lease(
            self._database,
            claimed,
            message,
            hints,
            lease_seconds=self._settings.lease_seconds,
            every=self._settings.heartbeat_seconds,
        )
        publishing = asyncio.ensure_future(hints.publish())
        working = asyncio.ensure_future(self._attempts.make(claimed, hints))
        keeping = asyncio.ensure_future(lease.keep())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({working, keeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            return keeping.result() if keeping.done() else Stopped()
        finally:
            tasks = (publishing, working, keeping, stopping)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, message: Msg, *, drop: bool = False, again_seconds: float | None = None) -> None:
        """Acknowledges; what is lost on the way is delivered again, and refused by the claim."""
        try:
            if drop:
                await message.term()
            elif again_seconds is not None:
                await message.nak(delay=again_seconds)
            else:
                await message.ack()
        except MESSAGING_LOST as error:
            log.warning("acknowledgement lost", error=repr(error))
