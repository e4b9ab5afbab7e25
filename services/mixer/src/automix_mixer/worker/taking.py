"""One delivery, from the claim to the acknowledgement: the job is worked on while its lease is kept, then ended."""

import asyncio
import secrets
import time
from uuid import UUID

from automix.events.v1 import events_pb2
from automix_common.database.pool import LOST, Database
from automix_common.events.messaging import MESSAGING_LOST
from automix_common.process import faults, telemetry
from automix_common.process.ids import age_seconds
from automix_common.process.logs import logger
from automix_common.rpc.context import CallContext, enter, trace_id_of
from automix_common.runtime import Runtime
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg
from prometheus_client import Counter, Histogram

from automix_mixer.domain import Claim
from automix_mixer.repository.lifecycle import claim, claim_next, reclaim
from automix_mixer.settings import WorkerSettings
from automix_mixer.worker.attempt import Attempts
from automix_mixer.worker.ending import Endings
from automix_mixer.worker.hints import Hints
from automix_mixer.worker.lease import Lease
from automix_mixer.worker.outcomes import Failed, Outcome, Refused, Rendered, Stopped

log = logger(__name__)

PAUSE_SECONDS = 0.3
AGAIN_SECONDS = 5.0

WAIT = Histogram(
    "automix_job_wait_seconds",
    "From a job's creation to its first claim",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600),
)
REAL_TIME = Histogram(
    "automix_real_time_factor",
    "Length of a mix over the time that its attempt took, fetching and storing included",
    buckets=(1, 2, 5, 10, 15, 20, 30, 40, 60, 80, 100),
)
FAILURES = Counter(
    "automix_attempt_failures_total",
    "Attempts that ended without a mix, by reason and by what the job became",
    ["reason", "status"],
)
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
        with telemetry.span("take job", kind="CONSUMER", parent=event.traceparent) as span:
            enter(CallContext(method="job.queued", trace_id=span.trace_id or trace_id_of(event.traceparent)))
            await self._deliver(worker_id, job_id, message)

    async def _deliver(self, worker_id: str, job_id: UUID, message: Msg) -> None:
        try:
            # Each delivery claims under a name of its own, by which it finds its claim when the answer was lost.
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
        if claimed.attempt == 1:
            WAIT.observe(age_seconds(claimed.job_id))
        # A delivery may lead to another job than the one that it announced: the attempt belongs to its own job's trace.
        parent = claimed.traceparent or ""
        with telemetry.span("attempt", kind="CONSUMER", parent=parent, attributes=_described(claimed)) as span:
            enter(CallContext(method="job.queued", trace_id=span.trace_id or trace_id_of(parent)))
            await self._attempt_whole(claimed, message, span)

    async def _attempt_whole(self, claimed: Claim, message: Msg, span: telemetry.Span) -> None:
        job_id = claimed.job_id
        log.info("taken", job_id=str(job_id), attempt=claimed.attempt)
        began = time.monotonic()
        hints = Hints(self._runtime, job_id, claimed.attempt)
        await hints.row_changed()
        outcome = await self._attempt(claimed, message, hints)
        status = await self._endings.settle(claimed, outcome)
        went = type(outcome).__name__.lower()
        ATTEMPTS.labels(outcome=went).inc()
        reason = outcome.error.reason if isinstance(outcome, Refused | Failed) else None
        span.note({"automix.outcome": went, "automix.status": status.value if status else ""})
        if isinstance(outcome, Rendered):
            REAL_TIME.observe(outcome.render.duration / (time.monotonic() - began))
        if reason is not None:
            span.failed(reason)
            FAILURES.labels(reason=reason, status=status.value if status else "").inc()
        log.info(
            "attempt over", job_id=str(job_id), attempt=claimed.attempt, outcome=went, reason=reason, status=status
        )
        await hints.row_changed()

    async def _claim(self, worker_id: str, announced: UUID) -> Claim | None:
        """Claims a job to work on. A delivery says that some job waits; which one is taken depends on whose turn it is.

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
        """Acknowledges the delivery. An acknowledgement that gets lost does no harm: the job is delivered again, and
        the claim refuses it."""
        try:
            if drop:
                await message.term()
            elif again_seconds is not None:
                await message.nak(delay=again_seconds)
            else:
                await message.ack()
        except MESSAGING_LOST as error:
            log.warning("acknowledgement lost", error=repr(error))


def _described(claimed: Claim) -> telemetry.Attributes:
    return {
        "automix.job_id": str(claimed.job_id),
        "automix.attempt": claimed.attempt,
        "automix.tracks": len(claimed.inputs),
    }
