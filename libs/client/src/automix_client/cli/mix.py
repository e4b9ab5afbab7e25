"""automix mix: from files to a finished mix in one command."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from automix_client.cli.connection import EndpointOption, JsonOption
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
from automix_client.cli.mix_run import Presets, run
from automix_client.cli.plan_files import naming_plan, plan_text
from automix_client.cli.terminal import Terminal
from automix_client.mix import MixRequest
from automix_client.mix_settings import format_of, mix_settings
from automix_client.outputs import files_beside
from automix_client.plans import asked_or_planned, planned
from automix_client.printing import printable
from automix_client.targets import same_file


@with_settings
def mix(
    settings: dict[str, Any],
    vocals: Vocals = None,
    beat: Beat = None,
    reference: Reference = None,
    out: Out = Path("mix.wav"),
    project: Annotated[
        str,
        typer.Option(
            "--project",
            "-p",
            metavar="PROJECT",
            help="Id or name of a project to work in; without files, all audio of the project is mixed.",
        ),
    ] = "",
    plan: Plan = None,
    insert: Inserts = None,
    preset: Preset = None,
    save_preset: SavePreset = None,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mix vocals and a beat into a finished file. Without files, mix the demo song.

    Uploads the files into a project (a new one unless you name yours), mixes them, downloads the result. Where no
    AutoMix runs and none is named, one is started for as long as it takes. Ctrl-C cancels the mix.
    """
    terminal = Terminal(as_json=as_json)
    if os.path.isdir(out):
        terminal.usage(f"--out {printable(out)} is a folder: name a file in it")
    terminal.beside(out)
    settings = with_inserts(terminal, settings, insert)
    voices, beats = asked_tracks(vocals), asked_tracks(beat)
    tracks = [track.path for track in (*voices, *beats)]
    inputs = [*tracks, *(reference or ()), *([plan] if plan else ())]
    if settings.get("match_reference_loudness") and not reference and not project:
        terminal.usage("--match-reference-loudness needs a reference: name a song with --reference")
    say_what_is_odd(terminal, [track.path for track in voices], [track.path for track in beats])
    with terminal.failures(), naming_plan(plan):
        plan_json = plan_text(plan) if plan else ""
        written = asked_or_planned(settings, planned(plan_json, out))
        for path in (out, *(file.path for file in files_beside(out, written))):
            if any(same_file(read, path) for read in inputs):
                lost = f"{printable(path)} is one of the inputs, which would be lost"
                terminal.usage(f"{lost}: name another file with --out")
        asked = mix_settings(settings | {"format": format_of(out, written.get("format"))})
        files = MixRequest(
            [track.path for track in voices],
            [track.path for track in beats],
            reference or [],
            asked,
            plan_json=plan_json,
            options=[track.options for track in (*voices, *beats)],
        )
        run(terminal, endpoint, files, project, out, Presets(preset or "", save_preset or ""))
