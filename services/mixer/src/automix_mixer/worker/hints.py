"""Progress of one attempt: kept for the heartbeat, and published as hints, a few a second at most."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import nats.errors
from automix_common.process.logs import logger
from automix_common.runtime import Runtime

from automix_mixer.progress import Progress, share, subject
from automix_mixer.worker.stages import Stages

log = logger(__name__)

PUBLISH_SECONDS = 0.25
LONGEST_STAGE = 100


class Hints:
    """What watchers of one attempt are told."""

    def __init__(self, runtime: Runtime, job_id: UUID, attempt: int) -> None:
        self._runtime = runtime
        self._job_id = job_id
        self.newest = Progress(attempt, 0.0, "")
        self.stages = Stages()
        self._stage = ""

    def reach(self, progress: float, stage: str) -> None:
        """Notes how far the attempt is; it never goes back."""
        self._stage = stage[:LONGEST_STAGE]
        self.stages.reach(self._stage)
        furthest = max(share(progress), self.newest.progress)
        self.newest = Progress(self.newest.attempt, furthest, self._stage)

    def wait(self, why: str) -> None:
        """Notes in place of the stage what the attempt waits for, until it goes on or reaches the next stage."""
        self.newest = Progress(self.newest.attempt, self.newest.progress, why)

    def go_on(self) -> None:
        """Notes that the wait is over: the attempt is in the stage in which it was before."""
        self.newest = Progress(self.newest.attempt, self.newest.progress, self._stage)

    def hear(self, line: Mapping[str, Any], start: float, end: float) -> None:
        """Notes a line of the renderer, whose own 0 to 1 are `start` to `end` of the attempt."""
        self.reach(start + (end - start) * share(line.get("progress")), str(line.get("stage") or "rendering"))

    async def publish(self) -> None:
        """Publishes until cancelled."""
        published = None
        while True:
            if self.newest != published:
                published = self.newest
                await self._send(published)
            await asyncio.sleep(PUBLISH_SECONDS)

    async def row_changed(self) -> None:
        """Tells watchers that the row is worth reading."""
        await self._send(Progress(self.newest.attempt, self.newest.progress, self.newest.stage, changed=True))

    async def _send(self, hint: Progress) -> None:
        if not self._runtime.connecting.done():
            return
        try:
            await self._runtime.connecting.result().publish(subject(self._job_id), hint.encode())
        except nats.errors.Error as error:  # a hint may be lost
            log.debug("hint lost", error=repr(error))
