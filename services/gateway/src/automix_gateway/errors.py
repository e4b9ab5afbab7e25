"""Refusals as HTTP: google.rpc.Status in JSON, under the status that Envoy's transcoder would give it."""

import grpc
from automix_common.process.logs import logger
from automix_common.rpc.errors import DOMAIN
from google.protobuf import json_format
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from starlette.requests import Request
from starlette.responses import Response

log = logger(__name__)

HTTP_STATUS = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}
_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}
DETAILS = "grpc-status-details-bin"
AWAY = "a part of the platform does not answer: try again"


class Refused(Exception):
    """What this application itself refuses."""

    def __init__(self, http_status: int, code: grpc.StatusCode, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.http_status = http_status
        self.status = _status(code, reason, message)


def malformed(message: str) -> Refused:
    """A request that is none of those an address takes."""
    return Refused(400, grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST", message)


def answer(status: Status, http_status: int | None = None) -> Response:
    """The refusal as a response."""
    code = _BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)
    headers = {}
    retry = RetryInfo()
    for detail in status.details:
        if detail.Unpack(retry):
            headers["retry-after"] = str(max(1, round(retry.retry_delay.ToTimedelta().total_seconds())))
    if code is grpc.StatusCode.UNAUTHENTICATED:
        headers["www-authenticate"] = "Bearer"
    body = json_format.MessageToJson(status, preserving_proto_field_name=True, indent=None)
    return Response(body, http_status or HTTP_STATUS[code], headers, media_type="application/json")


def refused(_request: Request, error: Exception) -> Response:
    """Starlette's handler of Refused."""
    if not isinstance(error, Refused):
        raise error
    return answer(error.status, error.http_status)


def failed(_request: Request, error: Exception) -> Response:
    """Starlette's handler of a failed call: the service's own refusal, if it gave one."""
    if not isinstance(error, grpc.aio.AioRpcError):
        raise error
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS and isinstance(value, bytes):
            return answer(Status.FromString(value))
    code = error.code()
    if code is grpc.StatusCode.UNAVAILABLE:
        return answer(_status(code, "UPSTREAM_UNAVAILABLE", AWAY))
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return answer(_status(code, "UPSTREAM_TIMEOUT", "the answer took too long: try again"))
    return defect(_request, error)


def defect(_request: Request, error: Exception) -> Response:
    """The handler of everything else, which the log explains."""
    log.error("defect", exc_info=error)
    return answer(_status(grpc.StatusCode.INTERNAL, "INTERNAL", "something failed on our side: try again"))


def _status(code: grpc.StatusCode, reason: str, message: str) -> Status:
    status = Status(code=code.value[0], message=message)
    status.details.add().Pack(ErrorInfo(reason=reason, domain=DOMAIN))
    return status
