"""Cold start, warm start and idle memory of the embedded stack, against its three servers alone.

Memory is the proportional set size (PSS) of every process below this one, which counts a shared page once.
Budgets, gateway and studio included: cold start 12 s, warm start 6 s, idle memory 750 MB.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
from automix_local import EmbeddedServers
from automix_local.stack import Stack
from memory import held_bytes

ROUNDS = 3
SETTLE_SECONDS = 10


def timed(start: Callable[[], AbstractContextManager[object]], settle_seconds: float) -> tuple[float, float]:
    """Seconds until `start` is ready, and MB that its processes hold after `settle_seconds`."""
    began = time.monotonic()
    with start():
        seconds = time.monotonic() - began
        time.sleep(settle_seconds)
        held = held_bytes(*psutil.Process().children())
    return seconds, held / 1e6


def main() -> None:
    """Command line of this module."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    figures = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            state, bare = Path(folder) / "state", Path(folder) / "bare"
            cold, _ = timed(lambda at=state: Stack.start(at), 0)
            warm, held = timed(lambda at=state: Stack.start(at), SETTLE_SECONDS)
            bare_cold, _ = timed(lambda at=bare: EmbeddedServers.start(at), 0)
            bare_warm, bare_held = timed(lambda at=bare: EmbeddedServers.start(at), SETTLE_SECONDS)
        figures.append((cold, warm, held, bare_cold, bare_warm, bare_held))
    cold, warm, held, bare_cold, bare_warm, bare_held = (
        statistics.median(column) for column in zip(*figures, strict=True)
    )
    print(
        f"cold start  {cold:6.1f} s   servers alone {bare_cold:6.1f} s   ratio {cold / bare_cold:.2f}   (budget 12 s)"
    )
    print(f"warm start  {warm:6.1f} s   servers alone {bare_warm:6.1f} s   ratio {warm / bare_warm:.2f}   (budget 6 s)")
    print(
        f"idle memory {held:6.0f} MB  servers alone {bare_held:6.0f} MB  ratio {held / bare_held:.2f}   (budget 750 MB)"
    )


if __name__ == "__main__":
    main()
