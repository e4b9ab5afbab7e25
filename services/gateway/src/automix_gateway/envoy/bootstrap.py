"""Envoy's whole configuration: what it listens on, how it treats a connection, what it writes about itself."""

import base64
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from automix_gateway.descriptors import descriptor_set, services
from automix_gateway.envoy import certificates
from automix_gateway.envoy.clusters import (
    ADMINISTRATION,
    BUFFER_BYTES,
    CONNECTION_WINDOW,
    STREAM_WINDOW,
    TELEMETRY,
    clusters,
)
from automix_gateway.envoy.errors import local_replies
from automix_gateway.envoy.routes import BODY_CHECK, CONTENT_ERRORS, CORS, LUA, TRANSCODER, virtual_host
from automix_gateway.settings import GatewaySettings

FILTERS = "type.googleapis.com/envoy.extensions.filters.http"
SMALLEST_COMPRESSED = 1_024
COMPRESSED = (
    "application/json",
    "application/javascript",
    "text/javascript",
    "text/css",
    "text/html",
    "text/plain",
    "image/svg[+]xml",
)
"""Content types that are compressed. Events are not among them, because the compressor would hold them back, and audio
is not, because it would not become smaller."""


def bootstrap(settings: GatewaySettings, application: Path, administration: Path) -> dict[str, Any]:
    """The configuration; `application` and `administration` are the sockets of the application and of Envoy's own
    administration, which nobody else can open.
    """
    listeners = [_listener(settings)]
    if settings.metrics_listen:
        listeners.append(_metrics(settings.metrics_listen))
    return {
        "node": {"id": "gateway", "cluster": "gateway"},
        "admin": {"address": {"pipe": {"path": str(administration), "mode": 0o600}}},
        "static_resources": {"listeners": listeners, "clusters": clusters(settings, application, administration)},
        "application_log_config": {
            "log_format": {
                "json_format": {
                    "service": "gateway",
                    "component": "envoy.%n",
                    "level": "%l",
                    "timestamp": "%Y-%m-%dT%T.%fZ",
                    "event": "%j",
                }
            }
        },
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3"
                        ".DownstreamConnectionsConfig",
                        "max_active_downstream_connections": settings.max_connections,
                    },
                }
            ]
        },
    }


def _address(listen: str) -> dict[str, Any]:
    host, _, port = listen.rpartition(":")
    return {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}


def _listener(settings: GatewaySettings) -> dict[str, Any]:
    chain: dict[str, Any] = {
        "filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": _connection_manager(settings)}
        ]
    }
    if settings.tls_certificate is not None and settings.tls_key is not None:
        chain["transport_socket"] = _tls()
    return {
        "name": "http",
        "address": _address(settings.listen),
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "filter_chains": [chain],
    }


def _connection_manager(settings: GatewaySettings) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "http",
        "codec_type": "AUTO",
        "server_name": "automix",
        # A method that nobody has defined yet is refused like any other that an address does not take.
        "http_protocol_options": {"allow_custom_methods": True},
        "http2_protocol_options": {
            "max_concurrent_streams": settings.max_streams,
            "initial_stream_window_size": STREAM_WINDOW,
            "initial_connection_window_size": CONNECTION_WINDOW,
        },
        "common_http_protocol_options": {
            "idle_timeout": f"{settings.idle_seconds}s",
            "max_headers_count": 64,
            # A header with an underscore can pass for another one behind a server that reads them alike.
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "max_request_headers_kb": settings.max_header_kib,
        "request_headers_timeout": f"{settings.header_seconds}s",
        "stream_idle_timeout": f"{settings.idle_seconds}s",
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "strip_any_host_port": False,
        # x-forwarded-for is written below. Envoy itself would write this machine's address for a proxy that runs on it.
        "use_remote_address": True,
        "skip_xff_append": True,
        "early_header_mutation_extensions": [_forwarded_headers(settings)],
        # Envoy samples by the request's id: without one it sends no spans.
        "generate_request_id": settings.otlp_endpoint is not None,
        "tracing": _tracing(settings),
        "access_log": [_access_log()],
        "local_reply_config": local_replies(),
        "route_config": {
            "name": "automix",
            "virtual_hosts": [virtual_host(settings)],
            "most_specific_header_mutations_wins": True,
        },
        "http_filters": [
            _compressor(),
            _filter(CORS, "cors.v3.Cors"),
            _filter("envoy.filters.http.grpc_web", "grpc_web.v3.GrpcWeb"),
            _filter(LUA, "lua.v3.Lua", source_codes=_scripts()),
            _filter(TRANSCODER, "grpc_json_transcoder.v3.GrpcJsonTranscoder", **_transcoder(settings)),
            _filter("envoy.filters.http.router", "router.v3.Router"),
        ],
    }


def _scripts() -> dict[str, Any]:
    folder = files("automix_gateway.envoy")
    return {name: {"inline_string": (folder / f"{name}.lua").read_text()} for name in (BODY_CHECK, CONTENT_ERRORS)}


def _filter(name: str, kind: str, **options: Any) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"{FILTERS}.{kind}", **options}}


def _transcoder(settings: GatewaySettings) -> dict[str, Any]:
    return {
        # This includes google.rpc's messages, without which an error would have no body.
        "proto_descriptor_bin": base64.b64encode(descriptor_set().SerializeToString()).decode(),
        "services": [service.full_name for _, service in services()],
        "convert_grpc_status": True,
        "match_incoming_request_route": True,
        "print_options": {
            "preserve_proto_field_names": True,
            "always_print_primitive_fields": True,
            "stream_sse_style_delimited": True,
        },
        "request_validation_options": {
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
        "max_request_body_size": settings.max_body_bytes,
        "max_response_body_size": settings.max_answer_bytes,
    }


def _compressor() -> dict[str, Any]:
    return _filter(
        "envoy.filters.http.compressor",
        "compressor.v3.Compressor",
        response_direction_config={
            "common_config": {
                "min_content_length": SMALLEST_COMPRESSED,
                "content_type_matcher": {"safe_regex": {"regex": f"({'|'.join(COMPRESSED)}).*"}},
            },
            "weaken_etag_on_compress": True,
        },
        compressor_library={
            "name": "gzip",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip",
                "compression_level": "COMPRESSION_LEVEL_4",
                "window_bits": 13,
                "memory_level": 6,
            },
        },
    )


def _forwarded_headers(settings: GatewaySettings) -> dict[str, Any]:
    """Adds the address of the connection to x-forwarded-for, and takes away what only a proxy that stands before this
    gateway may say.
    """
    claims = () if settings.trusted_proxies else ("x-forwarded-for", "x-forwarded-host", "x-forwarded-port")
    caller = {"key": "x-forwarded-for", "value": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"}
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3"
            ".HeaderMutation",
            "mutations": [
                *({"remove": name} for name in claims),
                {"append": {"header": caller, "append_action": "APPEND_IF_EXISTS_OR_ADD"}},
            ],
        },
    }


def _tracing(settings: GatewaySettings) -> dict[str, Any]:
    """Every request has a trace, the caller's or a new one, which the services' logs carry on."""
    authority = urlsplit(settings.otlp_endpoint or "http://telemetry").netloc
    return {
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "service_name": "gateway",
                # Envoy makes no trace ids without an exporter. When no endpoint is set, its cluster has no hosts.
                "http_service": {
                    "http_uri": {"uri": f"http://{authority}/v1/traces", "cluster": TELEMETRY, "timeout": "2s"}
                },
            },
        },
        "random_sampling": {"value": 100 if settings.otlp_endpoint else 0},
    }


def _access_log() -> dict[str, Any]:
    return {
        "name": "envoy.access_loggers.stderr",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog",
            "log_format": {
                # Paths without their queries: the query of a presigned URL is a secret.
                "json_format": {
                    "service": "gateway",
                    "component": "access",
                    "level": "info",
                    "timestamp": "%START_TIME%",
                    "event": "request",
                    "trace_id": "%TRACE_ID%",
                    # The transcoder has made a POST of every method.
                    "method": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
                    "path": "%PATH(NQ:ORIG_OR_PATH)%",
                    "grpc_status": "%GRPC_STATUS%",
                    "protocol": "%PROTOCOL%",
                    "status": "%RESPONSE_CODE%",
                    "flags": "%RESPONSE_FLAGS%",
                    "why": "%RESPONSE_CODE_DETAILS%",
                    "address": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
                    "bytes_received": "%BYTES_RECEIVED%",
                    "bytes_sent": "%BYTES_SENT%",
                    "milliseconds": "%DURATION%",
                    "upstream": "%UPSTREAM_CLUSTER%",
                }
            },
        },
    }


def _tls() -> dict[str, Any]:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                **certificates.own(),
            },
        },
    }


def _metrics(listen: str) -> dict[str, Any]:
    """Prometheus' page of Envoy's administration, and nothing else of it."""
    route = {
        "match": {"path": "/metrics"},
        "route": {"cluster": ADMINISTRATION, "prefix_rewrite": "/stats/prometheus?usedonly"},
    }
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "metrics",
        "route_config": {"virtual_hosts": [{"name": "metrics", "domains": ["*"], "routes": [route]}]},
        "http_filters": [_filter("envoy.filters.http.router", "router.v3.Router")],
    }
    return {
        "name": "metrics",
        "address": _address(listen),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
