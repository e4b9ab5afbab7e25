"""Composition root of the worker process."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager

from automix_common.children.child import Limits
from automix_common.database import command
from automix_common.objects.storage import S3Store
from automix_common.process.scratch import scratch_root
from automix_common.runtime import Runtime, open_runtime

from automix_mixer.settings import WorkerSettings
from automix_mixer.worker.attempt import Attempts
from automix_mixer.worker.ending import Endings
from automix_mixer.worker.intake import Intake
from automix_mixer.worker.taking import Taker


@contextmanager
def open_intake(settings: WorkerSettings, runtime: Runtime) -> Iterator[Intake]:
    """What takes jobs and works on them, with its storage and its scratch folder."""
    limits = Limits(
        memory_bytes=settings.render_memory_bytes,
        cpu_seconds=settings.render_cpu_seconds,
        wall_seconds=settings.render_wall_seconds,
        silence_seconds=settings.render_silence_seconds,
    )
    with closing(S3Store(settings)) as store, scratch_root(settings.scratch_dir) as scratch:
        stopping = asyncio.Event()
        attempts = Attempts(store, scratch, limits, patience_seconds=settings.storage_patience_seconds)
        taker = Taker(runtime, settings, attempts, Endings(runtime.database), stopping)
        yield Intake(runtime, taker, stopping, concurrency=settings.worker_concurrency)


async def serve_worker(settings: WorkerSettings) -> None:
    """Works until told to stop; answers health checks alone."""
    async with open_runtime(settings, "mixer") as runtime:
        with open_intake(settings, runtime) as intake:
            await runtime.work(settings, [intake.run])


def main() -> None:
    """Runs `python -m automix_mixer.worker`."""
    command.main("automix_mixer", WorkerSettings, serve_worker, process="automix_mixer.worker")
