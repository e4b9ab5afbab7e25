"""The address that a call comes from."""

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import unquote

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK = IPv4Address("127.0.0.1")
IPV6_SITE = 64
"""Bits of the network that is counted: a subscriber has a whole /64 (RFC 6177)."""


def caller_address(peer: str, forwarded: Iterable[str], trusted: Sequence[Network]) -> Address:
    """The address of the caller, as far as it can be believed.

    `peer` is gRPC's (`ipv4:192.0.2.1:5000`, `ipv6:%5B2001:db8::1%5D:5000`, `unix:...`), `forwarded` the values of
    x-forwarded-for. Hops are read from the last one backwards, each as long as a `trusted` proxy has reported it: what
    lies before is only the caller's own claim.
    """
    scheme, _, rest = unquote(peer).partition(":")
    address = _parse(rest) if scheme in {"ipv4", "ipv6"} else LOOPBACK
    hops = [hop for value in forwarded for hop in value.split(",")]
    while address is not None and hops and any(address in network for network in trusted):
        reported = _parse(hops.pop().strip())
        if reported is None:
            break
        address = reported
    return address or LOOPBACK


def throttled_network(address: Address) -> Network:
    """The key under which wrong passwords are counted: the address, or the network of an IPv6 address."""
    return ip_network((address, 32 if address.version == 4 else IPV6_SITE), strict=False)


def _parse(text: str) -> Address | None:
    """An address with or without a port, an IPv6 one with or without brackets; None for anything else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
