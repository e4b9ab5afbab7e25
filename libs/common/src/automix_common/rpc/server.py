"""One way to run a service: its servicers behind the edge, its background work, health, reflection, clean stop."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import start_http_server

from automix_common.database.migrations import schema_is_current
from automix_common.database.pool import LOST, Database
from automix_common.database.runtime import Runtime
from automix_common.process.logs import logger
from automix_common.process.settings import Settings
from automix_common.rpc.edge import Edge
from automix_common.rpc.identity import TokenVerifier

log = logger(__name__)

OPEN_SERVICES = ("/grpc.health.v1.Health/", "/grpc.reflection.")
READY_SECONDS = 1.0
CANCEL_AGAIN_SECONDS = 10.0
"""Longer than any background work takes to end in order."""

OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second server on the port must fail, not share it silently
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    # What a stream may send ahead of its handler. Left to itself gRPC lets each fill 16 MiB and more; with 1 MiB a line
    # with a round trip of 50 ms still carries 20 MB/s.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1024 * 1024),
)

Background = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Service:
    """What differs between services."""

    package: str
    """The Python package, whose `migrations` folder holds its schema's history."""
    names: Sequence[str]
    """Full protobuf names of the gRPC services."""
    add: Callable[[grpc.aio.Server], None]
    """Registers the servicers."""
    public: frozenset[str] = frozenset()
    """Full method paths that need no access token."""
    background: Sequence[Background] = ()
    """Work that runs beside the server once its schema is there, until cancelled: relays, consumers, sweepers."""


async def serve(service: Service, runtime: Runtime, verifier: TokenVerifier) -> None:
    """Serves until SIGTERM or SIGINT, or until a background task fails (which raises).

    The process reports NOT_SERVING while its schema is older than it needs or the database is away.
    """
    settings = runtime.settings
    edge = Edge(
        verifier,
        public=service.public,
        open_services=OPEN_SERVICES,
        request_seconds=settings.request_seconds,
        stall_seconds=settings.stall_seconds,
    )
    server = grpc.aio.server(interceptors=[edge], options=OPTIONS)
    service.add(server)
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    reflection.enable_server_reflection([*service.names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    port = listen(server, settings)
    if settings.metrics_listen:
        host, _, metrics_port = settings.metrics_listen.rpartition(":")
        start_http_server(int(metrics_port), host)
    migrated = asyncio.Event()
    background = [partial(_once_migrated, migrated, work) for work in service.background]
    report = partial(_report_health, service, runtime.database, servicer, migrated)
    async with running([*background, report]) as failed:
        await server.start()
        log.info("serving", port=port)
        try:
            await stop_asked_or(failed)
        finally:
            await servicer.enter_graceful_shutdown()
            await asyncio.sleep(settings.drain_seconds)
            runtime.stopping.set()
            await server.stop(settings.grace_seconds)
    log.info("stopped")


def listen(server: grpc.aio.Server, settings: Settings) -> int:
    """Binds the server, with TLS when the settings have a certificate, and returns its port."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return server.add_insecure_port(settings.listen)
    credentials = grpc.ssl_server_credentials(
        [(settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())],
        root_certificates=settings.tls_ca.read_bytes() if settings.tls_ca else None,
        require_client_auth=settings.tls_require_client,
    )
    return server.add_secure_port(settings.listen, credentials)


async def _once_migrated(migrated: asyncio.Event, work: Background) -> None:
    await migrated.wait()
    await work()


async def _report_health(
    service: Service, database: Database, servicer: health.aio.HealthServicer, migrated: asyncio.Event
) -> None:
    while True:
        try:
            async with database.read() as connection:
                if not migrated.is_set() and await schema_is_current(service.package, connection):
                    migrated.set()
            serving = migrated.is_set()
        except LOST:
            serving = False
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *service.names):
            await servicer.set(name, status)
        await asyncio.sleep(READY_SECONDS if serving else READY_SECONDS / 10)


async def stop_asked_or(failed: "asyncio.Future[object]") -> None:
    """Returns when SIGTERM or SIGINT asks for a stop; raises what a background task raised."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    waiting: asyncio.Future[object] = asyncio.ensure_future(asked.wait())
    await asyncio.wait([waiting, failed], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if failed.done():
        failed.result()


@asynccontextmanager
async def running(background: Sequence[Background]) -> AsyncIterator["asyncio.Future[object]"]:
    """Runs background work for the length of the block; the future yielded fails when one of them does."""
    failed: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    def ended(task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not failed.done():
            failed.set_exception(error)

    tasks: list[asyncio.Task[None]] = []
    for work in background:
        task = asyncio.ensure_future(work())
        task.add_done_callback(ended)
        tasks.append(task)
    try:
        yield failed
    finally:
        await _end(tasks)
        failed.cancel()


async def _end(tasks: "Sequence[asyncio.Task[None]]") -> None:
    """Cancels, and after a while again: Python 3.11's wait_for, which drivers use, can lose a cancel."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)
