"""automix tokens ..."""

import time
from typing import Annotated

import grpc
import typer
from automix.auth.v1.auth_pb2 import CreatePersonalTokenResponse, PersonalToken

from automix_client.cli.connection import EndpointOption, JsonOption, config_folder, execute
from automix_client.cli.documents import choice
from automix_client.cli.local_account import LocalAccount
from automix_client.cli.names import is_id, one_of
from automix_client.cli.passwords import StdinOption, read_password
from automix_client.cli.terminal import Terminal, escaped
from automix_client.cli.units import moment
from automix_client.client import AsyncClient
from automix_client.errors import ErrorDetails, NotYoursError
from automix_client.personal_tokens import READ, WRITE

SCOPES = {"read": READ, "write": WRITE}


def create(
    name: Annotated[str, typer.Argument(help="What you call it, such as the program that will use it.")],
    scope: Annotated[
        str,
        typer.Option(
            help="read: look, listen, download. write: everything but the account itself.",
            callback=one_of(tuple(SCOPES)),
        ),
    ] = "read",
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days the token is valid.")] = 90,
    password_stdin: StdinOption = False,
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token by which a program calls in your name; it is shown once.

    Programs send it as `authorization: Bearer`; the command and the SDK take it from AUTOMIX_TOKEN. It needs your
    password, from a prompt, AUTOMIX_PASSWORD or standard input, and ends when you change it.
    """
    terminal = Terminal(as_json=as_json)

    async def kept(client: AsyncClient) -> str:
        if client.endpoints.origin != "embedded":
            return ""
        known = client.session.credentials()
        return LocalAccount(config_folder(), client.endpoints.name).password_of(known.email)

    password = execute(terminal, endpoint, kept)
    password = password or read_password(terminal, "Password", variable="AUTOMIX_PASSWORD", from_stdin=password_stdin)

    async def work(client: AsyncClient) -> CreatePersonalTokenResponse:
        return await client.tokens.create(name, password, scope=SCOPES[scope], days=days)

    made = execute(terminal, endpoint, work)
    terminal.note("keep it now: it is not shown again")
    terminal.message(made, escaped(made.token))


def list_tokens(endpoint: EndpointOption = None, as_json: JsonOption = False) -> None:
    """List your tokens, newest first."""
    terminal = Terminal(as_json=as_json)
    tokens = execute(terminal, endpoint, _all)
    terminal.table(
        tokens,
        ("id", "name", "scope", "expires", "last used"),
        ((one.id, one.name, choice(one, "scope"), _expiry(one), moment(one.last_used_at) or "never") for one in tokens),
    )


def revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id or name.")],
    endpoint: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a token: within a minute nothing accepts it."""
    terminal = Terminal(as_json=as_json)

    async def work(client: AsyncClient) -> None:
        await client.tokens.revoke(token if is_id(token) else await _named(client, token))

    execute(terminal, endpoint, work)
    terminal.json({})
    terminal.say("revoked")


async def _all(client: AsyncClient) -> list[PersonalToken]:
    return [token async for token in client.tokens.list()]


async def _named(client: AsyncClient, name: str) -> str:
    for token in await _all(client):
        if token.name == name:
            return token.id
    raise NotYoursError(
        f"you have no token called {name!r}",
        code=grpc.StatusCode.NOT_FOUND,
        details=ErrorDetails(reason="NO_SUCH_TOKEN"),
    )


def _expiry(token: PersonalToken) -> str:
    return "expired" if token.expires_at.seconds <= time.time() else moment(token.expires_at)
