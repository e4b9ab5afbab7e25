"""The end of an attempt, written with its fence: once, whatever becomes of the connection at the commit."""

import asyncio

import psycopg
from automix_common.database.pool import LOST, Connection, Database
from automix_common.process import faults
from automix_common.process.logs import logger

from automix_mixer.domain import Claim, JobError, JobStatus
from automix_mixer.repository.lifecycle import count_failure, fail, hand_back, hold, standing, succeed
from automix_mixer.worker.outcomes import Failed, Gone, Outcome, Refused, Rendered

log = logger(__name__)

PAUSE_SECONDS = 0.3
NOT_KEPT = JobError("RENDER_FAILED", "the finished mix could not be recorded each time it was tried")


class Endings:
    """Writes ends, and tries again for as long as the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settle(self, claimed: Claim, outcome: Outcome) -> JobStatus | None:
        """The status that the job has now; None when the job was no longer this attempt's, and nothing was written.
        Every write applies only while the job is processing with this attempt. So when a connection breaks at COMMIT,
        the write is repeated: if the first one was committed, the second finds nothing to do, and the row tells the
        outcome.
        """
        uncertain = False
        while True:
            try:
                status = await self._write(claimed, outcome)
                if status is None and uncertain:
                    return await self._became(claimed)
            except LOST as error:
                uncertain = True
                log.warning("the end of an attempt waits", job_id=str(claimed.job_id), error=repr(error))
                await asyncio.sleep(PAUSE_SECONDS)
            except psycopg.Error:
                if not isinstance(outcome, Rendered):
                    raise
                log.exception("a render cannot be recorded", job_id=str(claimed.job_id))
                outcome = Failed(NOT_KEPT)
            else:
                return status

    async def _write(self, claimed: Claim, outcome: Outcome) -> JobStatus | None:
        if isinstance(outcome, Gone):
            return None
        async with self._database.transaction() as connection:
            status = await _apply(connection, claimed, outcome)
            if status is JobStatus.SUCCEEDED:
                faults.reach("worker.before_commit")
        if status is JobStatus.SUCCEEDED:
            faults.reach("worker.after_commit")
        return status

    async def _became(self, claimed: Claim) -> JobStatus | None:
        while True:
            try:
                async with self._database.read() as connection:
                    found = await standing(connection, claimed.job_id)
            except LOST:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            return JobStatus(found.status) if found is not None and found.attempt == claimed.attempt else None


async def _apply(connection: Connection, claimed: Claim, outcome: Outcome) -> JobStatus | None:
    if isinstance(outcome, Rendered) and await succeed(connection, claimed, outcome.render):
        return JobStatus.SUCCEEDED
    held = await hold(connection, claimed.job_id, claimed.attempt)
    if held is None:
        return None
    if isinstance(outcome, Refused):
        return await fail(connection, held, outcome.error)
    if isinstance(outcome, Failed):
        return await count_failure(connection, held, outcome.error)
    # The attempt was stopped by its owner or by this process, or its render came after its owner's cancel.
    return await hand_back(connection, held)
