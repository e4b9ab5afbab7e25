"""A job as it changes: hints come over core NATS, and what counts is read from the row, hint or not."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from uuid import UUID

import nats.errors
from automix_common.process.logs import logger
from automix_common.rpc.context import Principal
from automix_common.rpc.errors import ResourceExhausted, Unauthenticated, Unavailable, mine
from automix_common.rpc.shares import Shares
from automix_common.runtime import Runtime
from nats.aio.msg import Msg

from automix_mixer.domain import Job, JobStatus
from automix_mixer.progress import Progress, decode, subject
from automix_mixer.repository.jobs import Jobs

log = logger(__name__)

QUEUED_HINTS = 64
RETRY_SECONDS = 5.0


class Watcher:
    """Follows jobs; any replica can, and none needs NATS to."""

    def __init__(self, runtime: Runtime, *, poll_seconds: float, watches_of_user: int) -> None:
        self._runtime = runtime
        self._poll_seconds = poll_seconds
        self._shares = Shares(watches_of_user, _too_many)

    async def watch(self, watching: Principal, job_id: UUID) -> AsyncGenerator[Job, None]:
        """Yields the job now, on each change, and lastly in its terminal state, which comes from the row alone.

        Raises PermissionDenied (NOT_YOURS) when the job is not the watcher's or is deleted meanwhile, Unauthenticated
        (TOKEN_EXPIRED) when their token expires, Unavailable (STOPPING) when this process stops, ResourceExhausted
        (WATCHES_BUSY) when they watch too much.
        """
        with self._shares.held(watching.user_id):
            async with self._hints(job_id) as hints, aclosing(self._changes(watching, job_id, hints)) as changes:
                async for job in changes:
                    yield job

    async def _changes(
        self, watching: Principal, job_id: UUID, hints: "asyncio.Queue[Progress]"
    ) -> AsyncGenerator[Job, None]:
        shown: Job | None = None
        while True:
            job = _not_behind(shown, await self._read(watching.user_id, job_id))
            if job != shown:
                yield job
                shown = job
            if job.status.ended:
                return
            async for hint in self._until_next_reading(watching, hints, job):
                moved = replace(job, progress=max(hint.progress, job.progress), stage=hint.stage)
                if moved != shown:
                    yield moved
                    shown = moved

    async def _read(self, owner_id: UUID, job_id: UUID) -> Job:
        async with self._runtime.database.read() as connection:
            return mine(await Jobs(connection, owner_id).get(job_id), "job")

    async def _until_next_reading(
        self, watching: Principal, hints: "asyncio.Queue[Progress]", job: Job
    ) -> AsyncIterator[Progress]:
        """Yields the hints of the attempt that was read, until it is time to read the row again."""
        read_again = time.monotonic() + self._poll_seconds
        while (left := read_again - time.monotonic()) > 0:
            hint = await self._hint_within(min(left, _lifetime(watching)), hints)
            if hint is None:
                continue
            if hint.changed or job.status is not JobStatus.PROCESSING or hint.attempt != job.attempt:
                return
            yield hint

    async def _hint_within(self, seconds: float, hints: "asyncio.Queue[Progress]") -> Progress | None:
        if self._runtime.stopping.is_set():
            raise Unavailable("STOPPING", "this server is stopping: watch again")
        hint = asyncio.ensure_future(hints.get())
        stopping = asyncio.ensure_future(self._runtime.stopping.wait())
        try:
            await asyncio.wait({hint, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                raise Unavailable("STOPPING", "this server is stopping: watch again")
            return hint.result() if hint.done() else None
        finally:
            hint.cancel()
            stopping.cancel()

    @asynccontextmanager
    async def _hints(self, job_id: UUID) -> AsyncIterator["asyncio.Queue[Progress]"]:
        """Subscribes before the first reading, so that nothing falls between; without NATS there are no hints."""
        hints: asyncio.Queue[Progress] = asyncio.Queue(QUEUED_HINTS)

        async def take(message: Msg) -> None:
            hint = decode(message.data)
            if hint is not None and not hints.full():
                hints.put_nowait(hint)

        connecting = self._runtime.connecting
        if not connecting.done():
            yield hints
            return
        try:
            subscription = await connecting.result().subscribe(subject(job_id), cb=take)
        except nats.errors.Error as error:
            log.warning("watching without hints", error=repr(error))
            yield hints
            return
        try:
            yield hints
        finally:
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()


def _too_many() -> ResourceExhausted:
    return ResourceExhausted(
        "WATCHES_BUSY", "you watch too many jobs at the same time: end a watch first", retry_after_seconds=RETRY_SECONDS
    )


def _lifetime(watching: Principal) -> float:
    """Seconds that the watcher's token is still good for. Raises Unauthenticated (TOKEN_EXPIRED)."""
    left = watching.expires_at - time.time()
    if left <= 0:
        raise Unauthenticated("TOKEN_EXPIRED", "the access token has expired: refresh it and watch again")
    return left


def _not_behind(shown: Job | None, job: Job) -> Job:
    """The row as read, except that progress of the same attempt which a hint has shown is not taken back."""
    if shown is None or shown.attempt != job.attempt or not (shown.status is job.status is JobStatus.PROCESSING):
        return job
    return replace(job, progress=max(shown.progress, job.progress), stage=shown.stage or job.stage)
