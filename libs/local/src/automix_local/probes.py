"""Whether a service process answers: the standard gRPC health service on its address, or its health page."""

import socket
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException

import grpc
from automix_platform.processes import HEALTH_PATH
from grpc_health.v1 import health_pb2

from automix_local.errors import NotReadyError

_SECONDS = 1.0
_OPTIONS = (("grpc.use_local_subchannel_pool", 1),)


def grpc_health(address: str) -> Callable[[], None]:
    """A probe that raises NotReadyError until the process at host:port reports SERVING."""

    def check() -> None:
        host, _, port = address.rpartition(":")
        try:
            # A refused channel would wait longer before each new attempt.
            socket.create_connection((host, int(port)), timeout=_SECONDS).close()
        except OSError as error:
            raise NotReadyError(f"nothing listens on {address}") from error
        with grpc.insecure_channel(address, options=_OPTIONS) as channel:
            ask = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )
            try:
                answer = ask(health_pb2.HealthCheckRequest(), timeout=_SECONDS)
            except grpc.RpcError as error:
                raise NotReadyError(f"{address} does not answer: {error.code().name}") from error
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise NotReadyError(f"{address} is not serving yet")

    return check


def http_health(address: str) -> Callable[[], None]:
    """A probe that raises NotReadyError until the process at host:port answers 200 on its health page."""

    def check() -> None:
        connection = HTTPConnection(address, timeout=_SECONDS)
        try:
            connection.request("GET", HEALTH_PATH)
            status = connection.getresponse().status
        except (OSError, HTTPException) as error:
            raise NotReadyError(f"{address} does not answer: {error}") from error
        finally:
            connection.close()
        if status != 200:
            raise NotReadyError(f"{address} is not serving yet: status {status}")

    return check
