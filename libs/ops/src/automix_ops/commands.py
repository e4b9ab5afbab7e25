"""`automix provision`, `automix replay` and `automix stuck`."""

import asyncio
import json
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, NoReturn, TypeVar

import psycopg
import typer
from automix_common.database.settings import DatabaseSettings
from automix_common.process.logs import configure_logging
from automix_common.process.operators import (
    FINDINGS,
    UNREACHABLE,
    USAGE,
    NoCredentialsError,
    SettingsType,
    operator_settings,
)
from rich.console import Console
from rich.table import Table

from automix_ops import provision as provisioning
from automix_ops.replay import WrongServiceError, moment
from automix_ops.replay import replay as mark
from automix_ops.stuck import Patience, StuckJob, stuck_jobs

Result = TypeVar("Result")


class Publisher(StrEnum):
    """Services that have an outbox."""

    AUTH = "auth"
    PROJECTS = "projects"
    MIXER = "mixer"


def provision(
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and create again what has gone.")] = False,
) -> None:
    """Create the stream of events and its consumers in NATS; what is there keeps its messages and its place.

    Connects as AUTOMIX_NATS_URL, AUTOMIX_NATS_USER and AUTOMIX_NATS_PASSWORD say, else to the embedded stack of this
    machine. Waits until NATS is there.
    """
    settings = _settings(provisioning.ProvisionSettings, "provisioner", "AUTOMIX_NATS_URL")
    configure_logging("automix_ops.provision", settings.log_level)
    asyncio.run(provisioning.watch(settings) if watch else provisioning.provision(settings))


def replay(
    service: Annotated[Publisher, typer.Argument(help="Whose events.")],
    since: Annotated[
        str | None, typer.Option(help="From when on: 30m, 2h, 7d, or a time such as 2026-11-22T10:00.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print how many as JSON.")] = False,
) -> None:
    """Publish a service's kept events again, under the same ids: who has handled one ignores it.

    Connects as AUTOMIX_DATABASE_URL, of the service's own role, says, else to the embedded stack of this machine.
    """
    try:
        start = None if since is None else moment(since, datetime.now(UTC))
    except ValueError:
        _leave(f"--since {since}: must be 30m, 2h, 7d or a time such as 2026-11-22T10:00", USAGE)
    url = _database_url(service.value)
    try:
        marked = _ask(mark(url, service.value, start))
    except WrongServiceError as error:
        _leave(str(error), USAGE)
    if as_json:
        typer.echo(json.dumps({"service": service.value, "events": marked}))
    else:
        typer.echo(f"{marked} events of {service.value} are published again")


def stuck(
    queued: Annotated[float, typer.Option(min=0, help="Minutes that a job may wait for a worker.")] = 5,
    processing: Annotated[float, typer.Option(min=0, help="Minutes that a job may be worked on.")] = 30,
    lapsed: Annotated[float, typer.Option(min=0, help="Minutes that a lease may have expired.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the jobs as JSON.")] = False,
) -> None:
    """List jobs that take longer than they should, changing nothing.

    Connects as AUTOMIX_DATABASE_URL says, else to the embedded stack of this machine. Exit codes: 0 none, 1 some,
    2 no credentials, 3 the database cannot be reached.
    """
    patience = Patience(timedelta(minutes=queued), timedelta(minutes=processing), timedelta(minutes=lapsed))
    jobs = _ask(stuck_jobs(_database_url("ops"), patience))
    if as_json:
        typer.echo(json.dumps([vars(job) for job in jobs], default=str))
    else:
        _print(jobs)
    if jobs:
        raise typer.Exit(FINDINGS)


def _print(jobs: list[StuckJob]) -> None:
    console = Console(emoji=False, soft_wrap=True)
    if not jobs:
        console.print("[green]no job is stuck[/green]")
        return
    table = Table("job", "for", "what is odd")
    table.columns[0].no_wrap = True
    for job in jobs:
        minutes = (datetime.now(UTC) - job.since).total_seconds() / 60
        worker = f", worker {job.worker_id}" if job.worker_id else ""
        tried = f"attempt {job.attempt}, {job.failures} failed{worker}" if job.attempt else "never tried"
        table.add_row(str(job.id), f"{minutes:.0f} min", f"{job.status}: {job.why} ({tried})")
    console.print(table)


def _database_url(role: str) -> str:
    return _settings(DatabaseSettings, role, "AUTOMIX_DATABASE_URL").database_url.get_secret_value()


def _settings(kind: type[SettingsType], role: str, variable: str) -> SettingsType:
    try:
        return operator_settings(kind, role, variable)
    except NoCredentialsError as error:
        _leave(str(error), USAGE)


def _ask(question: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(question)
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege) as error:
        _leave(f"the database does not answer: {str(error).strip()}", UNREACHABLE)


def _leave(message: str, code: int) -> NoReturn:
    Console(emoji=False, stderr=True, soft_wrap=True).print(message, style="red", markup=False)
    raise typer.Exit(code)
