"""How an operator's command works on the accounts: as the auth service's role, in one transaction."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import psycopg
import typer
from automix_common.database.pool import Connection, connect
from automix_common.process.operators import UNREACHABLE, USAGE, NoCredentialsError, operator_settings
from automix_common.rpc.errors import ServiceError
from rich.console import Console

from automix_auth.settings import AuthSettings

REFUSED = 5

Result = TypeVar("Result")
Work = Callable[[Connection, AuthSettings], Awaitable[Result]]


def work_on_accounts(work: Work[Result]) -> Result:
    """Runs `work` in a transaction as AUTOMIX_DATABASE_URL says, else on the embedded stack of this machine.

    Leaves the command, saying why, when there are no credentials, the database does not answer or the work is refused.
    """
    try:
        return asyncio.run(_run(work, operator_settings(AuthSettings, "auth", "AUTOMIX_DATABASE_URL")))
    except NoCredentialsError as error:
        leave(str(error), USAGE)
    except ServiceError as error:
        leave(error.message, REFUSED)
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege) as error:
        leave(f"the accounts cannot be reached: {str(error).strip()}", UNREACHABLE)


async def _run(work: Work[Result], settings: AuthSettings) -> Result:
    url = settings.database_url.get_secret_value()
    async with await connect(url, "automix-operator") as connection:
        return await work(connection, settings)


def leave(message: str, code: int) -> NoReturn:
    """Ends the command with a sentence and an exit code."""
    Console(emoji=False, stderr=True, soft_wrap=True).print(message, style="red", markup=False)
    raise typer.Exit(code)
