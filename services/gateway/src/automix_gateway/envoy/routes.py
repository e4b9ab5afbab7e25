"""Which request goes where, with which limits and headers."""

import re
from itertools import groupby
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from automix_gateway.descriptors import Binding, bindings, services
from automix_gateway.envoy.body import fields
from automix_gateway.envoy.clusters import APPLICATION, OBJECTS
from automix_gateway.settings import GatewaySettings

TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
CORS = "envoy.filters.http.cors"
LUA = "envoy.filters.http.lua"
LUA_OF_ROUTE = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute"
BODY_CHECK = "body"
CONTENT_ERRORS = "content"
DEADLINE = "grpc-timeout"
GRPC_DEADLINE = "[0-9]{1,8}[HMSmun]"
"""At most eight digits and a unit, as gRPC has it."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " font-src 'self' data:; media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Content security policy of what the application serves. Elements may have styles, which drawing libraries and the
reference set, but no scripts."""
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""Content security policy of answers that are not pages."""
CONTENT_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""Content security policy of files that users have uploaded."""

_OFF = {
    "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
    "disabled": True,
    "config": {},
}


def virtual_host(settings: GatewaySettings) -> dict[str, Any]:
    """The one origin: API, content, application."""
    return {
        "name": "automix",
        "domains": ["*"],
        "routes": [
            *_api(settings),
            *(route for served in services() for route in _grpc(*served, settings)),
            *_contents(settings),
            _pages(),
        ],
        "typed_per_filter_config": {CORS: _cors(settings)},
        "response_headers_to_add": [
            _header("x-content-type-options", "nosniff"),
            _header("referrer-policy", "no-referrer"),
            _header("cross-origin-opener-policy", "same-origin"),
            _header("permissions-policy", "camera=(), geolocation=(), payment=(), usb=()"),
            _header("x-trace-id", "%TRACE_ID%"),
            *([_header("strict-transport-security", "max-age=31536000")] if settings.tls_certificate else []),
        ],
        "response_headers_to_remove": ["x-envoy-upstream-service-time"],
    }


def _api(settings: GatewaySettings) -> list[dict[str, Any]]:
    """A route for each binding, then what is refused: other methods at a known path, other paths."""
    routes = []
    # A path with a verb of its own matches before the resource's, whose id would swallow it.
    known = sorted(bindings(), key=lambda binding: (":" not in binding.path, binding.path))
    for path, group in groupby(known, key=lambda binding: binding.path):
        same_path = list(group)
        routes += [_binding(binding, settings) for binding in same_path]
        allowed = ", ".join(sorted(binding.verb for binding in same_path))
        routes.append(
            {
                "name": "other methods",
                "match": {"safe_regex": {"regex": _regex(path)}},
                "direct_response": {"status": 405},
                "response_headers_to_add": [_header("allow", allowed), *_OF_DATA],
                "typed_per_filter_config": {TRANSCODER: _OFF},
            }
        )
    # The filter for CORS answers the preflight of an allowed origin. On a route with a direct response it does nothing.
    asks = [
        {"name": ":method", "string_match": {"exact": "OPTIONS"}},
        {"name": "access-control-request-method", "present_match": True},
    ]
    preflight = {
        "name": "preflight",
        "match": {"prefix": "/v1/", "headers": asks},
        "route": {"cluster": APPLICATION},
        "response_headers_to_add": _OF_DATA,
        "typed_per_filter_config": {TRANSCODER: _OFF},
    }
    unknown = {
        "name": "unknown",
        "match": {"prefix": "/v1/"},
        "direct_response": {"status": 404},
        "response_headers_to_add": _OF_DATA,
        "typed_per_filter_config": {TRANSCODER: _OFF},
    }
    return [preflight, *routes, unknown]


def _regex(path: str) -> str:
    return re.sub(r"\{\w+\}", "[^/:]+", path)


def _binding(binding: Binding, settings: GatewaySettings) -> dict[str, Any]:
    match = {
        "safe_regex": {"regex": _regex(binding.path)},
        "headers": [{"name": ":method", "string_match": {"exact": binding.verb}}],
    }
    common = {"name": binding.method.name, "match": match, "response_headers_to_add": _OF_DATA}
    if binding.is_upload or binding.is_content:  # bytes of files, which no transcoder can bridge
        route: dict[str, Any] = {
            "cluster": APPLICATION,
            "timeout": "0s",
            "idle_timeout": _s(settings.idle_seconds),
        }
        return {**common, "route": route, "typed_per_filter_config": {TRANSCODER: _OFF}}
    # A header of this name sets a deadline in gRPC. A request of HTTP has no such header, so it is removed.
    told: dict[str, Any] = {"request_headers_to_remove": [DEADLINE]}
    if binding.is_events:
        route = {"cluster": binding.process, "timeout": "0s", "idle_timeout": _s(settings.watch_seconds)}
    else:
        seconds = settings.verify_seconds if binding.method.name == "CompleteUpload" else settings.call_seconds
        # Without a deadline of its own a call would get the service's, which is too short for a long recording.
        told["request_headers_to_add"] = [_header(DEADLINE, f"{int(seconds)}S")]
        route = {
            "cluster": binding.process,
            "timeout": _s(seconds + 5),
            # Nothing moves while a long recording is verified.
            "idle_timeout": _s(seconds + 5),
            "max_stream_duration": {"max_stream_duration": _s(settings.body_seconds + seconds)},
        }
    if binding.body:
        told["request_body_buffer_limit"] = settings.max_body_bytes
        told["typed_per_filter_config"] = {
            LUA: {
                "@type": LUA_OF_ROUTE,
                "name": BODY_CHECK,
                "filter_context": {"fields": fields(binding.method.input_type)},
            }
        }
    return {**common, "route": route, **told}


def _grpc(process: str, service: ServiceDescriptor, settings: GatewaySettings) -> list[dict[str, Any]]:
    """gRPC itself and gRPC-Web. The deadline that a client has set counts, as it would without a gateway.

    A deadline of the wrong form is removed: gRPC would answer INTERNAL, without a reason.
    """
    # Envoy's own matcher for gRPC does not match gRPC-Web.
    is_grpc = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
    no_deadline = {"name": DEADLINE, "string_match": {"safe_regex": {"regex": GRPC_DEADLINE}}, "invert_match": True}
    match = {"prefix": f"/{service.full_name}/", "headers": [is_grpc]}
    route = {
        "name": service.name,
        "match": match,
        "route": {
            "cluster": process,
            "timeout": "0s",
            "idle_timeout": _s(settings.watch_seconds),
            "max_stream_duration": {"grpc_timeout_header_max": "0s"},
        },
        "response_headers_to_add": _OF_DATA,
    }
    without = {"match": {**match, "headers": [is_grpc, no_deadline]}, "request_headers_to_remove": [DEADLINE]}
    return [route | without, route]


def _pages() -> dict[str, Any]:
    return {
        "name": "application",
        "match": {"prefix": "/"},
        "route": {"cluster": APPLICATION, "timeout": "30s"},
        "response_headers_to_add": [_header("content-security-policy", PAGE_POLICY)],
        "typed_per_filter_config": {TRANSCODER: _OFF},
    }


def _s(seconds: float) -> str:
    return f"{seconds:.3f}s"


def _header(name: str, value: str) -> dict[str, Any]:
    # A stricter value that the upstream has set is kept.
    return {"header": {"key": name, "value": value}, "append_action": "ADD_IF_ABSENT"}


_OF_DATA = [_header("content-security-policy", DATA_POLICY), _header("cache-control", "no-store")]


def _cors(settings: GatewaySettings) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": origin} for origin in settings.cors_origins],
        "allow_methods": "GET, POST, PUT, PATCH, DELETE",
        "allow_headers": "authorization, content-type, traceparent, x-grpc-web, x-user-agent, grpc-timeout",
        "expose_headers": "retry-after, x-trace-id, location, grpc-status, grpc-message, grpc-status-details-bin",
        "max_age": "600",
    }


def _contents(settings: GatewaySettings) -> list[dict[str, Any]]:
    """What a presigned URL or form lets its bearer do in the bucket, and nothing else of S3."""
    if settings.content_authority is None:
        return []
    bucket = f"/{settings.s3_bucket}"
    reads = {
        "match": {
            "prefix": f"{bucket}/",
            "headers": [{"name": ":method", "string_match": {"exact": "GET"}}],
            "query_parameters": [{"name": "X-Amz-Signature", "present_match": True}],
        }
    }
    posts = {"match": {"path": bucket, "headers": [{"name": ":method", "string_match": {"exact": "POST"}}]}}
    common = {
        "name": "content",
        "route": {
            "cluster": OBJECTS,
            "timeout": "0s",
            "idle_timeout": _s(settings.idle_seconds),
            # The signature covers the host: whatever name the caller knows this gateway by, S3 hears that one.
            "host_rewrite_literal": settings.content_authority,
        },
        # A signature is all the proof there is: S3 refuses a request that brings two, and no token leaves the platform.
        "request_headers_to_remove": ["authorization", "cookie", "x-forwarded-for", "x-forwarded-proto"],
        "response_headers_to_add": [
            _header("content-security-policy", CONTENT_POLICY),
            _header("cache-control", "private, max-age=3600"),
        ],
        # A form may name an address to go to afterwards, which no policy has allowed: nobody is sent away from here.
        "response_headers_to_remove": ["location", "seaweed-x-amz-etag", "seaweed-x-amz-owner"],
        "typed_per_filter_config": {TRANSCODER: _OFF, LUA: {"@type": LUA_OF_ROUTE, "name": CONTENT_ERRORS}},
    }
    return [{**route, **common} for route in (reads, posts)]
