"""A stream of answers to a client that may read slowly, stop reading, or go away."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any

import grpc

from automix_common.rpc.errors import Unavailable

Responses = AsyncGenerator[Any, None]


class Pace:
    """Lets a stream that waits for a place end this one, even in the middle of a write."""

    def __init__(self) -> None:
        self._gives_way = False
        self._writing: asyncio.Timeout | None = None

    def give_way(self) -> None:
        """End the stream."""
        self._gives_way = True
        if self._writing is not None:
            self._writing.reschedule(asyncio.get_running_loop().time())

    async def write(self, response: Any, context: "grpc.aio.ServicerContext[Any, Any]", stall_seconds: float) -> None:
        """Sends one answer. Raises Unavailable (STREAM_TOO_SLOW, STREAM_STALLED)."""
        try:
            if not self._gives_way:
                async with asyncio.timeout(stall_seconds) as self._writing:
                    await context.write(response)
        except TimeoutError:
            if not self._gives_way:
                raise Unavailable(
                    "STREAM_STALLED", f"nothing was read for {stall_seconds:g} s: resume from the last byte that came"
                ) from None
        finally:
            self._writing = None
        if self._gives_way:
            raise Unavailable(
                "STREAM_TOO_SLOW", "others waited for this slow stream: resume from the last byte that came"
            )


PACE: ContextVar[Pace | None] = ContextVar("pace", default=None)
"""The pace of the stream of answers that the current task sends."""


async def send(responses: Responses, context: "grpc.aio.ServicerContext[Any, Any]", stall_seconds: float) -> None:
    """Writes every answer; what makes them is closed at once, however this ends.

    Raises Unavailable (STREAM_STALLED) when the client takes nothing for `stall_seconds`, and (STREAM_TOO_SLOW) when
    the stream is made to give way.
    """
    pace = Pace()
    PACE.set(pace)
    async with aclosing(responses):
        async for response in responses:
            try:
                await pace.write(response, context, stall_seconds)
            except grpc.aio.InternalError:  # the client is gone: gRPC would log its own failure to write as a defect
                raise asyncio.CancelledError from None
