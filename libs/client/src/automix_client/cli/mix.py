"""automix mix: from files to a finished mix in one command."""

from pathlib import Path
from typing import Annotated

import typer
from automix.mixer.v1 import mixer_pb2

from automix_client.cli.connection import EndpointOption, JsonOption
from automix_client.cli.mix_options import (
    Ceiling,
    DeEss,
    Delay,
    FormatOption,
    Loudness,
    MatchLoudness,
    ReferenceDynamics,
    ReferenceLoudness,
    ReferenceSpectrum,
    ReferenceStrength,
    ReferenceWidth,
    Reverb,
    Stems,
    Style,
    StyleName,
    VocalLevel,
    format_for,
)
from automix_client.cli.mix_run import run
from automix_client.cli.terminal import Terminal
from automix_client.mix import MixRequest

Files = list[Path] | None


def mix(
    vocals: Annotated[
        Files,
        typer.Option("--vocals", "-v", metavar="FILE", exists=True, dir_okay=False, help="A vocal track; repeatable."),
    ] = None,
    beat: Annotated[
        Files,
        typer.Option(
            "--beat", "-b", metavar="FILE", exists=True, dir_okay=False, help="A beat, or a stem of it; repeatable."
        ),
    ] = None,
    reference: Annotated[
        Files,
        typer.Option(
            "--reference",
            "-r",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A song to come close to; repeatable.",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FILE", dir_okay=False, help="The finished file; one that is there is replaced."
        ),
    ] = Path("mix.wav"),
    project: Annotated[
        str,
        typer.Option(
            "--project",
            "-p",
            metavar="PROJECT",
            help="Id or name of a project to work in; without files all of its audio is mixed.",
        ),
    ] = "",
    plan: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A mix plan (JSON) to follow, see `renders report`.",
        ),
    ] = None,
    file_format: FormatOption = None,
    vocal_level: VocalLevel = None,
    loudness: Loudness = None,
    match_reference_loudness: MatchLoudness = False,
    ceiling: Ceiling = None,
    reference_strength: ReferenceStrength = None,
    reference_spectrum: ReferenceSpectrum = None,
    reference_width: ReferenceWidth = None,
    reference_dynamics: ReferenceDynamics = None,
    reference_loudness: ReferenceLoudness = None,
    reverb: Reverb = None,
    delay: Delay = None,
    deess: DeEss = None,
    style: Style = StyleName.AUTO,
    stems: Stems = False,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mix vocals and a beat into a finished file. Without files, mix the demo song.

    Uploads the files into a project (a new one unless you name yours), mixes them, downloads the result. Where no
    AutoMix runs and none is named, one is started for as long as it takes. Ctrl-C cancels the mix.
    """
    terminal = Terminal(as_json=as_json)
    inputs = [*(vocals or ()), *(beat or ()), *(reference or ()), *([plan] if plan else ())]
    if out.exists() and any(path.samefile(out) for path in inputs):
        terminal.usage(f"{out} is one of the inputs, which would be lost: name another file with --out")
    settings = mixer_pb2.MixSettings(
        format=format_for(terminal, out, file_format),
        vocal_level_db=vocal_level,
        target_loudness_lufs=loudness,
        match_reference_loudness=match_reference_loudness,
        ceiling_dbtp=ceiling,
        reference_strength=reference_strength,
        reference_spectrum=reference_spectrum,
        reference_width=reference_width,
        reference_dynamics=reference_dynamics,
        reference_loudness=reference_loudness,
        reverb=reverb,
        delay=delay,
        deess=deess,
        style="" if style is StyleName.AUTO else style.value,
        stems=stems,
    )
    with terminal.failures():
        plan_json = plan.read_text("utf-8") if plan else ""
        files = MixRequest(vocals or [], beat or [], reference or [], settings, plan_json=plan_json)
        run(terminal, endpoint, files, project, out)
