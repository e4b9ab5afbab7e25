"""`automix check`: do all schemas and the bucket agree?"""

import asyncio
import json
from typing import Annotated

import psycopg
import typer
from automix_common.database.settings import DatabaseSettings
from automix_common.objects.settings import StorageSettings
from automix_common.objects.storage import S3Store
from automix_common.process.operators import FINDINGS, UNREACHABLE, USAGE, NoCredentialsError, operator_settings
from automix_common.rpc.errors import Unavailable
from rich.console import Console

from automix_ops.inspection import Allowances, Inspection, inspect

DEFAULTS = Allowances()


class CheckSettings(DatabaseSettings, StorageSettings):
    """What `automix check` connects as."""


def check(
    settle: Annotated[
        float, typer.Option(min=0, help="Seconds that events under way get before a difference counts.")
    ] = DEFAULTS.settle,
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds that a job, an event or a deletion may be left alone.")
    ] = DEFAULTS.grace,
    age: Annotated[
        float, typer.Option(min=0, help="Seconds after which an object without a row is wrong.")
    ] = DEFAULTS.object_age,
    every: Annotated[bool, typer.Option("--all", help="Every object without a row is wrong, however young.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Compare all schemas and the bucket, changing nothing.

    Connects as AUTOMIX_DATABASE_URL and AUTOMIX_S3_* say, else to the embedded stack of this machine. Exit codes: 0
    all agree, 1 findings, 2 no credentials, 3 a server cannot be reached.
    """
    console = Console(emoji=False, stderr=True, soft_wrap=True)
    try:
        settings = operator_settings(CheckSettings, "ops", "AUTOMIX_DATABASE_URL")
    except NoCredentialsError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(USAGE) from None
    allowances = Allowances(settle=settle, grace=grace, object_age=0 if every else age)
    store = S3Store(settings)
    try:
        inspection = asyncio.run(inspect(settings.database_url.get_secret_value(), store, allowances))
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, Unavailable) as error:
        console.print(f"cannot compare: {str(error).strip()}", style="red", markup=False)
        raise typer.Exit(UNREACHABLE) from None
    finally:
        store.close()
    _print(inspection, as_json=as_json)
    if inspection.findings:
        raise typer.Exit(FINDINGS)


def _print(inspection: Inspection, *, as_json: bool) -> None:
    if as_json:
        findings = [vars(finding) for finding in inspection.findings]
        typer.echo(json.dumps({"findings": findings, "objects": inspection.objects, "rows": inspection.rows}))
        return
    console = Console(emoji=False, soft_wrap=True)
    looked_at = f"{inspection.objects} objects, {inspection.rows} rows that name one"
    if not inspection.findings:
        console.print(f"[green]everything agrees[/green] ({looked_at})", highlight=False)
        return
    console.print(f"{len(inspection.findings)} findings ({looked_at})", style="red", highlight=False)
    for finding in inspection.findings:
        console.print(f"{finding.code}: {finding.sentence}", highlight=False, markup=False)
