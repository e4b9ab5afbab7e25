"""Named points at which tests make a process fail. Without the environment variables every point is a no-op.

`AUTOMIX_FAULT_POINT` names one point (or several, joined by commas) and `AUTOMIX_FAULT_DIR` a folder with one file
`<point>.<n>` for each strike that is due. A process that reaches the point renames one of them to
`<point>.<n>.struck`, which proves that it got there, and then dies by SIGKILL (or, with `AUTOMIX_FAULT_ACTION=stop`,
halts by SIGSTOP until the test lets it go on).
"""

import os
import signal
from pathlib import Path

POINTS = frozenset(filter(None, os.environ.get("AUTOMIX_FAULT_POINT", "").split(",")))


def reach(point: str) -> None:
    """Strikes here when the environment asks for it."""
    if point not in POINTS:
        return
    for due in sorted(Path(os.environ["AUTOMIX_FAULT_DIR"]).glob(f"{point}.*")):
        if due.suffix == ".struck":
            continue
        try:
            due.rename(due.with_name(due.name + ".struck"))
        except FileNotFoundError:  # another process took this strike
            continue
        stop = os.environ.get("AUTOMIX_FAULT_ACTION") == "stop"
        os.kill(os.getpid(), signal.SIGSTOP if stop else signal.SIGKILL)
        return
