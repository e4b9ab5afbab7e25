"""Progress bars, which are shown only on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from automix_client.cli.terminal import Terminal, escaped
from automix_client.mix import MixProgress, Step


class Bars:
    """One bar for each upload and download, and one for the mix."""

    def __init__(self, console: Console, *, visible: bool) -> None:
        columns = (
            TextColumn("{task.fields[step]:<8}"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[detail]}[/dim]"),
        )
        self.progress = Progress(*columns, console=console, disable=not visible)
        self._tasks: dict[tuple[Step, str], TaskID] = {}

    def show(self, progress: MixProgress) -> None:
        """Moves the bar of a step; it appears with the first progress of the step."""
        if progress.step == "project":
            return
        key = (progress.step, progress.name)
        if key not in self._tasks:
            name = "" if progress.step == "mix" else escaped(progress.name)
            # Without a total the bar pulses.
            self._tasks[key] = self.progress.add_task(name, total=progress.total or None, step=progress.step, detail="")
        self.progress.update(
            self._tasks[key], completed=progress.done, total=progress.total or None, detail=escaped(progress.detail)
        )

    def bytes_of(self, step: Step, name: str) -> Callable[[int, int], None]:
        """A progress callback for the bytes of one file; an upload is verified after its last byte."""

        def moved(done: int, total: int) -> None:
            self.show(MixProgress(step, name, done, total))
            if step == "upload" and done == total:
                self.show(MixProgress("verify", name, 0, 0))

        return moved


@contextmanager
def bars(terminal: Terminal) -> Iterator[Bars]:
    """Bars on standard error while the block runs."""
    shown = Bars(terminal.err, visible=terminal.interactive)
    with shown.progress:
        yield shown
