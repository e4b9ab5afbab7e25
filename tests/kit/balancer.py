"""One address for all replicas of a process: Envoy before them, which sends each call to the next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automix_gateway.envoy import launch
from automix_gateway.envoy.process import program
from automix_local import Servers
from automix_local.ports import HOST
from automix_local.services import service_of
from automix_platform.processes import PROCESSES, Protocol

EXTENSIONS = "type.googleapis.com/envoy.extensions"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
NO_LIMIT = "0s"
PROTOCOLS: Mapping[Protocol, Mapping[str, Any]] = {
    Protocol.GRPC: {"explicit_http_config": {"http2_protocol_options": {}}},
    Protocol.HTTP: {"use_downstream_protocol_config": {"http2_protocol_options": {}}},
}


class Balancer:
    """Stands before the processes that are called, once it is told where they listen."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._envoy: subprocess.Popen[bytes] | None = None
        self._log = servers.state.path / "balancer.log"

    def answered(self, path: str) -> list[str]:
        """Which replica answered each call of this path, in turn, as host:port. A call is known soon after its end."""
        whole, _, _ = self._log.read_text().rpartition("\n")  # the line after it is still being written
        calls = (line.split() for line in whole.splitlines())
        return [replica for called, replica in calls if called == path]

    def __call__(self, listening: Mapping[str, str]) -> dict[str, str]:
        """Where callers find each process, from where its replicas listen."""
        called = {process.name: process.protocol for process in PROCESSES if process.protocol in PROTOCOLS}
        replicas = {name: [at for replica, at in listening.items() if service_of(replica) == name] for name in called}
        names = {name: f"balancer.{name}" for name, found in replicas.items() if found}
        self._servers.ports.claim(names.values())
        fronts = {name: self._servers.ports[port] for name, port in names.items()}
        configuration = {
            "static_resources": {
                "listeners": [_listener(name, port, self._log) for name, port in fronts.items()],
                "clusters": [_cluster(name, replicas[name], PROTOCOLS[called[name]]) for name in fronts],
            }
        }
        self._run(self._servers.state.path / "balancer.json", configuration)
        return {name: f"{HOST}:{port}" for name, port in fronts.items()}

    def close(self) -> None:
        """Ends it."""
        if self._envoy is not None:
            self._envoy.kill()
            self._envoy.wait()

    def _run(self, file: Path, configuration: Mapping[str, Any]) -> None:
        file.write_text(json.dumps(configuration))
        envoy = [str(program()), "--config-path", str(file), "--concurrency", "1", "--disable-hot-restart"]
        envoy += ["--file-flush-interval-msec", "50"]
        self._envoy = subprocess.Popen(
            [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *envoy, "--log-level", "error"]
        )


def _listener(name: str, port: int, log: Path) -> dict[str, Any]:
    route = {"cluster": name, "timeout": NO_LIMIT, "retry_policy": {"retry_on": "connect-failure"}}
    manager = {
        "@type": f"{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "stream_idle_timeout": NO_LIMIT,
        "access_log": [
            {
                "name": "file",
                "typed_config": {
                    "@type": f"{EXTENSIONS}.access_loggers.file.v3.FileAccessLog",
                    "path": str(log),
                    "log_format": {"text_format_source": {"inline_string": "%REQ(:PATH)% %UPSTREAM_HOST%\n"}},
                },
            }
        ],
        "route_config": {
            "virtual_hosts": [{"name": name, "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}]}]
        },
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{EXTENSIONS}.filters.http.router.v3.Router"}}],
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": HOST, "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _cluster(name: str, addresses: list[str], protocol: Mapping[str, Any]) -> dict[str, Any]:
    ends = [{"endpoint": {"address": {"socket_address": _socket(address)}}} for address in addresses]
    return {
        "name": name,
        "type": "STATIC",
        "lb_policy": "ROUND_ROBIN",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": ends}]},
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: {"@type": f"type.googleapis.com/{HTTP_OPTIONS}", **protocol}
        },
    }


def _socket(address: str) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    return {"address": host, "port_value": int(port)}
