"""Calls to peers: one channel each, every call with a deadline, the caller's token and the trace forwarded."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc

from automix_common.process import telemetry
from automix_common.rpc.context import current_call
from automix_common.rpc.errors import from_rpc_error
from automix_common.rpc.settings import ClientSettings
from automix_common.rpc.spans import answered, call_span

CALL_SECONDS = 10.0
ATTEMPTS = 3
CHANNEL_OPTIONS = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Calls go to all replicas in turn; their addresses are asked for again when one closes an old connection.
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.dns_min_time_between_resolutions_ms", 5_000),
)

Answer = TypeVar("Answer")


def open_channel(endpoint: str, settings: ClientSettings) -> grpc.aio.Channel:
    """A channel to a peer, with TLS (and this process's certificate) when the settings have it."""
    # An interceptor costs each call a task, which only a process that sends spans has to pay.
    interceptors = [ClientSpans()] if telemetry.is_on() else []
    if not settings.tls:
        return grpc.aio.insecure_channel(endpoint, options=CHANNEL_OPTIONS, interceptors=interceptors)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=settings.tls_ca.read_bytes() if settings.tls_ca else None,
        private_key=settings.tls_key.read_bytes() if settings.tls_key else None,
        certificate_chain=settings.tls_certificate.read_bytes() if settings.tls_certificate else None,
    )
    return grpc.aio.secure_channel(endpoint, credentials, options=CHANNEL_OPTIONS, interceptors=interceptors)


class ClientSpans(grpc.aio.UnaryUnaryClientInterceptor):
    """A span for each attempt at a unary call, which is the parent of the peer's own."""

    async def intercept_unary_unary(
        self,
        continuation: Callable[..., Awaitable[Any]],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        """Calls within a span and waits for the answer."""
        name = client_call_details.method
        with call_span(name.decode() if isinstance(name, bytes) else name, "CLIENT") as span:
            others = [pair for pair in client_call_details.metadata or () if pair[0] != "traceparent"]
            metadata = grpc.aio.Metadata(*others, ("traceparent", current_call().traceparent))
            told = client_call_details
            details = grpc.aio.ClientCallDetails(
                told.method, told.timeout, metadata, told.credentials, told.wait_for_ready
            )
            call = await continuation(details, request)
            code = await call.code()
            answered(span, code.name, failed=code is not grpc.StatusCode.OK)
            return call


async def call_peer(method: Callable[..., Awaitable[Answer]], request: Any, *, idempotent: bool = True) -> Answer:
    """Calls a unary method of a peer in the name of the caller, with what is left of the call's own deadline.

    An idempotent call that meets UNAVAILABLE is tried again. Raises the peer's refusal as a ServiceError.
    """
    call = current_call()
    metadata = [("traceparent", call.traceparent)]
    if call.principal is not None:
        metadata.append(("authorization", f"Bearer {call.principal.token}"))
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await method(request, timeout=call.remaining(CALL_SECONDS), metadata=metadata)
        except grpc.aio.AioRpcError as error:
            again = idempotent and error.code() is grpc.StatusCode.UNAVAILABLE and attempt < ATTEMPTS
            if not again or call.remaining(CALL_SECONDS) == 0:
                raise from_rpc_error(error) from None
        await asyncio.sleep(0.1 * 2**attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")
