"""Deliveries of queued jobs, pulled one at a time for each job that this process may work on at once."""

import asyncio
import os
import secrets
import socket
from collections.abc import Coroutine
from typing import Any, TypeVar

from automix_common.events.messaging import fetch
from automix_common.runtime import Runtime
from automix_platform.events import STREAM

from automix_mixer.worker.taking import Taker

DURABLE = "worker-job-queued"
STOP_SECONDS = 5.0
"""How long a stopping worker tries to hand its jobs back; what it cannot, the sweeper finds."""

Result = TypeVar("Result")


class Intake:
    """Takes jobs for this process. `stopping` is shared with the taker, which hands back what it works on."""

    def __init__(self, runtime: Runtime, taker: Taker, stopping: asyncio.Event, *, concurrency: int) -> None:
        self._runtime = runtime
        self._taker = taker
        self._stopping = stopping
        self._concurrency = concurrency
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    async def run(self) -> None:
        """Works until cancelled; then hands back what it holds."""
        slots = [asyncio.ensure_future(self._slot(f"{self._name}:{number}")) for number in range(self._concurrency)]
        try:
            done, _ = await asyncio.wait(slots, return_when=asyncio.FIRST_EXCEPTION)
            for slot in done:
                slot.result()
        finally:
            self._stopping.set()
            await asyncio.wait(slots, timeout=STOP_SECONDS)
            for slot in slots:
                slot.cancel()

    async def _slot(self, worker_id: str) -> None:
        stream = await self._unless_stopping(self._runtime.stream())
        if stream is None:
            return
        subscription = await stream.pull_subscribe_bind(consumer=DURABLE, stream=STREAM)
        while not self._stopping.is_set():
            for message in await self._unless_stopping(fetch(subscription, DURABLE, 1)) or []:
                await self._taker.take(worker_id, message)

    async def _unless_stopping(self, work: Coroutine[Any, Any, Result]) -> Result | None:
        """The result of `work`, None when the process stops first."""
        working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)
