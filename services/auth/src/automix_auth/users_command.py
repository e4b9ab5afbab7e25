"""`automix users`: what an operator can do for somebody who cannot sign in, since AutoMix sends no email."""

import json
import secrets
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from automix_common.database.pool import Connection

    from automix_auth.settings import AuthSettings

GENERATED_BYTES = 12

users = typer.Typer(name="users", help="Operators: accounts.", no_args_is_help=True, add_completion=False)


@users.callback()
def _group() -> None:
    """Keeps `users` a group although it has only one command."""


@users.command("reset-password")
def reset_password(
    email: Annotated[str, typer.Argument(help="The email address of the account.")],
    generate: Annotated[bool, typer.Option("--generate", help="Generate a password and print it.")] = False,
    from_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the account as JSON, with the generated password.")
    ] = False,
) -> None:
    """Set a new password for an account and end all of its sign-ins.

    The password is asked for and never given as an argument, which others could see.
    """
    # `automix --help` loads this module and needs no database.
    from automix_common.process.operators import USAGE  # noqa: PLC0415

    from automix_auth.operator import leave, work_on_accounts  # noqa: PLC0415
    from automix_auth.reset import set_forgotten_password  # noqa: PLC0415

    if generate:
        password = secrets.token_urlsafe(GENERATED_BYTES)
    elif from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = str(typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        leave("nobody to ask: pass --generate or --password-stdin", USAGE)

    async def reset(connection: "Connection", settings: "AuthSettings") -> None:
        await set_forgotten_password(connection, email, password, cost=settings.bcrypt_cost)

    work_on_accounts(reset)
    if as_json:
        typer.echo(json.dumps({"email": email, "password": password if generate else None}))
    else:
        typer.echo(password if generate else f"the password of {email} is set")
