"""Whether the gateway lives, and whether everything behind it can be reached."""

import asyncio

import grpc
from grpc_health.v1 import health_pb2
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from automix_gateway.calls import Endpoint, Services

CHECK_SECONDS = 2.0


def liveness(stopping: asyncio.Event) -> Endpoint:
    """200 while it should get requests; behind Envoy, it tells of both."""

    async def live(_request: Request) -> Response:
        if stopping.is_set():
            return JSONResponse({"status": "STOPPING"}, 503)
        return JSONResponse({"status": "SERVING"})

    return live


def readiness(services: Services) -> Endpoint:
    """200 when every service behind the gateway serves, else 503; by service."""

    async def check(channel: grpc.aio.Channel) -> str:
        ask = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = await ask(health_pb2.HealthCheckRequest(), timeout=CHECK_SECONDS)
        except grpc.aio.AioRpcError:
            return "UNREACHABLE"
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

    async def ready(_request: Request) -> Response:
        states = await asyncio.gather(*(check(channel) for channel in services.channels.values()))
        found = dict(zip(services.channels, states, strict=True))
        return JSONResponse(found, 200 if set(states) == {"SERVING"} else 503)

    return ready
