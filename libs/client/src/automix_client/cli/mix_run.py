"""What `automix mix` does after its options are read: it finds a platform and an account, mixes and reports."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from automix.mixer.v1 import mixer_pb2

from automix_client.cli.bars import bars
from automix_client.cli.connection import config_folder, connect, platform
from automix_client.cli.demo import demo_stems
from automix_client.cli.documents import choice, document
from automix_client.cli.local_account import LocalAccount
from automix_client.cli.names import project_id
from automix_client.cli.project_names import project_name
from automix_client.cli.terminal import Terminal, escaped
from automix_client.cli.units import dbtp, length, lufs, size
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints
from automix_client.mix import Listener, MixProgress, MixRequest, MixSummary
from automix_client.presets import joined_messages

WAITS = "waiting for "
"""The beginning of the stage of a job that cannot continue by itself."""


@dataclass(frozen=True)
class Presets:
    """Names of presets of the account: the one to start from, and the one to save the settings in."""

    used: str = ""
    saved: str = ""


def run(
    terminal: Terminal,
    endpoint: list[str] | None,
    request: MixRequest,
    project: str,
    out: Path,
    presets: Presets = Presets(),
) -> None:
    """Mixes on the platform that is named or runs here, else on one that is started for it, and tells the result.

    Without files and without a project it mixes the demo song.
    """
    start = time.monotonic()
    with ExitStack() as stack:
        demo = None
        if not request.files and not project:
            terminal.note("no files given: mixing the demo song")
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="automix-")))
            # Synthesised while the platform starts, which mostly waits.
            demo = stack.enter_context(ThreadPoolExecutor(1)).submit(demo_stems, terminal, folder)
        endpoints = stack.enter_context(_platform(terminal, endpoint))
        if demo:
            with terminal.waiting("synthesising the demo song"):
                stems = demo.result()
            request = replace(
                request, vocals=stems.get("vocals", []), beats=stems.get("beat", []), project_name="Demo song"
            )
        prepared = time.monotonic() - start
        summary = asyncio.run(_mix(terminal, endpoints, request, project, out, presets))
        _tell(terminal, summary, {"start": prepared, **summary.seconds}, time.monotonic() - start)


async def _mix(
    terminal: Terminal, endpoints: Endpoints, request: MixRequest, project: str, out: Path, presets: Presets
) -> MixSummary:
    async with connect(endpoints) as client:
        if endpoints.origin == "embedded":
            await LocalAccount(config_folder(), endpoints.name).ensure_signed_in(client)
        request = replace(request, settings=await _settings(client, request.settings, presets))
        with bars(terminal) as shown:
            return await client.mix(
                request.vocals,
                request.beats,
                request.references,
                request.settings,
                out=out,
                project_id=await project_id(client, project) if project else "",
                project_name="" if project else await _name(client, request),
                plan_json=request.plan_json,
                track_options=request.options,
                progress=telling_waits(terminal, shown.show),
            )


def telling_waits(terminal: Terminal, show: Listener) -> Listener:
    """Also tells, once each and even without bars, what a mix waits for on the platform's side."""
    told: set[str] = set()

    def listen(progress: MixProgress) -> None:
        show(progress)
        if progress.step == "mix" and progress.detail.startswith(WAITS) and progress.detail not in told:
            told.add(progress.detail)
            terminal.note(f"the mix is {escaped(progress.detail)}")

    return listen


async def _settings(
    client: AsyncClient, given: mixer_pb2.MixSettings | None, presets: Presets
) -> mixer_pb2.MixSettings:
    settings = given or mixer_pb2.MixSettings()
    if presets.used:
        settings = joined_messages((await client.presets.named(presets.used)).settings, settings)
    if presets.saved:
        await client.presets.save(presets.saved, settings)
    return settings


@contextmanager
def _platform(terminal: Terminal, endpoint: list[str] | None) -> Iterator[Endpoints]:
    with ExitStack() as stack:
        with terminal.waiting("starting AutoMix on this machine"):
            endpoints = stack.enter_context(platform(endpoint, start=True))
        yield endpoints
        with terminal.waiting("stopping AutoMix, when no other command needs it"):
            stack.close()


async def _name(client: AsyncClient, request: MixRequest) -> str:
    """A name for the project that is made for this mix, which no other project of the account has."""
    files = [Path(request.project_name)] if request.project_name else [*request.beats, *request.vocals]
    return project_name(files or request.references, [project.name async for project in client.projects.list()])


def _tell(terminal: Terminal, summary: MixSummary, seconds: dict[str, float], total: float) -> None:
    terminal.json(
        {
            "out": str(summary.out.absolute()),
            "project_id": summary.project_id,
            "job_id": summary.job_id,
            "render": document(summary.render),
            "loudness_lufs": summary.loudness_lufs,
            "true_peak_dbtp": summary.true_peak_dbtp,
            "beside": [str(path.absolute()) for path in summary.beside],
            "notes": list(summary.notes),
            "seconds": {step: round(value, 3) for step, value in seconds.items()} | {"total": round(total, 3)},
        }
    )
    render = summary.render
    terminal.say(
        f"[bold green]{escaped(summary.out.absolute())}[/bold green]  {length(render.duration)}  "
        f"{choice(render, 'filetype')}  {size(render.size)}"
    )
    terminal.say(
        f"loudness [bold]{lufs(summary.loudness_lufs)}[/bold]   true peak [bold]{dbtp(summary.true_peak_dbtp)}[/bold]"
    )
    for path in summary.beside:
        terminal.say(f"[bold green]{escaped(path.absolute())}[/bold green]")
    for note in summary.notes:
        terminal.say(f"[yellow]note[/yellow] {escaped(note)}")
    steps = "   ".join(f"{step} {value:.1f} s" for step, value in seconds.items() if value >= 0.05)
    terminal.say(f"[dim]{steps}   total {total:.1f} s[/dim]")
    terminal.say(f"[dim]project {summary.project_id}   render {render.id}[/dim]")
