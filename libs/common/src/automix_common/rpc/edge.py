"""The edge of a service: one interceptor that gives every call its trace, deadline, caller and valid request, and
turns whatever a handler raises into a status that tells the caller what they may know."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn
from uuid import UUID

import grpc
import structlog
from google.protobuf.message import Message
from prometheus_client import Counter, Histogram
from protovalidate import Validator

from automix_common.process import disk
from automix_common.process.logs import logger
from automix_common.rpc.context import CallContext, Principal, enter, trace_id_of
from automix_common.rpc.errors import (
    Internal,
    ServiceError,
    Unauthenticated,
    Unavailable,
    disk_full,
    to_status,
)
from automix_common.rpc.identity import TokenVerifier
from automix_common.rpc.requests import Requests, compile_rules
from automix_common.rpc.scopes import Scope, needed_scope, require_scope
from automix_common.rpc.sending import send
from automix_common.rpc.spans import answered, call_span

log = logger(__name__)


AWAY = frozenset({"DATABASE_UNAVAILABLE", "KEYS_UNAVAILABLE", "PEER_UNAVAILABLE"})
"""Reasons whose cause may be a full disk."""

OUR_FAULT = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""Codes that mark a server's span as failed (OpenTelemetry's conventions for RPC)."""

REFUSE_SECONDS = 5.0
"""How long a handler waits until its refusal is sent. A client that does not read could keep it waiting for ever."""

CALLS = Counter("automix_rpc_total", "Calls answered", ["method", "code"])
SECONDS = Histogram("automix_rpc_seconds", "Time to answer a unary call", ["method"])

Handler = Callable[..., Any]
Context = grpc.aio.ServicerContext[Any, Any]
Refusal = Callable[[Exception], ServiceError | None]
"""Turns an error of something that the service depends on into what its caller is told; None for a defect."""


Living = Callable[[UUID], Awaitable[None]]
"""Raises Unauthenticated for a caller whose account is gone."""


async def all_living(_user_id: UUID) -> None:
    """Lets every caller in, for a service whose handlers look the account up themselves."""


def no_refusal(_raised: Exception) -> None:
    """Knows no error, for a service that depends on nothing."""


class Edge(grpc.aio.ServerInterceptor):
    """Wraps every handler. Methods in `public` and methods of the `open_services` need no access token. Methods in
    `account` need a token that comes from a sign-in, all others a token whose scope is enough (see `scopes`)."""

    def __init__(
        self,
        verifier: TokenVerifier,
        *,
        public: frozenset[str],
        account: frozenset[str] = frozenset(),
        open_services: tuple[str, ...],
        request_seconds: float,
        stall_seconds: float,
        refusal_of: Refusal = no_refusal,
        living: Living = all_living,
    ) -> None:
        self._verifier = verifier
        self._living = living
        self._public = public
        self._account = account
        self._scopes: dict[str, Scope] = {}
        self._open_services = open_services
        self._request_seconds = request_seconds
        self._stall_seconds = stall_seconds
        self._refusal_of = refusal_of
        self._validator = Validator()
        self._requests: dict[str, Requests] = {}

    def prepare(self, services: Sequence[str]) -> None:
        """Compiles the rules of the services' requests."""
        compile_rules(self._validator, services)

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Returns the method's handler with the edge around it."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(self._open_services):
            return handler
        # The edge decodes the request itself. grpc would answer malformed bytes with UNKNOWN and a class name of its
        # own, before the caller is authenticated.
        requests = self._requests_of(method, handler.request_deserializer)
        encode = {"response_serializer": handler.response_serializer}
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(self._unary(method, handler.unary_unary, requests), **encode)
        if handler.stream_unary:
            return grpc.stream_unary_rpc_method_handler(
                self._client_stream(method, handler.stream_unary, requests), **encode
            )
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(
                self._server_stream(method, handler.unary_stream, requests), **encode
            )
        raise TypeError(f"{method} streams both ways, which the edge does not know")

    def _requests_of(self, method: str, decode: Any) -> Requests:
        if method not in self._requests:
            self._requests[method] = Requests(decode, self._validator)
        return self._requests[method]

    def _unary(self, method: str, handle: Handler, requests: Requests) -> Handler:
        seconds = SECONDS.labels(method=method)

        async def answer(request: bytes, context: Context) -> Any:
            started = time.perf_counter()
            async with self._call(method, context, self._request_seconds):
                response = await handle(requests.read(request), context)
                seconds.observe(time.perf_counter() - started)
                return response

        return answer

    def _client_stream(self, method: str, handle: Handler, requests: Requests) -> Handler:
        async def answer(stream: AsyncIterator[bytes], context: Context) -> Any:
            async def valid() -> AsyncIterator[Message]:
                async for request in stream:
                    yield requests.read(request)

            async with self._call(method, context, None):
                return await handle(valid(), context)

        return answer

    def _server_stream(self, method: str, handle: Handler, requests: Requests) -> Handler:
        async def answer(request: bytes, context: Context) -> None:
            async with self._call(method, context, None):
                await send(handle(requests.read(request), context), context, self._stall_seconds)

        return answer

    @asynccontextmanager
    async def _call(self, method: str, context: Context, seconds: float | None) -> AsyncIterator[None]:
        metadata = {
            str(key): str(value) for key, value in context.invocation_metadata() or () if isinstance(value, str)
        }
        with call_span(method, "SERVER", metadata.get("traceparent", "")) as span:
            remaining = context.time_remaining()
            seconds = remaining if remaining is not None else seconds
            call = CallContext(
                method=method,
                trace_id=span.trace_id or trace_id_of(metadata.get("traceparent", "")),
                deadline=None if seconds is None else time.monotonic() + seconds,
                peer=context.peer(),
            )
            structlog.contextvars.bind_contextvars(trace_id=call.trace_id, rpc=method)
            enter(call)
            code = "OK"
            try:
                async with asyncio.timeout(seconds):
                    if method not in self._public:
                        principal = await self._authenticate(metadata.get("authorization", ""))
                        structlog.contextvars.bind_contextvars(user_id=str(principal.user_id))
                        require_scope(principal.scope, self._scope_of(method))
                        enter(CallContext(method, call.trace_id, call.deadline, principal, call.peer))
                    yield
            except (asyncio.CancelledError, grpc.aio.AbortError):
                code = "CANCELLED"
                raise
            except TimeoutError:
                code = "DEADLINE_EXCEEDED"
                await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the call took longer than its deadline")
            except Exception as raised:  # noqa: BLE001 - the last line: whatever is raised is logged and answered
                error = explained(self._as_service_error(raised))
                code = error.code.name
                try:
                    async with asyncio.timeout(REFUSE_SECONDS):
                        await refuse(context, error)
                except (TimeoutError, grpc.aio.InternalError):
                    # A client that does not read gets the status when it reads again. A client that is gone needs none.
                    raise asyncio.CancelledError from None
            finally:
                answered(span, code, failed=code in OUR_FAULT)
                CALLS.labels(method=method, code=code).inc()

    def _scope_of(self, method: str) -> Scope:
        if method not in self._scopes:
            self._scopes[method] = needed_scope(method, self._account)
        return self._scopes[method]

    async def _authenticate(self, authorization: str) -> Principal:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("TOKEN_MISSING", "this call needs an access token: sign in first")
        principal = await self._verifier.verify(token)
        await self._living(principal.user_id)
        return principal

    def _as_service_error(self, raised: Exception) -> ServiceError:
        """What the caller may know of `raised`; a defect is logged with its traceback and answered without it."""
        if isinstance(raised, ServiceError):
            return raised
        refused = self._refusal_of(raised)
        if refused is not None:
            return refused
        log.error("defect", exc_info=raised)
        return Internal("INTERNAL", "something failed on our side: try again, and report the trace id if it stays")


def explained(error: ServiceError) -> ServiceError:
    """The error, or its cause: servers that share a full disk with this process do not say why they fail."""
    if isinstance(error, Unavailable) and error.reason in AWAY and not disk.has_room():
        return disk_full()
    return error


async def refuse(context: Context, error: ServiceError) -> NoReturn:
    """Ends the call with the error as its status and details, and with what HTTP says of it in headers (RFC 9110)."""
    told: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", to_status(error).SerializeToString())]
    if error.retry_after_seconds is not None:
        told.append(("retry-after", str(max(1, math.ceil(error.retry_after_seconds)))))
    if isinstance(error, Unauthenticated):
        told.append(("www-authenticate", "Bearer"))
    await context.abort(error.code, error.message, trailing_metadata=tuple(told))
    raise AssertionError("unreachable: abort raises")
