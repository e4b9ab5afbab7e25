"""What runs where, as a table for a person."""

import time
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from automix_local.statusfile import ProcessStatus
from automix_local.supervised import State

_STYLES = {
    State.READY.value: "green",
    State.STARTING.value: "yellow",
    State.WAITING.value: "yellow",
    State.STOPPING.value: "yellow",
    State.STOPPED.value: "dim",
    State.FAILED.value: "red",
}


def processes_table(processes: Sequence[ProcessStatus]) -> Table:
    """One row a process: name, state, for how long, address, process id, restarts, and why it last ended."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("process", "state", "for", "address", "pid", "restarts", ""):
        table.add_column(column, no_wrap=column != "")
    for process in processes:
        table.add_row(
            process.name,
            Text(process.state, style=_STYLES.get(process.state, "")),
            duration(time.time() - process.since),
            process.address,
            "" if process.pid is None else str(process.pid),
            str(process.restarts or ""),
            Text(process.detail, style="red"),
        )
    return table


def duration(seconds: float) -> str:
    """5 s, 3 min, 2 h, 4 d."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
