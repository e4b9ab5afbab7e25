"""automix render: a mix from files on this machine by the engine alone, without any service."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from automix_client.cli.batch import run
from automix_client.cli.connection import JsonOption
from automix_client.cli.covers import Cover, cover_of
from automix_client.cli.engine_errors import engine_errors
from automix_client.cli.extras_folder import ExtrasFolder, refuse_in_extras
from automix_client.cli.interruption import Leftovers
from automix_client.cli.local_presets import load, save
from automix_client.cli.mix_options import (
    Beat,
    Inserts,
    Out,
    Plan,
    Preset,
    Reference,
    SavePreset,
    Vocals,
    asked_tracks,
    say_what_is_odd,
    with_inserts,
    with_settings,
)
from automix_client.cli.plan_files import naming_plan, plan_text
from automix_client.cli.plugins import MixFiles, mix_files
from automix_client.cli.songs import Song, songs_of
from automix_client.cli.sources import readable, spoken
from automix_client.cli.terminal import Terminal, escaped
from automix_client.cli.units import dbtp, length, lufs
from automix_client.mix_settings import OF_ENDING, ending_of, format_of
from automix_client.outputs import files_beside
from automix_client.plans import asked_or_planned, planned
from automix_client.presets import joined, kept
from automix_client.printing import printable
from automix_client.targets import Target, refuse_overlaps
from automix_client.track_options import Options


@with_settings
def render(
    settings: dict[str, Any],
    vocals: Vocals = None,
    beat: Beat = None,
    reference: Reference = None,
    out: Out = Path("mix.wav"),
    plan: Plan = None,
    insert: Inserts = None,
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STRIP:FILE",
            help="A VST3 plug-in of yours on a strip: lead:/path/Name.vst3(its_parameter=0.5); repeatable.",
        ),
    ] = None,
    plan_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the plan (JSON) to this file.")] = None,
    extras: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", file_okay=False, help="Write report, picture, comparison and stems into this folder."
        ),
    ] = None,
    cover: Cover = None,
    batch: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            exists=True,
            help="Mix many songs into the folder --out: a CSV file with a row for each (columns vocals, beat,"
            " reference, song, out, insert and names of settings; several files with ; between), or a folder with"
            " a folder for each. A song that fails does not stop the others.",
        ),
    ] = None,
    preset: Preset = None,
    save_preset: SavePreset = None,
    as_json: JsonOption = False,
) -> None:
    """Mix vocals and beats into one file on this machine. No server or account is needed, and no file leaves the
    machine.

    With --batch it mixes many songs, one after another.
    """
    terminal = Terminal(as_json=as_json)
    settings = with_inserts(terminal, settings, insert, plugin, own_machine=True)
    with terminal.failures():
        settings = joined(load(preset), settings) if preset else settings
        if save_preset:
            save(save_preset, settings)
            terminal.note(f"preset {escaped(save_preset)} saved on this machine")
    if save_preset and not (vocals or beat or batch):
        terminal.json({"preset": save_preset, "settings": kept(settings)})
        return
    if batch is not None:
        if vocals or beat or plan or plan_out:
            terminal.usage("--batch says what is mixed: leave out --vocals, --beat, --plan and --plan-out")
        _batch(terminal, batch, out, settings, reference or [], extras, cover)
        return
    if os.path.isdir(out):
        terminal.usage(f"--out {printable(out)} is a folder: name a file in it")
    terminal.beside(out)
    voices, beats = asked_tracks(vocals), asked_tracks(beat)
    tracks: list[tuple[Path, str, Options]] = [(track.path, "vocals", track.options) for track in voices]
    tracks += [(track.path, "beat", track.options) for track in beats]
    tracks += [(path, "reference", {}) for path in reference or ()]
    if not vocals and not beat:
        terminal.usage("there is nothing to mix: name a file with --vocals or --beat")
    if settings.get("match_reference_loudness") and not reference:
        terminal.usage("--match-reference-loudness needs a reference: name a song with --reference")
    say_what_is_odd(terminal, [track.path for track in voices], [track.path for track in beats])
    with terminal.failures():
        result = _render(terminal, tracks, out, settings, plan, plan_out, extras, cover)
    terminal.json(result)
    terminal.say(
        f"[bold green]{escaped(out.absolute())}[/bold green]  {length(result['duration_s'])}\n"
        f"loudness [bold]{lufs(result['integrated_lufs'])}[/bold]"
        f"   true peak [bold]{dbtp(result['true_peak_dbtp'])}[/bold]"
    )
    for file, output in zip(_beside(result["files"]), result["report"]["outputs"][1:], strict=True):
        terminal.say(
            f"[bold green]{escaped(file['path'])}[/bold green]  "
            f"{lufs(output['integrated_lufs'])}  {dbtp(output['true_peak_dbtp'])}"
        )
    for note in result["report"]["notes"]:
        terminal.say(f"[yellow]note[/yellow] {escaped(note)}")


def _batch(
    terminal: Terminal,
    batch: Path,
    out: Path,
    settings: dict[str, Any],
    references: list[Path],
    extras: Path | None,
    cover: Path | None,
) -> None:
    """Every song with the settings of its row, or else those of the command; each has its own folder of extras."""
    folder = Path("mixes") if out == Path("mix.wav") else out
    if folder.suffix.lower() in OF_ENDING and not os.path.isdir(folder):
        terminal.usage(f"--out {printable(folder)} is a file, and a batch needs a folder")
    with terminal.failures():
        songs = songs_of(batch, ending_of(settings["format"]) if "format" in settings else ".wav")
        inputs = [*(path for song in songs for path in song.files), *references, *([cover] if cover else [])]
        _refuse_losses(songs, folder, settings, inputs, extras)

    def mix(song: Song, place: Path) -> dict[str, Any]:
        tracks = [(track.path, "vocals", track.options) for track in song.vocals]
        tracks += [(track.path, "beat", track.options) for track in song.beats]
        tracks += [(path, "reference", {}) for path in song.references or references]
        asked = joined(settings, song.settings)
        own = _own(extras, place) if extras else None
        return _render(terminal, tracks, place, asked, None, None, own, cover)

    run(terminal, songs, folder, mix)


def _refuse_losses(
    songs: list[Song], folder: Path, settings: dict[str, Any], inputs: list[Path], extras: Path | None
) -> None:
    """Raises OverlapError where a file of any song would replace what one is mixed from, or another song's file."""
    outputs: dict[str, Path] = {}
    folders: dict[Path, bool] = {}
    for number, song in enumerate(songs, 1):
        place, asked = folder / song.out, joined(settings, song.settings)
        outputs[f"the mix of {song.name} ({number})"] = place
        for file in files_beside(place, asked):
            outputs[f"{file.path.name} of {song.name} ({number})"] = file.path
        if extras:
            folders[_own(extras, place)] = bool(asked.get("track_stems"))
            outputs[f"the folder of extras of {song.name} ({number})"] = _own(extras, place)
    refuse_overlaps(outputs, inputs)
    for own, by_track in folders.items():
        refuse_in_extras(own, inputs, list(outputs.values()), by_track=by_track)


def _own(extras: Path, place: Path) -> Path:
    """The folder of extras of one song of a batch."""
    return extras / place.stem


def _render(
    terminal: Terminal,
    tracks: list[tuple[Path, str, Options]],
    out: Path,
    settings: dict[str, Any],
    plan: Path | None,
    plan_out: Path | None,
    extras: Path | None,
    cover: Path | None,
) -> dict[str, Any]:
    """Mixes into files beside the targets, which take their places when all has gone well.

    The format is the one asked for, else the plan's where `out` can have it, else the one that its ending stands for.
    """
    inputs = [path for path, _, _ in tracks] + [path for path in (plan, cover) if path]
    outputs = {"--out": out} | ({"--plan-out": plan_out} if plan_out else {})
    with naming_plan(plan):
        text = plan_text(plan) if plan else None
    delivery = asked_or_planned(settings, planned(text or "", out))
    settings = settings | {"format": format_of(out, delivery.get("format"))}
    # The same master may be asked for in several formats.
    others = enumerate(files_beside(out, delivery), 1)
    beside = {f"--{file.kind} {file.label} ({i})": file.path for i, file in others}
    outputs |= beside
    refuse_overlaps(outputs, inputs)
    picture = cover_of(cover)
    by_track = bool(delivery.get("track_stems"))
    if (by_track or delivery.get("stems")) and not extras:
        terminal.note("no stems are written: name a folder for them with --extras")
    with ExitStack() as held:
        leftovers = held.enter_context(Leftovers(terminal))
        scratch = leftovers.folder()
        results = list(outputs.values())
        folder = held.enter_context(ExtrasFolder(extras, inputs, results, by_track=by_track)) if extras else None
        targets = [held.enter_context(Target(path, scratch=scratch)) for path in outputs.values()]
        for part in (*(target.part for target in targets), *([folder.part] if folder else [])):
            leftovers.add(part)
        named = [(readable(path, scratch), role, spoken(path), asked) for path, role, asked in tracks]
        with naming_plan(plan), waiting(terminal) as show:
            mixed = _engine(terminal)(
                named,
                targets[0].part,
                settings=settings,
                plan=text,
                extras=folder.part if folder else None,
                beside=[target.part for target in targets if target.path in beside.values()],
                cover=picture,
                progress=show,
                scratch=scratch,
            )
        if plan_out:
            targets[1].part.write_text(json.dumps(mixed["plan"], indent=2) + "\n", "utf-8")
        made = {file["path"] for file in mixed["files"]}
        written = [target for target in targets if target.path not in beside.values() or str(target.part) in made]
        for target in written:
            target.commit()
        if folder:
            folder.commit()
    places = {str(target.part): target.path for target in targets}
    files = [
        file | {"path": str(places.get(file["path"], Path(extras or "") / Path(file["path"]).name))}
        for file in mixed["files"]
    ]
    return dict(mixed) | {"files": files}


def _beside(files: list[dict[str, str]]) -> list[dict[str, str]]:
    return [file for file in files if file["kind"].startswith(("master_", "version_"))]


def _engine(terminal: Terminal) -> MixFiles:
    """The engine, whose errors become the SDK's. Leaves with 2 where it is not installed."""
    engine = mix_files()
    if engine is None:
        terminal.usage("the engine comes with the package automix-mixer, which is not installed here")

    def mixing(*arguments: Any, **options: Any) -> Any:
        with engine_errors(arguments[1].parent):
            return engine(*arguments, **options)

    return mixing


@contextmanager
def waiting(terminal: Terminal) -> Iterator[Callable[[float, str], None]]:
    """A progress bar, which takes a share from 0 to 1 and the name of the stage."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal.err, transient=True, disable=not terminal.interactive) as bar:
        task = bar.add_task("mixing", total=1.0)
        yield lambda share, stage: bar.update(task, completed=share, description=stage)
