"""automix assets ..."""

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from automix.media.v1.media_pb2 import Asset, CreateDownloadUrlResponse, GetWaveformResponse, Upload
from automix.mixer.v1.mixer_pb2 import CreateRenderDownloadUrlResponse

from automix_client.assets import BEAT, REFERENCE, VOCALS
from automix_client.cli.bars import Bars, bars
from automix_client.cli.connection import EndpointOption, JsonOption, YesOption, execute
from automix_client.cli.documents import choice, document
from automix_client.cli.file_names import free, plain_name
from automix_client.cli.named_files import named_files
from automix_client.cli.names import ProjectArgument, an_id, one_of, project_id
from automix_client.cli.terminal import Terminal, escaped
from automix_client.cli.units import length, lufs, moment, place, size
from automix_client.client import AsyncClient
from automix_client.downloads import Facts
from automix_client.errors import AutomixError, NotReachableError
from automix_client.mix import MixProgress
from automix_client.printing import printable

AssetArgument = Annotated[str, typer.Argument(metavar="ASSET", callback=an_id, help="The asset's id.")]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Where to put it; by default here, under its own name."),
]
MinutesOption = Annotated[int, typer.Option(min=1, max=60, help="How long the link works.")]
ForceOption = Annotated[bool, typer.Option("--force", "-f", help="Replace a file that is there already.")]

TOLD_GAPS = 3
"""The most gaps that are listed with their times; `--json` has all of them."""
END_S = 0.1
"""A gap that begins within this many seconds of the end counts as a missing end."""
BLOCKS = " ▁▂▃▄▅▆▇█"


ROLES = {"vocals": VOCALS, "beat": BEAT, "reference": REFERENCE}


def upload(
    project: ProjectArgument,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", callback=named_files, help="Audio files.")],
    role: Annotated[
        str,
        typer.Option(
            "--role",
            "-r",
            metavar="ROLE",
            callback=one_of(list(ROLES)),
            help="What the audio is for: vocals, beat or reference.",
        ),
    ],
    resume: Annotated[
        str, typer.Option("--resume", metavar="UPLOAD", help="Continue an interrupted upload of one file.")
    ] = "",
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Upload audio into a project."""
    terminal = Terminal(as_json=as_json)
    if resume and len(files) != 1:
        terminal.usage("--resume takes exactly one file")

    async def work(client: AsyncClient) -> list[Asset]:
        target = await project_id(client, project)
        with bars(terminal) as shown:
            return [await _upload_one(terminal, client, target, path, role, resume, shown) for path in files]

    assets = execute(terminal, endpoint, work)
    _print(terminal, assets)


def list_assets(project: ProjectArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """List a project's audio, newest first."""
    terminal = Terminal(as_json=as_json)

    async def work(client: AsyncClient) -> list[Asset]:
        return [asset async for asset in client.assets.list(await project_id(client, project))]

    _print(terminal, execute(terminal, endpoint, work))


def show(asset: AssetArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Show one asset."""
    _change(lambda client: client.assets.get(asset), endpoint, as_json=as_json)


def _change(
    work: Callable[[AsyncClient], Awaitable[Asset]],
    endpoint: list[str] | None,
    *,
    as_json: bool,
) -> None:
    """Changes one asset and shows the result."""
    terminal = Terminal(as_json=as_json)
    one = execute(terminal, endpoint, work)
    terminal.message(
        one,
        f"{escaped(one.filename)}\n{choice(one, 'role')}  {length(one.duration)}  {choice(one, 'filetype')}  "
        f"{one.sample_rate / 1000:g} kHz  {one.channels} ch  {_loudness(one)}  {size(one.size)}  "
        f"{moment(one.uploaded_at)}\n[dim]sha256[/dim] {one.sha256}",
    )
    _note_damage(terminal, [one])


def download(
    asset: AssetArgument,
    out: OutOption = None,
    force: ForceOption = False,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download an asset."""
    terminal = Terminal(as_json=as_json)
    terminal.beside(out)

    async def work(client: AsyncClient) -> tuple[Path, Facts]:
        found = await client.assets.get(asset)
        target = out or target_of(found.filename, found.id, force=force)
        with bars(terminal) as shown:
            progress = shown.bytes_of("download", target.name)
            return target, await client.assets.download(asset, target, overwrite=force, progress=progress)

    target, facts = execute(terminal, endpoint, work)
    terminal.json({"out": str(target), "size": facts.size, "sha256": facts.sha256})
    terminal.say(f"{escaped(target)}  {size(facts.size)}")


def delete(
    asset: AssetArgument,
    yes: YesOption = False,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete an asset; a mix that still waits for it fails."""
    terminal = Terminal(as_json=as_json)
    terminal.confirm(f"Delete asset {asset} for good?", yes=yes)
    execute(terminal, endpoint, lambda client: client.assets.delete(asset))
    terminal.json({})
    terminal.say("deleted")


def rename(
    asset: AssetArgument,
    name: Annotated[str, typer.Argument(help="The new name.")],
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rename an asset."""
    _change(lambda client: client.assets.update(asset, filename=name), endpoint, as_json=as_json)


def role(
    asset: AssetArgument,
    role: Annotated[
        str, typer.Argument(metavar="ROLE", callback=one_of(list(ROLES)), help="vocals, beat or reference.")
    ],
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what an asset is for: vocals, beat or reference."""
    _change(lambda client: client.assets.update(asset, role=ROLES[role]), endpoint, as_json=as_json)


def share(
    asset: AssetArgument, minutes: MinutesOption = 10, endpoint: EndpointOption = None, as_json: JsonOption = False
) -> None:
    """Make a link by which anybody can download an asset for a while."""
    terminal = Terminal(as_json=as_json)
    made = execute(terminal, endpoint, lambda client: client.assets.download_url(asset, lifetime_s=60 * minutes))
    say_link(terminal, made)


def say_link(terminal: Terminal, made: CreateDownloadUrlResponse | CreateRenderDownloadUrlResponse) -> None:
    """Writes only the link to standard output, and how long it works to standard error."""
    terminal.message(made, escaped(made.url))
    terminal.note(f"[dim]works until {moment(made.expires_at)}[/dim]")


def waveform(asset: AssetArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Draw an asset's waveform."""
    terminal = Terminal(as_json=as_json)
    answer = execute(terminal, endpoint, lambda client: client.assets.waveform(asset))
    terminal.json(document(answer))
    terminal.say(draw(answer, min(terminal.out.width, 120) - 8))


def draw(waveform: GetWaveformResponse, width: int) -> str:
    """The envelope as one line of blocks, full scale as the full block, with its length behind it."""
    slices = [max(abs(low), abs(high)) for low, high in zip(waveform.minimum, waveform.maximum, strict=True)]
    columns = min(width, len(slices))
    line = ""
    for column in range(columns):
        first = column * len(slices) // columns
        last = (column + 1) * len(slices) // columns
        peak = min(max(slices[first:last]), 1.0)
        line += BLOCKS[round(peak * (len(BLOCKS) - 1))]
    return f"{line}  {length(len(slices) * waveform.seconds_per_slice)}"


async def _upload_one(
    terminal: Terminal, client: AsyncClient, project: str, path: Path, role: str, resume: str, shown: Bars
) -> Asset:
    opened: list[Upload] = []
    progress = shown.bytes_of("upload", path.name)
    try:
        if resume:
            asset = await client.assets.resume_upload(resume, path, progress=progress)
        else:
            asset = await client.assets.upload(project, path, ROLES[role], progress=progress, opened=opened.append)
    except (asyncio.CancelledError, NotReachableError):
        for started in opened:
            terminal.note(
                f"take it up again: automix assets upload {project} {escaped(shlex.quote(str(path)))} "
                f"--role {role} --resume {started.id}"
            )
        raise
    except AutomixError as error:
        error.add_note(printable(path))
        raise
    shown.show(MixProgress("verify", path.name, 1, 1))
    return asset


def target_of(name: str, otherwise: str, *, force: bool) -> Path:
    """Where a download goes when nobody named a place: into this folder, and over an existing file only if forced."""
    plain = plain_name(name, otherwise)
    return Path(plain) if force else free(Path(), plain)


def _print(terminal: Terminal, assets: list[Asset]) -> None:
    terminal.table(
        assets,
        ("id", "role", "file", "length", "loudness"),
        ((one.id, choice(one, "role"), one.filename, length(one.duration), _loudness(one)) for one in assets),
    )
    _note_damage(terminal, assets)


def _note_damage(terminal: Terminal, assets: list[Asset]) -> None:
    for one in assets:
        if words := damage_words(one):
            terminal.note(f"[yellow]{escaped(one.filename)}[/yellow] {words}")


def damage_words(asset: Asset) -> str:
    """What is missing in a recording and where, as the end of a sentence that begins with its name; empty when
    nothing is missing."""
    if not (asset.gaps or asset.damaged_packets):
        return ""
    first = asset.gaps[0] if asset.gaps else None
    if first is not None and len(asset.gaps) == 1 and first.start == 0.0 and not asset.damaged_packets:
        return f"begins at {first.length:.2f} s by its time stamps: silence was put in front of it."
    why = "is damaged" if asset.damaged_packets else "has gaps"
    if first is None:
        return f"{why}: packets that could not be decoded were left out ({asset.damaged_packets})."
    behind = [gap for gap in asset.gaps if gap.start > asset.duration - END_S]
    inside = asset.gaps[: len(asset.gaps) - len(behind)]
    places = ", ".join(f"{gap.length:.2f} s at {place(gap.start)}" for gap in inside[:TOLD_GAPS])
    more = f" and {len(inside) - TOLD_GAPS} more" if len(inside) > TOLD_GAPS else ""
    lacks = [f"{places}{more} are missing: silence fills them, so that what follows stays in time"] if inside else []
    lacks += [f"its last {gap.length:.2f} s are missing" for gap in behind]
    return f"{why}: {'; '.join(lacks)}."


def _loudness(asset: Asset) -> str:
    return lufs(asset.loudness if asset.HasField("loudness") else None)
