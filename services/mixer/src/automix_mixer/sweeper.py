"""Ends what nobody will end, and announces again what nobody has heard."""

import psycopg
from automix_common.database.pool import LOST, Database
from automix_common.process.logs import logger
from automix_common.process.periodic import periodically

from automix_mixer.domain import JobError
from automix_mixer.repository.lifecycle import count_failure, hold
from automix_mixer.repository.overdue import announce_stale, expired_leases, lock_sweep

log = logger(__name__)

WORKER_LOST = JobError("WORKER_LOST", "the machines that worked on it were lost three times: try again later")


class Sweeper:
    """Looks after abandoned jobs; every replica runs one, and one at a time works."""

    def __init__(self, database: Database, *, sweep_seconds: float, stale_seconds: float) -> None:
        self._database = database
        self._sweep_seconds = sweep_seconds
        self._stale_seconds = stale_seconds

    async def run(self) -> None:
        """Sweeps until cancelled."""
        await periodically("sweeper", self._sweep_seconds, self.sweep)

    async def sweep(self) -> None:
        """One pass, which takes a batch of each kind; nothing when another replica is at it."""
        async with self._database.transaction() as guard:
            if not await lock_sweep(guard):
                return
            for job_id, attempt in await expired_leases(guard):
                try:
                    async with self._database.transaction() as connection:
                        held = await hold(connection, job_id, attempt, expired=True)
                        status = held and await count_failure(connection, held, WORKER_LOST)
                except LOST:
                    raise
                except psycopg.Error:  # one job that cannot be ended must not keep the others from it
                    log.exception("an abandoned job stays", job_id=str(job_id))
                    continue
                if status:
                    log.warning("worker lost", job_id=str(job_id), attempt=attempt, status=status.value)
            async with self._database.transaction() as connection:
                announced = await announce_stale(connection, self._stale_seconds)
            if announced:
                log.info("queued jobs announced again", count=len(announced))
