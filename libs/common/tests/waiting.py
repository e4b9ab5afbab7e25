"""Waiting for a condition instead of for a time."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[bool]], *, within_seconds: float = 15) -> None:
    """Returns once the condition holds; fails when it does not in time."""
    async with asyncio.timeout(within_seconds):
        while not await condition():
            await asyncio.sleep(0.01)
