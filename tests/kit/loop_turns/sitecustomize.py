"""Imported by the interpreter as it starts, where its folder is on PYTHONPATH: writes down turns of the event loop that
take long.

A line for each: when the turn began, by the machine's monotonic clock, and the processor time that it took, in seconds.
"""

import asyncio
import os
import selectors
import time
from pathlib import Path

LEAST_SECONDS = 0.005


class Timed(selectors.DefaultSelector):
    """A loop's selector: what lies between two calls of `select` is one turn."""

    def __init__(self) -> None:
        super().__init__()
        self._file = (Path(os.environ["AUTOMIX_TEST_TURNS"]) / f"{os.getpid()}").open("a", buffering=1)
        self._began = (time.monotonic(), time.thread_time())

    def select(self, timeout: "float | None" = None) -> "list[tuple[selectors.SelectorKey, int]]":
        began, spent = self._began
        took = time.thread_time() - spent
        if took >= LEAST_SECONDS:
            self._file.write(f"{began} {took}\n")
        found = super().select(timeout)
        self._began = (time.monotonic(), time.thread_time())
        return found


class Policy(asyncio.DefaultEventLoopPolicy):
    """Loops with such a selector."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(Timed())


if "AUTOMIX_TEST_TURNS" in os.environ:
    asyncio.set_event_loop_policy(Policy())
