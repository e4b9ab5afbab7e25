"""Where Envoy sends requests: the services, object storage, the application beside it, and its own administration."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from automix_gateway.descriptors import FILES
from automix_gateway.envoy import certificates
from automix_gateway.settings import GatewaySettings

APPLICATION = "application"
OBJECTS = "objects"
ADMINISTRATION = "administration"
TELEMETRY = "telemetry"

CONNECT_SECONDS = 2
# How much Envoy holds on either side of itself for a client that does not read.
STREAM_WINDOW = 65_536
CONNECTION_WINDOW = 1_048_576
BUFFER_BYTES = 262_144
MOST_REQUESTS = 100_000
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def clusters(settings: GatewaySettings, application: Path, administration: Path) -> list[dict[str, Any]]:
    """Every cluster; `application` and `administration` are sockets."""
    found = [_service(process, settings) for process in FILES]
    if settings.s3_endpoint is not None:
        found.append(_objects(settings.s3_endpoint, settings))
    found.append(_telemetry(settings))
    found += [_local(APPLICATION, application), _local(ADMINISTRATION, administration)]
    return found


def _service(process: str, settings: GatewaySettings) -> dict[str, Any]:
    host, _, port = settings.endpoint(process).rpartition(":")
    cluster = _cluster(process, {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}})
    cluster |= {
        # Behind a headless service every replica has an address of its own, and calls go to each in turn.
        "type": "STRICT_DNS",
        "dns_lookup_family": "ALL",
        "lb_policy": "ROUND_ROBIN",
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{HTTP_OPTIONS}",
                "explicit_http_config": {
                    "http2_protocol_options": {
                        "initial_stream_window_size": STREAM_WINDOW,
                        "initial_connection_window_size": CONNECTION_WINDOW,
                        "connection_keepalive": {"interval": "30s", "timeout": "10s"},
                    }
                },
            }
        },
    }
    if settings.tls:
        cluster["transport_socket"] = _tls(settings, host, client_certificate=True, protocols=["h2"])
    return cluster


def _objects(endpoint: str, settings: GatewaySettings) -> dict[str, Any]:
    address = urlsplit(endpoint)
    host, secure = address.hostname or "", address.scheme == "https"
    port = address.port or (443 if secure else 80)
    cluster = _cluster(OBJECTS, {"socket_address": {"address": host, "port_value": port}})
    cluster |= {"type": "STRICT_DNS", "dns_lookup_family": "ALL"}
    if secure:
        cluster["transport_socket"] = _tls(settings, host, client_certificate=False, protocols=["http/1.1"])
    return cluster


def _telemetry(settings: GatewaySettings) -> dict[str, Any]:
    if settings.otlp_endpoint is None:
        return {"name": TELEMETRY, "type": "STATIC", "load_assignment": {"cluster_name": TELEMETRY}}
    address = urlsplit(settings.otlp_endpoint)
    target = {"address": address.hostname, "port_value": address.port or 4318}
    return _cluster(TELEMETRY, {"socket_address": target}) | {"type": "STRICT_DNS"}


def _local(name: str, socket: Path) -> dict[str, Any]:
    return _cluster(name, {"pipe": {"path": str(socket)}}) | {"type": "STATIC"}


def _cluster(name: str, address: dict[str, Any]) -> dict[str, Any]:
    most = {"max_connections": MOST_REQUESTS, "max_pending_requests": MOST_REQUESTS, "max_requests": MOST_REQUESTS}
    return {
        "name": name,
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        # Services limit each user. Envoy's own limits for all users together are small by default and would come first.
        "circuit_breakers": {"thresholds": [most]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def _tls(settings: GatewaySettings, host: str, *, client_certificate: bool, protocols: list[str]) -> dict[str, Any]:
    common: dict[str, Any] = {"alpn_protocols": protocols, **certificates.authority()}
    if client_certificate and settings.tls_certificate is not None and settings.tls_key is not None:
        common |= certificates.own()
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": common,
            "sni": host,
            "auto_sni_san_validation": True,
        },
    }
