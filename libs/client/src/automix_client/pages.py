"""Lists that arrive page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


async def pages(fetch: Callable[[str], Awaitable[tuple[Sequence[Item], str]]]) -> AsyncIterator[Item]:
    """Every item of a list; `fetch` takes a page token (empty for the first) and gives items and the next token."""
    token = ""
    while True:
        items, token = await fetch(token)
        for item in items:
            yield item
        if not token:
            return
