"""`automix keys`: the keys that access tokens are signed with."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from automix_common.database.pool import Connection

    from automix_auth.domain import KeyRow
    from automix_auth.settings import AuthSettings

keys = typer.Typer(
    name="keys",
    help="Operators: the keys that access tokens are signed with.",
    no_args_is_help=True,
    add_completion=False,
)


@keys.command("list")
def list_keys(as_json: Annotated[bool, typer.Option("--json", help="Print the keys as JSON.")] = False) -> None:
    """List the keys: the next, the one that signs, and retired ones that are still accepted."""
    # `automix --help` loads this module and needs no database.
    from automix_auth.operator import work_on_accounts  # noqa: PLC0415
    from automix_auth.repository import SigningKeys  # noqa: PLC0415

    async def read(connection: "Connection", _settings: "AuthSettings") -> "list[KeyRow]":
        return await SigningKeys(connection).all()

    found = work_on_accounts(read)
    if as_json:
        shown = [{name: value for name, value in vars(key).items() if name != "public_key"} for key in found]
        typer.echo(json.dumps(shown, default=str))
        return
    for key in found:
        until = f" until {_time(key.retired_at)}" if key.retired_at else ""
        typer.echo(f"{key.kid}  {key.state:7}  signs from {_time(key.active_from)}{until}")


@keys.command()
def rotate(
    compromised: Annotated[
        bool, typer.Option("--compromised", help="Delete every key now: whoever is signed in needs a new token.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON when the new key begins to sign.")] = False,
) -> None:
    """Publish a new key, which signs as soon as every service can know it; nobody is signed out.

    AUTOMIX_JWKS_CACHE_SECONDS must have the value that the auth service runs with.
    """
    from automix_auth.keys import replace_compromised  # noqa: PLC0415
    from automix_auth.keys import rotate as publish_next  # noqa: PLC0415
    from automix_auth.operator import work_on_accounts  # noqa: PLC0415

    async def publish(connection: "Connection", settings: "AuthSettings") -> datetime:
        if compromised:
            return await replace_compromised(connection)
        return await publish_next(connection, cache_lifetime=settings.jwks_cache_lifetime)

    signs_from = work_on_accounts(publish)
    if as_json:
        typer.echo(json.dumps({"active_from": str(signs_from)}))
    else:
        typer.echo(f"a new key is published and signs from {_time(signs_from)}")


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
