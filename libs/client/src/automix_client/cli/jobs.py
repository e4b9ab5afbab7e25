"""automix jobs ..."""

from contextlib import suppress
from typing import Annotated

import typer
from automix.mixer.v1 import mixer_pb2

from automix_client.cli.bars import bars
from automix_client.cli.connection import EndpointOption, JsonOption, execute
from automix_client.cli.documents import choice, document
from automix_client.cli.job_words import status, whole
from automix_client.cli.names import ProjectArgument, an_id, project_id
from automix_client.cli.terminal import Terminal
from automix_client.cli.units import moment
from automix_client.client import AsyncClient
from automix_client.errors import AutomixError
from automix_client.mix import MixProgress

JobArgument = Annotated[str, typer.Argument(metavar="JOB", callback=an_id, help="The job's id.")]


def list_jobs(project: ProjectArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """List a project's mix jobs, newest first."""
    terminal = Terminal(as_json=as_json)

    async def work(client: AsyncClient) -> list[mixer_pb2.Job]:
        return [job async for job in client.jobs.list(await project_id(client, project))]

    jobs = execute(terminal, endpoint, work)
    terminal.table(
        jobs,
        ("id", "status", "progress", "reason", "created"),
        (
            (
                one.id,
                choice(one, "status"),
                f"{one.progress:.0%}",
                one.error.reason,
                moment(one.created_at),
            )
            for one in jobs
        ),
    )


def show(job: JobArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Show one job: where it is, what goes in, what was asked for, and when."""
    terminal = Terminal(as_json=as_json)

    async def work(client: AsyncClient) -> tuple[mixer_pb2.Job, dict[str, str]]:
        found = await client.jobs.get(job)
        names = {}
        if not as_json:
            with suppress(AutomixError):  # a job outlives its assets, and media may not be up
                names = {asset.id: asset.filename async for asset in client.assets.list(found.project_id)}
        return found, names

    found, names = execute(terminal, endpoint, work)
    terminal.message(found, whole(found, names))


def watch(job: JobArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Follow a job to its end; with --json, a line for each change. Ends with 8 when it failed, 9 when cancelled."""
    terminal = Terminal(as_json=as_json)

    async def work(client: AsyncClient) -> mixer_pb2.Job:
        with bars(terminal) as shown:

            def changed(now: mixer_pb2.Job) -> None:
                terminal.json(document(now))
                detail = now.stage or choice(now, "status")
                shown.show(MixProgress("mix", now.id, now.progress, 1, detail))

            return await client.jobs.wait(job, changed)

    ended = execute(terminal, endpoint, work)
    terminal.say(status(ended))


def cancel(job: JobArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Cancel a job."""
    terminal = Terminal(as_json=as_json)
    _print(terminal, execute(terminal, endpoint, lambda client: client.jobs.cancel(job)))


def retry(job: JobArgument, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Mix again with the inputs and settings of a job that failed or was cancelled."""
    terminal = Terminal(as_json=as_json)
    _print(terminal, execute(terminal, endpoint, lambda client: client.jobs.retry(job)))


def _print(terminal: Terminal, job: mixer_pb2.Job) -> None:
    terminal.message(job, status(job))
