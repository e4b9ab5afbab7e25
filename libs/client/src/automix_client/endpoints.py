"""Where the services are: from options, the environment, or the stack that runs on this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Literal

from automix_client.settings import ConfigurationError

SERVICES = ("auth", "projects", "media", "mixer")
DISCOVERY_GROUP = "automix.endpoints"
SCHEMES = {"http": 80, "https": 443}

Origin = Literal["given", "embedded"]


class EndpointError(ConfigurationError):
    """An address that cannot be understood, or no address at all."""


@dataclass(frozen=True)
class Address:
    """One service's address: `target` is host:port, `tls` what its scheme says about encryption, if it has one."""

    target: str
    tls: bool | None = None

    @property
    def host(self) -> str:
        """The host without port and brackets."""
        return self.target.rsplit(":", 1)[0].strip("[]")

    @property
    def loopback(self) -> bool:
        """Whether it is this machine itself."""
        return _is_loopback(self.host)

    def encrypted(self, *, certificates: bool) -> bool:
        """Whether to connect by TLS.

        Without a scheme: yes when certificates are configured or the host is another machine, because a password must
        not travel in the clear by oversight. `http://` says that it may, such as inside a cluster.
        """
        return (certificates or not self.loopback) if self.tls is None else self.tls

    @classmethod
    def parse(cls, text: str) -> Address:
        """Reads `host:port`, `http://host[:port]` or `https://host[:port]`.

        Raises EndpointError when there is no host or no port.
        """
        scheme, separator, rest = text.strip().partition("://")
        if not separator:
            scheme, rest = "", scheme
        elif scheme not in SCHEMES:
            raise EndpointError(f"{text!r}: the scheme must be http or https")
        rest = rest.rstrip("/")
        host, port = _split_port(rest)
        if not port and scheme:
            port = str(SCHEMES[scheme])
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise EndpointError(f"{text!r} is not an address such as localhost:8080 or https://automix.example.org")
        return cls(f"{host}:{int(port)}", scheme == "https" if scheme else None)


@dataclass(frozen=True)
class Endpoints:
    """The addresses of all services.

    `name` is what tokens are kept under: it stays the same when an embedded stack comes back on other ports.
    """

    auth: Address
    projects: Address
    media: Address
    mixer: Address
    name: str
    origin: Origin = "given"

    @classmethod
    def parse(cls, endpoints: str | Mapping[str, str], *, name: str = "", origin: Origin = "given") -> Endpoints:
        """Reads one address for all services, or a mapping of service to address.

        Raises EndpointError for an address that cannot be understood and for a service without one.
        """
        if isinstance(endpoints, str):
            endpoints = dict.fromkeys(SERVICES, endpoints)
        missing = [service for service in SERVICES if not endpoints.get(service)]
        if missing:
            raise EndpointError(f"no address for {', '.join(missing)}")
        addresses = {service: Address.parse(endpoints[service]) for service in SERVICES}
        return cls(**addresses, name=name or addresses["auth"].target, origin=origin)


def find_endpoints(
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    discover: Callable[[], Endpoints | None] | None = None,
) -> Endpoints | None:
    """The addresses to use, or None when none are given and no embedded stack runs.

    `options` are values such as `host:port` (all services) or `media=host:port` (one of them); where they say
    nothing, AUTOMIX_<SERVICE>_ENDPOINT and then AUTOMIX_ENDPOINT of `environment` are asked, at last `discover`.

    Raises EndpointError for an address that cannot be understood, or when only some services have one.
    """
    environment = environment or {}
    found: dict[str, str] = {}
    common = environment.get("AUTOMIX_ENDPOINT", "")
    for service in SERVICES:
        if value := environment.get(f"AUTOMIX_{service.upper()}_ENDPOINT", "") or common:
            found[service] = value
    found |= _from_options(options)
    if found:
        return Endpoints.parse(found)
    return discover() if discover else None


def discover_embedded() -> Endpoints | None:
    """The embedded stack that runs on this machine, as the package that runs it reports it (entry points)."""
    for entry in entry_points(group=DISCOVERY_GROUP):
        mapping = entry.load()()
        if mapping:
            return embedded(mapping)
    return None


def embedded(mapping: Mapping[str, str]) -> Endpoints:
    """The addresses of an embedded stack: service to address, and optionally `name`, what tokens are kept under."""
    return Endpoints.parse(mapping, name=mapping.get("name", ""), origin="embedded")


def _from_options(options: Sequence[str]) -> dict[str, str]:
    everywhere: dict[str, str] = {}
    single: dict[str, str] = {}
    for option in options:
        service, separator, address = option.partition("=")
        if not separator:
            everywhere = dict.fromkeys(SERVICES, option)
        elif service in SERVICES:
            single[service] = address
        else:
            raise EndpointError(f"{option!r}: the service must be one of {', '.join(SERVICES)}")
    return everywhere | single


def _split_port(text: str) -> tuple[str, str]:
    """Splits host and port; an IPv6 address must stand in brackets."""
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        return host + bracket, rest.removeprefix(":")
    host, _, port = text.partition(":")
    return host, port


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
