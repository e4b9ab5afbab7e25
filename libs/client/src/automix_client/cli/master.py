"""automix master: finished songs, mastered on this machine by the engine alone."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from automix_client.cli.connection import JsonOption
from automix_client.cli.covers import Cover, cover_of
from automix_client.cli.engine_errors import engine_errors
from automix_client.cli.interruption import Leftovers
from automix_client.cli.mix_options import Reference, recordings, with_some_settings
from automix_client.cli.plugins import master_files
from automix_client.cli.render import waiting
from automix_client.cli.sources import readable, spoken
from automix_client.cli.terminal import Terminal, escaped
from automix_client.cli.units import dbtp, length, lufs
from automix_client.mix_settings import OF_ENDING, ending_of, format_of
from automix_client.outputs import files_beside
from automix_client.printing import printable
from automix_client.targets import Target, refuse_overlaps

SETTINGS = (
    "target_loudness_lufs",
    "match_reference_loudness",
    "ceiling_dbtp",
    "max_limiting_db",
    "reference_strength",
    "reference_spectrum",
    "reference_width",
    "reference_dynamics",
    "reference_loudness",
    "neutral_strength",
    "format",
    "sample_rate",
    "masters",
    "title",
    "artist",
)
"""Settings that apply to a finished song."""


@with_some_settings(SETTINGS)
def master(
    settings: dict[str, Any],
    songs: Annotated[list[Path], typer.Argument(metavar="SONG", callback=recordings, help="Finished songs.")],
    reference: Reference = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="PATH",
            help="The finished file, or a folder for several songs; by default `SONG (master).wav` in this folder.",
        ),
    ] = None,
    album: Annotated[
        bool,
        typer.Option(
            "--album",
            help="The songs are one album: they share loudness and tone, and keep their differences.",
        ),
    ] = False,
    album_title: Annotated[
        str, typer.Option(metavar="TEXT", help="Title of the album, written as a tag into every file.")
    ] = "",
    cover: Cover = None,
    as_json: JsonOption = False,
) -> None:
    """Master finished songs on this machine: loudness, ceiling, and a tone that moves within small bounds.

    Songs are not mixed again. Those of an album stay as far apart in loudness as they are, up to 6 LU down and 3 up.
    """
    terminal = Terminal(as_json=as_json)
    if settings.get("match_reference_loudness") and not reference:
        terminal.usage("--match-reference-loudness needs a reference: name a song with --reference")
    if settings.get("title") and len(songs) > 1:
        terminal.usage("--title is the title of one song: several keep their own")
    if (
        len(songs) > 1
        and out is not None
        and not os.path.isdir(out)
        and (os.path.exists(out) or out.suffix.lower() in OF_ENDING)
    ):
        terminal.usage(f"--out {printable(out)} is a file, and several songs need a folder")
    terminal.beside(out)
    with terminal.failures():
        outs = _outs(songs, out, settings.get("format"))
        asked = settings | {"format": format_of(outs[0], settings.get("format")), "album": album_title}
        places = [[one, *(file.path for file in files_beside(one, asked))] for one in outs]
        made = _master(terminal, songs, reference or [], places, asked, cover, album=album)
    terminal.json(made)
    for own, result in zip(places, made, strict=True):
        for place, output in zip(own, result["report"]["outputs"], strict=True):
            terminal.say(
                f"[bold green]{escaped(place.absolute())}[/bold green]  {length(result['duration_s'])}  "
                f"{lufs(output['integrated_lufs'])}  {dbtp(output['true_peak_dbtp'])}"
            )
        for note in result["report"]["notes"]:
            terminal.say(f"[yellow]note[/yellow] {escaped(note)}")


def _outs(songs: list[Path], out: Path | None, asked: str | None) -> list[Path]:
    """A file for each song."""
    ending = ending_of(asked) if asked else ".wav"
    if len(songs) == 1 and out is not None and not os.path.isdir(out):
        return [out]
    folder = out or Path()
    if len(songs) > 1 and out is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return [folder / f"{'song' if str(song) == '-' else song.stem} (master){ending}" for song in songs]


def _master(
    terminal: Terminal,
    songs: list[Path],
    references: list[Path],
    places: list[list[Path]],
    settings: dict[str, Any],
    cover: Path | None,
    *,
    album: bool,
) -> list[dict[str, Any]]:
    """Masters into files beside their places, and moves them there when all of it has gone well."""
    engine = master_files()
    if engine is None:
        terminal.usage("the engine comes with the package automix-mixer, which is not installed here")
    flat = [place for own in places for place in own]
    refuse_overlaps({f"song {i + 1}": place for i, place in enumerate(flat)}, [*songs, *references])
    picture = cover_of(cover)
    with ExitStack() as held:
        leftovers = held.enter_context(Leftovers(terminal))
        scratch = leftovers.folder()
        targets = [[held.enter_context(Target(place, scratch=scratch)) for place in own] for own in places]
        for target in (target for own in targets for target in own):
            leftovers.add(target.part)
        with waiting(terminal) as show, engine_errors(places[0][0].parent):
            made = engine(
                [(readable(path, scratch), spoken(path)) for path in songs],
                [(readable(path, scratch), spoken(path)) for path in references],
                [[target.part for target in own] for own in targets],
                settings=settings,
                album=album,
                cover=picture,
                progress=show,
                scratch=scratch,
            )
        for target in (target for own in targets for target in own):
            target.commit()
    for result, own in zip(made, places, strict=True):
        result["files"] = [file | {"path": str(place)} for file, place in zip(result["files"], own, strict=True)]
    return made
