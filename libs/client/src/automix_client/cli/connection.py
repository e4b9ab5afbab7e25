"""Makes a connected client from the options of a command: it finds the platform and the tokens."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import grpc
import platformdirs
import typer

from automix_client.cli.plugins import running_stack
from automix_client.cli.terminal import Terminal
from automix_client.client import AsyncClient
from automix_client.endpoints import Endpoints, discover_embedded, embedded, find_endpoints
from automix_client.errors import ErrorDetails, NotReachableError
from automix_client.settings import ConfigurationError, TlsFiles
from automix_client.tokens import FileTokenStore

Result = TypeVar("Result")

EndpointOption = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        metavar="[SERVICE=]HOST:PORT",
        help="Where AutoMix is: one address for all, or one for each of auth, projects, media and mixer. "
        "Also AUTOMIX_ENDPOINT and AUTOMIX_AUTH_ENDPOINT, ...; the embedded stack by default.",
        rich_help_panel="Connection",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.", rich_help_panel="Connection")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def config_folder() -> Path:
    """Where tokens are kept: AUTOMIX_CONFIG_DIR, else the user's configuration folder.

    Raises ConfigurationError when the user has no home.
    """
    named = os.environ.get("AUTOMIX_CONFIG_DIR", "")
    try:
        return Path(named).expanduser() if named else platformdirs.user_config_path("automix")
    except RuntimeError:
        raise ConfigurationError("there is no home directory to keep tokens in: set AUTOMIX_CONFIG_DIR") from None


@contextmanager
def platform(options: list[str] | None, *, start: bool = False) -> Iterator[Endpoints]:
    """The platform that options or environment name, else the embedded one, which nobody else can stop during the
    block. With `start`, an embedded one is started for the block where none runs. Raises NotReachableError when there
    is none.
    """
    named = find_endpoints(options or (), os.environ)
    if named is not None:
        yield named
        return
    use = running_stack()
    if use is None or not (start or discover_embedded()):
        raise NotReachableError(
            "no AutoMix runs on this machine",
            code=grpc.StatusCode.UNAVAILABLE,
            details=ErrorDetails(reason="NOT_RUNNING"),
        )
    with ExitStack() as stack:
        try:
            mapping = stack.enter_context(use(on_wait=_say_that_others_go_on))
        except Exception as error:
            raise NotReachableError(
                f"AutoMix could not be started on this machine: {error}",
                code=grpc.StatusCode.UNAVAILABLE,
                details=ErrorDetails(reason="NOT_STARTED"),
            ) from error
        yield embedded(mapping)


def _say_that_others_go_on() -> None:
    typer.echo("other commands still use AutoMix: it is stopped when they have ended, or by Ctrl-C", err=True)


def connect(endpoints: Endpoints) -> AsyncClient:
    """A client that keeps its tokens in the user's configuration folder; made inside the event loop."""
    store = FileTokenStore.under(config_folder(), endpoints.name)
    return AsyncClient(endpoints, token_store=store, tls=TlsFiles.from_environment(os.environ))


def execute(terminal: Terminal, endpoint: list[str] | None, work: Callable[[AsyncClient], Awaitable[Result]]) -> Result:
    """Runs a command's work against the platform; errors become words and exit codes."""

    async def connected(endpoints: Endpoints) -> Result:
        async with connect(endpoints) as client:
            return await work(client)

    with terminal.failures(), platform(endpoint) as endpoints:
        return asyncio.run(connected(endpoints))
