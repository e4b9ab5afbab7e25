"""Two threads where there are two cores, one of which works ahead of the other. The result does not depend on it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_ITEMS_AHEAD = 3


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def ahead(items: Iterable[T], *, threads: int) -> Iterator[T]:
    """The items in order, produced by a second thread a few ahead of their use; with one thread, produced in place.

    The producer must not write to an item that it has handed out. Its exceptions are raised here.
    """
    if threads < 2:
        yield from items
        return
    maker = iter(items)

    def make() -> list[T]:
        return [item for _, item in zip(range(1), maker, strict=False)]

    with ThreadPoolExecutor(1, thread_name_prefix="automix-ahead") as pool:
        waiting = deque(pool.submit(make) for _ in range(_ITEMS_AHEAD))
        while made := waiting.popleft().result():
            waiting.append(pool.submit(make))
            yield from made
