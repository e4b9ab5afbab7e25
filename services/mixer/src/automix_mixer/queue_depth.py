"""How long the queue is and how long its oldest job has waited, for Prometheus. Every replica tells the same."""

from automix_common.database.pool import Database
from automix_common.process.periodic import periodically
from prometheus_client import Gauge

from automix_mixer.statements.life import QUEUE_DEPTH

JOBS = Gauge("automix_jobs", "Jobs that wait (queued) and that are worked on (processing)", ["status"])
OLDEST = Gauge("automix_oldest_queued_job_seconds", "How long the oldest queued job has waited")


class QueueDepth:
    """Reads the queue again and again."""

    def __init__(self, database: Database, every_seconds: float) -> None:
        self._database = database
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Reads until cancelled."""
        await periodically("queue depth", self._every_seconds, self.read)

    async def read(self) -> None:
        """One reading."""
        async with self._database.read() as connection:
            queue = await QUEUE_DEPTH.one(connection)
        if queue is not None:
            JOBS.labels(status="queued").set(queue.queued)
            JOBS.labels(status="processing").set(queue.processing)
            OLDEST.set(queue.oldest_seconds)
