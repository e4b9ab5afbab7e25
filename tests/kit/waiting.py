"""Waiting for a condition with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")

PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 120.0
"""Far more than anything takes, so that a busy machine is no failure."""


async def until(
    condition: Callable[[], Found | Awaitable[Found]], *, seconds: float = PATIENCE_SECONDS, what: str = "the condition"
) -> Found:
    """Returns the first true value of `condition`; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s (last value: {value!r})")
        await asyncio.sleep(PAUSE_SECONDS)
