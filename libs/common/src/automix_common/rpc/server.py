"""One way to run a gRPC server: its servicers behind the edge, background work, health, reflection, clean stop."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from automix_common.process.lifecycle import Background, Ready, always_ready, at_work, show_metrics, stop_asked_or
from automix_common.process.logs import logger
from automix_common.rpc.certificates import Certificates
from automix_common.rpc.edge import Edge, Living, Refusal, all_living, no_refusal
from automix_common.rpc.identity import TokenVerifier
from automix_common.rpc.settings import ListenSettings, ServerSettings

log = logger(__name__)

LIVENESS = "liveness"
"""The health service that says whether the process lives, whatever it waits for. The empty name says whether it is
ready."""
OPEN_SERVICES = ("/grpc.health.v1.Health/", "/grpc.reflection.")

METADATA_BYTES = 16 * 1024

OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second server on the port must fail, not share it silently
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    # Metadata as gRPC counts it: names, values and 32 bytes for each. Left to itself it refuses calls at random from
    # 8 KiB on, and all from 16; with one limit for both, a call is taken or refused by its size alone.
    ("grpc.max_metadata_size", METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES),
    ("grpc.keepalive_permit_without_calls", 1),
    # Callers ping every half minute while nothing moves. Left to itself gRPC takes that for abuse after two minutes,
    # and ends the connection with every call on it.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    # What a stream may send ahead of its handler. Left to itself gRPC lets each fill 16 MiB and more; with 1 MiB a line
    # with a round trip of 50 ms still carries 20 MB/s.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1024 * 1024),
)


def options(settings: ServerSettings) -> tuple[tuple[str, int], ...]:
    """Options of a server with several replicas. A client asks DNS again only when a connection ends, so that replicas
    that are added later would get no calls if connections had no greatest age. A connection that is too old takes no
    new calls and finishes those it has.
    """
    return (
        *OPTIONS,
        ("grpc.max_connection_age_ms", int(settings.connection_age_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", int(settings.connection_grace_seconds * 1000)),
    )


@dataclass(frozen=True)
class Service:
    """What differs between services."""

    names: Sequence[str]
    """Full protobuf names of the gRPC services."""
    add: Callable[[grpc.aio.Server], None]
    """Registers the servicers."""
    public: frozenset[str] = frozenset()
    """Full method paths that need no access token."""
    account: frozenset[str] = frozenset()
    """Full method paths that change the account itself: no personal token is enough."""
    background: Sequence[Background] = ()
    """Work that runs beside the server, from when the process is ready on, until cancelled."""


async def serve(
    service: Service,
    settings: ServerSettings,
    verifier: TokenVerifier,
    *,
    ready: Ready = always_ready,
    refusal_of: Refusal = no_refusal,
    living: Living = all_living,
    stopping: asyncio.Event | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, or until a background task fails (which raises).

    Health is NOT_SERVING while the process is not `ready`. `refusal_of` knows the errors of what the service stands on,
    `living` the callers whose account is gone. `stopping` is set when long streams should end.
    """
    edge = Edge(
        verifier,
        public=service.public,
        account=service.account,
        open_services=OPEN_SERVICES,
        request_seconds=settings.request_seconds,
        stall_seconds=settings.stall_seconds,
        refusal_of=refusal_of,
        living=living,
    )
    edge.prepare(service.names)
    server = grpc.aio.server(interceptors=[edge], options=options(settings))
    service.add(server)
    reflection.enable_server_reflection([*service.names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    port = listen(server, settings)
    servers = [server]
    if settings.probe_listen:
        servers.append(grpc.aio.server(options=OPTIONS))
        servers[-1].add_insecure_port(settings.probe_listen)
    await _run(servers, port, settings, service.names, service.background, ready, stopping or asyncio.Event())


async def serve_health(
    settings: ListenSettings, background: Sequence[Background], *, ready: Ready = always_ready
) -> None:
    """Works until SIGTERM or SIGINT, or until the work fails (which raises), and answers health checks alone.

    It listens without TLS: there is nothing to protect, and Kubernetes' probes do not speak it.
    """
    server = grpc.aio.server(options=OPTIONS)
    port = server.add_insecure_port(settings.listen)
    await _run([server], port, settings, (), background, ready, asyncio.Event())


async def _run(
    servers: Sequence[grpc.aio.Server],
    port: int,
    settings: ListenSettings,
    names: Sequence[str],
    background: Sequence[Background],
    ready: Ready,
    stopping: asyncio.Event,
) -> None:
    servicer = health.aio.HealthServicer()
    for server in servers:
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    show_metrics(settings)

    async def report(is_ready: bool) -> None:
        status = health_pb2.HealthCheckResponse.SERVING if is_ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *names):
            await servicer.set(name, status)

    await servicer.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
    async with at_work(background, ready, report) as failed:
        for server in servers:
            await server.start()
        log.info("serving", port=port)
        try:
            await stop_asked_or(failed)
        finally:
            await servicer.enter_graceful_shutdown()
            await asyncio.sleep(settings.drain_seconds)
            stopping.set()
            # The first serves calls; what only tells of its health goes after it.
            for server in servers:
                await server.stop(settings.grace_seconds)
    log.info("stopped")


def listen(server: grpc.aio.Server, settings: ServerSettings) -> int:
    """Binds the server, with TLS when the settings have a certificate, and returns its port."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return server.add_insecure_port(settings.listen)
    certificates = Certificates(settings.tls_key, settings.tls_certificate, settings.tls_ca)
    credentials = certificates.credentials(require_client=settings.tls_require_client)
    return server.add_secure_port(settings.listen, credentials)
