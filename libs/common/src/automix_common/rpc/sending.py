"""A stream of answers to a client that may read slowly, stop reading, or go away."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc

from automix_common.rpc.errors import Unavailable

Responses = AsyncGenerator[Any, None]


async def send(responses: Responses, context: "grpc.aio.ServicerContext[Any, Any]", stall_seconds: float) -> None:
    """Writes every answer; what makes them is closed at once, however this ends.

    Raises Unavailable (STREAM_STALLED) when the client takes nothing for `stall_seconds`.
    """
    async with aclosing(responses):
        async for response in responses:
            try:
                async with asyncio.timeout(stall_seconds):
                    await context.write(response)
            except TimeoutError:
                raise Unavailable(
                    "STREAM_STALLED", f"nothing was read for {stall_seconds:g} s: resume from the last byte that came"
                ) from None
            except grpc.aio.InternalError:  # the client is gone: gRPC would log its own failure to write as a defect
                raise asyncio.CancelledError from None
