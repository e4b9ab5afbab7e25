"""automix render --batch: one song after another; a song that fails does not stop the others."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from automix_client.cli.exits import ExitCode, exit_code
from automix_client.cli.songs import Song
from automix_client.cli.terminal import Terminal, escaped
from automix_client.cli.units import dbtp, length, lufs
from automix_client.errors import AutomixError
from automix_client.settings import ConfigurationError

Mix = Callable[[Song, Path], Mapping[str, Any]]
"""Mixes a song to a place. Raises AutomixError, ConfigurationError, OSError."""


@dataclass(frozen=True)
class Outcome:
    """How a song went: its mix, or why there is none."""

    song: str
    out: Path
    seconds: float
    mixed: Mapping[str, Any] | None
    error: str = ""
    reason: str = ""


def run(terminal: Terminal, songs: list[Song], folder: Path, mix: Mix) -> None:
    """Mixes all songs into the folder and tells how each went. Leaves with 8 where some failed.

    When the disk is full, every song that is left fails with that message. Ctrl-C ends the batch, and finished mixes
    stay.
    """
    outcomes = []
    with terminal.failures():
        folder.mkdir(parents=True, exist_ok=True)
        for number, song in enumerate(songs, 1):
            terminal.note(f"[dim]{number} of {len(songs)}[/dim] {escaped(song.name)}")
            outcomes.append(_mixed(song, folder / song.out, mix))
            if outcomes[-1].error:
                terminal.note(f"[red]failed:[/red] {escaped(outcomes[-1].error)}")
    failed = [outcome for outcome in outcomes if outcome.mixed is None]
    terminal.json([_document(outcome) for outcome in outcomes])
    width = max(len(outcome.song) for outcome in outcomes)
    for outcome in outcomes:
        terminal.say(f"{escaped(outcome.song.ljust(width))}  {_words(outcome)}")
    terminal.say(f"[bold]{len(outcomes) - len(failed)} of {len(outcomes)} songs mixed[/bold]")
    if failed:
        raise typer.Exit(ExitCode.JOB_FAILED)


def _mixed(song: Song, out: Path, mix: Mix) -> Outcome:
    start = time.monotonic()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        mixed = mix(song, out)
    except (AutomixError, ConfigurationError, OSError) as error:
        if exit_code(error) is ExitCode.INTERRUPTED:
            raise
        told = f"{error.filename or out}: {error.strerror}" if isinstance(error, OSError) else str(error)
        return Outcome(song.name, out, time.monotonic() - start, None, told, getattr(error, "reason", ""))
    return Outcome(song.name, out, time.monotonic() - start, mixed)


def _words(outcome: Outcome) -> str:
    if outcome.mixed is None:
        return f"[red]failed[/red]  {escaped(outcome.error)}"
    mixed = outcome.mixed
    return (
        f"[green]{escaped(outcome.out)}[/green]  {length(mixed['duration_s'])}  {lufs(mixed['integrated_lufs'])}  "
        f"{dbtp(mixed['true_peak_dbtp'])}  [dim]{outcome.seconds:.1f} s[/dim]"
    )


def _document(outcome: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = {"song": outcome.song, "out": str(outcome.out), "seconds": round(outcome.seconds, 3)}
    if outcome.mixed is None:
        return told | {"error": {"reason": outcome.reason, "message": outcome.error}}
    names = ("duration_s", "integrated_lufs", "true_peak_dbtp", "files")
    return told | {name: outcome.mixed[name] for name in names} | {"notes": outcome.mixed["report"]["notes"]}
