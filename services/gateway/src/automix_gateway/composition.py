"""Composition root of the gateway: the application on a socket of its own, and Envoy in front of both."""

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Generator
from functools import partial
from pathlib import Path

import uvicorn
from automix_common.process import command
from automix_common.process.lifecycle import running, stop_asked_or
from automix_common.process.logs import logger

from automix_gateway.application import application
from automix_gateway.calls import Services
from automix_gateway.envoy.bootstrap import bootstrap
from automix_gateway.envoy.certificates import UnusableCertificate, renew, secrets
from automix_gateway.envoy.process import running_envoy
from automix_gateway.settings import GatewaySettings

log = logger(__name__)

# Relative, because a socket's path may not exceed 107 bytes: Envoy and the application work in the same folder.
APPLICATION = Path("application.sock")
ADMINISTRATION = Path("administration.sock")
KEEP_SECONDS = 3600
"""Longer than Envoy keeps a connection to the application. Envoy must be the one who closes it, because a request that
is sent as the application closes would be lost."""


class Application(uvicorn.Server):
    """The application's server, which leaves signals to the gateway."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handles no signals."""
        yield


@contextlib.asynccontextmanager
async def served(settings: GatewaySettings, stopping: asyncio.Event) -> AsyncIterator[Application]:
    """The application on its socket; the block ends its streams."""
    services = Services(settings)
    server = Application(
        uvicorn.Config(
            application(settings, services, stopping),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_keep_alive=KEEP_SECONDS,
            timeout_graceful_shutdown=1,
            proxy_headers=False,
            server_header=False,
        )
    )
    try:
        yield server
    finally:
        await services.close()


async def serve_gateway(settings: GatewaySettings) -> None:
    """Serves until told to stop, or until Envoy or the application ends by itself (which raises)."""
    with tempfile.TemporaryDirectory(prefix="gateway-", dir=settings.scratch_dir) as folder:
        os.chdir(folder)
        os.umask(0o077)
        stopping = asyncio.Event()
        # Bound here and not by uvicorn, which would open the socket to every user of the machine.
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(APPLICATION))
        configuration = bootstrap(settings, APPLICATION, ADMINISTRATION)
        certificates = list(secrets(settings, configuration))
        try:
            for certificate in certificates:
                certificate.write()
        except UnusableCertificate as error:
            sys.exit(f"settings: a certificate cannot be used: {error}")
        async with (
            running_envoy(
                configuration,
                Path(folder),
                ADMINISTRATION,
                settings.envoy_threads,
                settings.log_level,
            ) as envoy,
            served(settings, stopping) as server,
            running(
                [partial(server.serve, [listening]), envoy.ended, *(partial(renew, one) for one in certificates)]
            ) as failed,
        ):
            log.info("serving", address=settings.listen)
            try:
                await stop_asked_or(failed)
            finally:
                stopping.set()
                await asyncio.sleep(settings.drain_seconds)
                await envoy.drain(settings.grace_seconds)
                server.should_exit = True
        log.info("stopped")


def main() -> None:
    """Runs `python -m automix_gateway`."""
    command.main("automix_gateway", GatewaySettings, serve_gateway)
