"""automix mix: from files to a finished mix in one command."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from automix.mixer.v1 import mixer_pb2
from rich.markup import escape

from automix_client.cli.bars import bars
from automix_client.cli.connection import (
    EndpointOption,
    JsonOption,
    config_folder,
    connect,
    endpoints_of,
    not_running,
)
from automix_client.cli.demo import demo_stems
from automix_client.cli.documents import choice, document
from automix_client.cli.local_account import LocalAccount
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
    VocalLevel,
    format_for,
)
from automix_client.cli.names import project_id
from automix_client.cli.plugins import running_stack
from automix_client.cli.terminal import Terminal
from automix_client.cli.units import dbtp, length, lufs, size
from automix_client.endpoints import Endpoints, embedded
from automix_client.mix import MixRequest, MixSummary

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
    style: Style = "",
    stems: Stems = False,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mix vocals and a beat into a finished file. Without files, mix the demo song.

    Uploads the files into a project (a new one unless you name yours), mixes them, downloads the result. Where no
    AutoMix runs and none is named, one is started for as long as it takes. Ctrl-C cancels the mix.
    """
    terminal = Terminal(as_json=as_json)
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
        style=style,
        stems=stems,
    )
    with terminal.failures(), ExitStack() as stack:
        plan_json = plan.read_text("utf-8") if plan else ""
        files = MixRequest(vocals or [], beat or [], reference or [], settings, plan_json=plan_json)
        start = time.monotonic()
        endpoints = stack.enter_context(_platform(terminal, endpoint))
        started = time.monotonic() - start
        if not files.files and not project:
            files = _demo(terminal, files, Path(stack.enter_context(TemporaryDirectory(prefix="automix-"))))
        summary = asyncio.run(_mix(terminal, endpoints, files, project, out))
        _tell(terminal, summary, started)


async def _mix(terminal: Terminal, endpoints: Endpoints, request: MixRequest, project: str, out: Path) -> MixSummary:
    async with connect(endpoints) as client:
        if endpoints.origin == "embedded":
            await LocalAccount(config_folder(), endpoints.name).ensure_signed_in(client)
        with bars(terminal) as shown:
            return await client.mix(
                request.vocals,
                request.beats,
                request.references,
                request.settings,
                out=out,
                project_id=await project_id(client, project) if project else "",
                project_name=request.project_name if request.project_name != "Mix" else _name(request),
                plan_json=request.plan_json,
                progress=shown.show,
            )


@contextmanager
def _platform(terminal: Terminal, endpoint: list[str] | None) -> Iterator[Endpoints]:
    """The platform that is named or runs here; else an embedded one that lives as long as the block."""
    found = endpoints_of(endpoint)
    if found is not None:
        yield found
        return
    start = running_stack()
    if start is None:
        raise not_running()
    with ExitStack() as stack:
        with terminal.waiting("starting AutoMix on this machine"):
            mapping = stack.enter_context(start())
        yield embedded(mapping)


def _demo(terminal: Terminal, request: MixRequest, folder: Path) -> MixRequest:
    terminal.note("no files given: mixing the demo song")
    with terminal.waiting("synthesising the demo song"):
        stems = demo_stems(terminal, folder)
    return replace(request, vocals=stems.get("vocals", []), beats=stems.get("beat", []), project_name="Demo song")


def _name(request: MixRequest) -> str:
    """A name for the project that a person finds again: that of the first file."""
    for path, _ in request.files:
        visible = "".join(letter if letter.isprintable() else " " for letter in path.stem).strip()
        if visible:
            return visible[:200]
    return "Mix"


def _tell(terminal: Terminal, summary: MixSummary, started: float) -> None:
    seconds: dict[str, float] = {"start": started} | dict(summary.seconds.items())
    total = sum(seconds.values())
    terminal.json(
        {
            "out": str(summary.out.absolute()),
            "project_id": summary.project_id,
            "job_id": summary.job_id,
            "render": document(summary.render),
            "loudness_lufs": summary.loudness_lufs,
            "true_peak_dbtp": summary.true_peak_dbtp,
            "seconds": {step: round(value, 3) for step, value in seconds.items()} | {"total": round(total, 3)},
        }
    )
    render = summary.render
    terminal.say(
        f"[bold green]{escape(str(summary.out.absolute()))}[/bold green]  {length(render.duration)}  "
        f"{choice(render, 'filetype')}  {size(render.size)}"
    )
    terminal.say(
        f"loudness [bold]{lufs(summary.loudness_lufs)}[/bold]   true peak [bold]{dbtp(summary.true_peak_dbtp)}[/bold]"
    )
    steps = "   ".join(f"{step} {value:.1f} s" for step, value in seconds.items() if value >= 0.05)
    terminal.say(f"[dim]{steps}   total {total:.1f} s[/dim]")
    terminal.say(f"[dim]project {summary.project_id}   render {render.id}[/dim]")
