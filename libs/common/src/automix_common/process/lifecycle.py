"""How a process lives: it says whether it is ready, works beside its calls, and stops when it is told to."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from prometheus_client import start_http_server

from automix_common.process.settings import ProcessSettings

READY_SECONDS = 1.0
CANCEL_AGAIN_SECONDS = 10.0
"""Seconds until work that does not end is cancelled again; work that ends in order takes less."""

Background = Callable[[], Awaitable[None]]
Ready = Callable[[], Awaitable[bool]]
"""Whether the process can do its work at the moment."""


async def always_ready() -> bool:
    """The readiness of a process that depends on nothing."""
    return True


def show_metrics(settings: ProcessSettings) -> None:
    """Serves Prometheus metrics where the settings say, if they do."""
    if settings.metrics_listen:
        host, _, port = settings.metrics_listen.rpartition(":")
        start_http_server(int(port), host)


@asynccontextmanager
async def at_work(
    background: Sequence[Background], ready: Ready, report: Callable[[bool], Awaitable[None]]
) -> AsyncIterator["asyncio.Future[object]"]:
    """Runs background work during the block, from when the process is first ready.

    `report` is told every second whether the process is ready. The future that is yielded fails when one of the works
    fails.
    """
    begun = asyncio.Event()

    async def watch() -> None:
        while True:
            is_ready = await ready()
            if is_ready:
                begun.set()
            await report(is_ready)
            await asyncio.sleep(READY_SECONDS if is_ready else READY_SECONDS / 10)

    async def once_begun(work: Background) -> None:
        await begun.wait()
        await work()

    async with running([*(partial(once_begun, work) for work in background), watch]) as failed:
        yield failed


async def stop_asked_or(failed: "asyncio.Future[object]") -> None:
    """Returns when SIGTERM or SIGINT asks for a stop; raises what a background task raised."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    waiting: asyncio.Future[object] = asyncio.ensure_future(asked.wait())
    await asyncio.wait([waiting, failed], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if failed.done():
        failed.result()


@asynccontextmanager
async def running(background: Sequence[Background]) -> AsyncIterator["asyncio.Future[object]"]:
    """Runs background work for the length of the block; the future yielded fails when one of them does."""
    failed: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    def ended(task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not failed.done():
            failed.set_exception(error)

    tasks: list[asyncio.Task[None]] = []
    for work in background:
        task = asyncio.ensure_future(work())
        task.add_done_callback(ended)
        tasks.append(task)
    try:
        yield failed
    finally:
        await _end(tasks)
        failed.cancel()


async def _end(tasks: "Sequence[asyncio.Task[None]]") -> None:
    """Cancels the tasks, and again after a while: Python 3.11's wait_for, which drivers use, can lose a cancel."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)
