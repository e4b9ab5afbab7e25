"""Wait for a condition, with a deadline."""

import time
from collections.abc import Callable

SECONDS = 30.0


def until(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)
