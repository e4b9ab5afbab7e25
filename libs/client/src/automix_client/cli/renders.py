"""automix renders ..."""

import json
from pathlib import Path
from typing import Annotated

import typer
from automix.mixer.v1 import mixer_pb2

from automix_client.cli.assets import ForceOption, MinutesOption, OutOption, say_link, target_of
from automix_client.cli.bars import bars
from automix_client.cli.connection import EndpointOption, JsonOption, YesOption, execute
from automix_client.cli.documents import document
from automix_client.cli.file_names import free, plain_name
from automix_client.cli.names import ProjectArgument, an_id, project_id
from automix_client.cli.report_words import mix_words
from automix_client.cli.terminal import Terminal, escaped
from automix_client.cli.units import dbtp, length, lufs, moment, size
from automix_client.client import AsyncClient
from automix_client.mix import MixProgress
from automix_client.targets import Target

RenderArgument = Annotated[str, typer.Argument(metavar="RENDER", callback=an_id, help="The render's id.")]


def list_renders(project: ProjectArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """List a project's finished mixes, newest first."""
    terminal = Terminal(as_json=as_json)

    async def work(client: AsyncClient) -> list[mixer_pb2.Render]:
        return [render async for render in client.renders.list(await project_id(client, project))]

    renders = execute(terminal, endpoint, work)
    terminal.table(
        renders,
        ("id", "file", "length", "loudness", "true peak", "made"),
        (
            (
                one.id,
                one.filename,
                length(one.duration),
                lufs(one.loudness if one.HasField("loudness") else None),
                dbtp(one.true_peak if one.HasField("true_peak") else None),
                moment(one.created_at),
            )
            for one in renders
        ),
    )


def show(render: RenderArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Show one finished mix."""
    terminal = Terminal(as_json=as_json)
    one = execute(terminal, endpoint, lambda client: client.renders.get(render))
    terminal.message(
        one,
        f"{escaped(one.filename)}\n{length(one.duration)}  {size(one.size)}  "
        f"{lufs(one.loudness if one.HasField('loudness') else None)}  "
        f"{dbtp(one.true_peak if one.HasField('true_peak') else None)}  {moment(one.created_at)}\n"
        f"[dim]project[/dim] {one.project_id}\n[dim]job[/dim]     {one.job_id}\n[dim]sha256[/dim]  {one.sha256}",
    )


def download(
    render: RenderArgument,
    out: OutOption = None,
    force: ForceOption = False,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download a finished mix."""
    terminal = Terminal(as_json=as_json)
    terminal.beside(out)

    async def work(client: AsyncClient) -> tuple[Path, mixer_pb2.Render]:
        found = await client.renders.get(render)
        target = out or target_of(found.filename, found.id, force=force)
        with bars(terminal) as shown:
            progress = shown.bytes_of("download", target.name)
            await client.renders.download(render, target, overwrite=force, progress=progress)
        return target, found

    target, found = execute(terminal, endpoint, work)
    terminal.json({**document(found), "out": str(target)})
    terminal.say(f"{escaped(target)}  {length(found.duration)}  {size(found.size)}")


def report(
    render: RenderArgument,
    plan_out: Annotated[
        Path | None,
        typer.Option(
            "--plan-out",
            metavar="FILE",
            help="Write the mix plan to this file: edit it, and mix by it with `automix mix --plan`.",
        ),
    ] = None,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what was done to each track and why, and what was measured; --json prints the whole plan and report."""
    terminal = Terminal(as_json=as_json)
    terminal.beside(plan_out)
    answer = execute(terminal, endpoint, lambda client: client.renders.report(render))
    plan, measured = json.loads(answer.plan_json or "{}"), json.loads(answer.report_json or "{}")
    if plan_out:
        with terminal.failures(), Target(plan_out) as place:
            place.part.write_text(json.dumps(plan, indent=2) + "\n", encoding="utf-8")
            place.commit()
    terminal.json({"plan": plan, "report": measured})
    terminal.say(f"plan written to {escaped(plan_out)}" if plan_out else mix_words(plan, measured))


def whole(
    render: RenderArgument,
    out: OutOption = None,
    force: ForceOption = False,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mix the whole song by the plan of its preview, and download it."""
    terminal = Terminal(as_json=as_json)
    terminal.beside(out)

    async def work(client: AsyncClient) -> tuple[Path, mixer_pb2.Render]:
        job = await client.renders.whole(render)
        with bars(terminal) as shown:
            ended = await client.jobs.wait(
                job.id, lambda now: shown.show(MixProgress("mix", now.id, now.progress, 1, now.stage))
            )
            found = await client.renders.get(ended.render_id)
            target = out or target_of(found.filename, found.id, force=force)
            progress = shown.bytes_of("download", target.name)
            await client.renders.download(found.id, target, overwrite=force, progress=progress)
        return target, found

    target, found = execute(terminal, endpoint, work)
    terminal.json({**document(found), "out": str(target)})
    terminal.say(f"{escaped(target)}  {length(found.duration)}  {size(found.size)}")


def files(
    render: RenderArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", file_okay=False, help="Download them all into this folder."),
    ] = None,
    force: ForceOption = False,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the other files of a mix (stems, tracks, picture, plain sum), or download them all."""
    terminal = Terminal(as_json=as_json)

    async def work(client: AsyncClient) -> tuple[mixer_pb2.Render, list[Path]]:
        found = await client.renders.get(render)
        targets = _targets(out, found) if out else []
        with bars(terminal) as shown:
            for target, file in zip(targets, found.files, strict=False):
                _make(target.parent)
                progress = shown.bytes_of("download", target.name)
                await client.renders.download_file(file.id, target, overwrite=force, progress=progress)
        return found, targets

    found, targets = execute(terminal, endpoint, work)
    terminal.table(
        found.files,
        ("id", "kind", "name", "size", "written to"),
        (
            (one.id, one.kind, one.filename, size(one.size), str(targets[number]) if targets else "")
            for number, one in enumerate(found.files)
        ),
    )


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _targets(folder: Path, render: mixer_pb2.Render) -> list[Path]:
    """A name in the folder for each file beside a render, each its own."""
    targets: list[Path] = []
    for number, file in enumerate(render.files, 1):
        plain = plain_name(file.filename, f"file {number}")
        taken = {target.name for target in targets}
        targets.append(free(folder / "", plain, taken) if plain in taken else folder / plain)
    return targets


def share(
    render: RenderArgument, minutes: MinutesOption = 10, endpoint: EndpointOption = None, as_json: JsonOption = False
) -> None:
    """Make a link by which anybody can download a finished mix for a while."""
    terminal = Terminal(as_json=as_json)
    say_link(
        terminal,
        execute(terminal, endpoint, lambda client: client.renders.download_url(render, lifetime_s=60 * minutes)),
    )


def delete(
    render: RenderArgument,
    yes: YesOption = False,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a finished mix with its stems and other files; its job and the uploaded audio stay."""
    terminal = Terminal(as_json=as_json)
    terminal.confirm(f"Delete mix {render} with its stems and other files for good?", yes=yes)
    execute(terminal, endpoint, lambda client: client.renders.delete(render))
    terminal.json({})
    terminal.say("deleted")
