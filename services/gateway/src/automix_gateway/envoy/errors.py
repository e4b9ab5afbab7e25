"""Envoy's own refusals as google.rpc.Status in JSON, as the services' are."""

import base64
from dataclasses import dataclass
from typing import Any

import grpc
from automix_common.rpc.errors import DOMAIN
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


@dataclass(frozen=True)
class Refusal:
    """What is answered for an HTTP status that Envoy gives by itself."""

    status: int
    code: grpc.StatusCode
    reason: str
    message: str
    """Empty: what Envoy says is fit for the caller."""
    retry_seconds: int | None = None


REFUSALS = (
    Refusal(400, grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST", ""),
    Refusal(404, grpc.StatusCode.NOT_FOUND, "NO_SUCH_ROUTE", "there is nothing at this address: see /docs"),
    Refusal(405, grpc.StatusCode.UNIMPLEMENTED, "NO_SUCH_METHOD", "this address takes another method: see /docs"),
    Refusal(408, grpc.StatusCode.DEADLINE_EXCEEDED, "REQUEST_TOO_SLOW", "the request did not arrive in time"),
    Refusal(413, grpc.StatusCode.INVALID_ARGUMENT, "BODY_TOO_LARGE", "the body is larger than this call takes"),
    Refusal(415, grpc.StatusCode.INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE", "the body must be application/json"),
    Refusal(426, grpc.StatusCode.FAILED_PRECONDITION, "HTTP_VERSION", "use HTTP/1.1 or HTTP/2"),
    Refusal(429, grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_REQUESTS", "too many requests: wait", 1),
    Refusal(431, grpc.StatusCode.INVALID_ARGUMENT, "HEADERS_TOO_LARGE", "the request's headers are too large"),
    Refusal(500, grpc.StatusCode.INTERNAL, "INTERNAL", "something failed on our side: try again"),
    Refusal(502, grpc.StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "a part of the platform failed: try again", 1),
    Refusal(
        503, grpc.StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "a part of the platform does not answer: try again", 1
    ),
    Refusal(504, grpc.StatusCode.DEADLINE_EXCEEDED, "UPSTREAM_TIMEOUT", "the answer took too long: try again"),
)
SILENT = {
    " == 'query_missing_content_type'": Refusal(
        400, grpc.StatusCode.UNIMPLEMENTED, "NO_SUCH_METHOD", "no address takes the method QUERY: see /docs"
    ),
    " == 'upgrade_failed'": Refusal(
        403, grpc.StatusCode.UNIMPLEMENTED, "NO_SUCH_METHOD", "no address takes another protocol than HTTP and gRPC"
    ),
    " == 'missing_host_header'": Refusal(
        400, grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST", "the request names no host"
    ),
    " == 'path_normalization_failed'": Refusal(
        400,
        grpc.StatusCode.INVALID_ARGUMENT,
        "MALFORMED_REQUEST",
        "an address holds no encoded slash, no backslash, no zero byte and no fragment",
    ),
    ".endsWith('unexpected_underscore')": Refusal(
        400, grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST", "the name of a header holds no underscore"
    ),
    ".startsWith('http')": Refusal(
        400, grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST", "this is no request of HTTP"
    ),
}
"""Refusals for which Envoy gives no text, because it refuses before it looks for a route: each by the details of its
answer, those of the codecs last.
"""
FIRST_OF_UPSTREAMS = 500
OTHER = Refusal(0, grpc.StatusCode.UNKNOWN, "REFUSED", "")


def local_replies() -> dict[str, Any]:
    """Envoy's `local_reply_config`.

    A call of gRPC or gRPC-Web gets the failure of an upstream in its trailers, with the details. Every other refusal,
    such as those of the transcoder and of requests that began as JSON, is a body.
    """
    of_upstreams = [_in_trailers(refusal) for refusal in REFUSALS if refusal.status >= FIRST_OF_UPSTREAMS]
    silent = [
        {
            **_in_body(refusal),
            "filter": {"and_filter": {"filters": [_status_filter(refusal.status), _details_filter(details)]}},
        }
        for details, refusal in SILENT.items()
    ]
    mappers = [*of_upstreams, *silent, *(_in_body(refusal) for refusal in REFUSALS)]
    return {"mappers": mappers, "body_format": _body(OTHER)}


def status_of(refusal: Refusal) -> Status:
    """The refusal as google.rpc.Status."""
    details = AnyMessage()
    details.Pack(ErrorInfo(reason=refusal.reason, domain=DOMAIN))
    return Status(code=refusal.code.value[0], message=refusal.message, details=[details])


def _status_filter(status: int) -> dict[str, Any]:
    value = {"default_value": status, "runtime_key": f"automix.local_reply.{status}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _details_filter(details: str) -> dict[str, Any]:
    kind = "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    expression = {"@type": kind, "expression": f"response.code_details{details}"}
    return {"extension_filter": {"name": "envoy.access_loggers.extension_filters.cel", "typed_config": expression}}


def _in_trailers(refusal: Refusal) -> dict[str, Any]:
    is_grpc = {"header_filter": {"header": {"name": "content-type", "string_match": {"prefix": "application/grpc"}}}}
    # The transcoder makes a JSON request look like gRPC and keeps its path in this header. Its caller reads a body.
    began_as_grpc = {"header_filter": {"header": {"name": "x-envoy-original-path", "present_match": False}}}
    details = base64.b64encode(status_of(refusal).SerializeToString()).rstrip(b"=").decode()
    return {
        "filter": {"and_filter": {"filters": [_status_filter(refusal.status), is_grpc, began_as_grpc]}},
        "body_format_override": {"text_format_source": {"inline_string": refusal.message}},
        "headers_to_add": [
            _header("grpc-status-details-bin", details),
            *_retry_after(refusal),
        ],
    }


def _in_body(refusal: Refusal) -> dict[str, Any]:
    return {
        "filter": _status_filter(refusal.status),
        "body_format_override": _body(refusal),
        # What is refused before a route is known gets none of a route's headers.
        "headers_to_add": [_header("x-content-type-options", "nosniff"), *_retry_after(refusal)],
    }


def _retry_after(refusal: Refusal) -> list[dict[str, Any]]:
    return [] if refusal.retry_seconds is None else [_header("retry-after", str(refusal.retry_seconds))]


def _header(name: str, value: str) -> dict[str, Any]:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _body(refusal: Refusal) -> dict[str, Any]:
    return {
        "json_format": {
            "code": refusal.code.value[0],
            "message": refusal.message or "%LOCAL_REPLY_BODY%",
            "details": [{"@type": ERROR_INFO, "reason": refusal.reason, "domain": DOMAIN}],
        },
        "content_type": "application/json",
    }
