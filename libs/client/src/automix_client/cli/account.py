"""automix signup, login, logout, whoami, password, account delete."""

from typing import Annotated

import typer
from automix.auth.v1.auth_pb2 import User

from automix_client.cli.connection import EndpointOption, JsonOption, YesOption, config_folder, execute
from automix_client.cli.documents import document
from automix_client.cli.local_account import LocalAccount, no_local_account
from automix_client.cli.passwords import StdinOption, read_email, read_password
from automix_client.cli.terminal import Terminal, escaped
from automix_client.client import AsyncClient

EmailArgument = Annotated[str | None, typer.Argument(help="Your email address; asked for when absent.")]
CURRENT = "AUTOMIX_PASSWORD"
REPLACEMENT = "AUTOMIX_NEW_PASSWORD"


def signup(
    email: EmailArgument = None,
    password_stdin: StdinOption = False,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create an account and sign in.

    The password comes from a prompt, AUTOMIX_PASSWORD or standard input.
    """
    terminal = Terminal(as_json=as_json)
    address = read_email(terminal, email)
    password = read_password(terminal, "Password", variable=CURRENT, from_stdin=password_stdin, confirm=True)
    user = execute(terminal, endpoint, lambda client: client.account.sign_up(address, password))
    terminal.message(user, f"welcome, {escaped(user.email)}: you are signed in")


def login(
    email: EmailArgument = None,
    password_stdin: StdinOption = False,
    local: Annotated[
        bool, typer.Option("--local", help="Sign in with the account that `automix mix` makes on the embedded stack.")
    ] = False,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign in.

    The password comes from a prompt, AUTOMIX_PASSWORD or standard input.
    """
    terminal = Terminal(as_json=as_json)
    if local:
        user = execute(terminal, endpoint, _local)
    else:
        address = read_email(terminal, email)
        password = read_password(terminal, "Password", variable=CURRENT, from_stdin=password_stdin)
        user = execute(terminal, endpoint, lambda client: client.account.sign_in(address, password))
    terminal.message(user, f"signed in as {escaped(user.email)}")


def logout(endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Sign out on this machine."""
    terminal = Terminal(as_json=as_json)
    execute(terminal, endpoint, lambda client: client.account.sign_out())
    terminal.json({})
    terminal.say("signed out")


def whoami(endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Show who is signed in, and where."""
    terminal = Terminal(as_json=as_json)

    async def ask(client: AsyncClient) -> tuple[User, str]:
        return await client.account.me(), client.endpoints.auth.target

    user, where = execute(terminal, endpoint, ask)
    terminal.json({**document(user), "endpoint": where})
    terminal.say(f"{escaped(user.email)} [dim]({user.id}) at {where}[/dim]")


def password(password_stdin: StdinOption = False, endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """Change your password; every other sign-in of the account ends.

    Passwords come from prompts, from AUTOMIX_PASSWORD and AUTOMIX_NEW_PASSWORD, or from standard input (two lines).
    """
    terminal = Terminal(as_json=as_json)
    current = read_password(terminal, "Current password", variable=CURRENT, from_stdin=password_stdin)
    new = read_password(terminal, "New password", variable=REPLACEMENT, from_stdin=password_stdin, confirm=True)
    execute(terminal, endpoint, lambda client: client.account.change_password(current, new))
    terminal.json({})
    terminal.say("password changed")


def delete(
    password_stdin: StdinOption = False,
    yes: YesOption = False,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete your account with everything in it."""
    terminal = Terminal(as_json=as_json)
    terminal.confirm("Delete your account, its projects, audio and mixes for good?", yes=yes)
    current = read_password(terminal, "Password", variable=CURRENT, from_stdin=password_stdin)
    execute(terminal, endpoint, lambda client: client.account.delete(current))
    terminal.json({})
    terminal.say("account deleted")


async def _local(client: AsyncClient) -> User:
    if client.endpoints.origin != "embedded":
        raise no_local_account()
    await LocalAccount(config_folder(), client.endpoints.name).sign_in(client)
    return await client.account.me()
