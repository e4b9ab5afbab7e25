"""Which addresses may be called in the name of a user, who may not use the platform to reach what is behind it."""

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from socket import inet_aton, inet_ntoa
from urllib.parse import urlsplit

from automix_mixer.webhooks.domain import bad_url

NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: translated to the IPv4 address in its last 32 bits."""
LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
"""RFC 8215: the same within one network, whose translator may lead anywhere."""
IPV4_COMPATIBLE = IPv6Network("::/96")
"""RFC 4291, 2.5.5.1: deprecated, and some stacks still follow it."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network, whatever form it is written or wrapped in."""
    found = ip_address(address.partition("%")[0])
    if found in LOCAL_NAT64:
        return False
    return all(one.is_global and not one.is_multicast for one in (found, *_wrapped(found)))


def _wrapped(found: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The IPv4 addresses that an IPv6 address leads to."""
    if isinstance(found, IPv4Address):
        return []
    if found.ipv4_mapped is not None:
        return [found.ipv4_mapped]
    inside: list[IPv4Address | IPv6Address] = []
    if found.sixtofour is not None:
        inside.append(found.sixtofour)
    if found.teredo is not None:
        inside += found.teredo
    if found in NAT64 or found in IPV4_COMPATIBLE:
        inside.append(IPv4Address(int(found) & 0xFFFF_FFFF))
    return inside


def check_url(url: str, *, private: bool) -> None:
    """Raises InvalidArgument (WEBHOOK_URL) for what can never be called; where a name leads is found out at each call.

    `private`: http and addresses of private networks are allowed.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise bad_url("is not an address") from None
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise bad_url("must begin with https://")
    if not host or not url.isascii() or any(character <= " " or character == "\\" for character in url):
        raise bad_url("must be an address such as https://example.org/hook, in ASCII")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise bad_url("must hold neither a user nor a fragment")
    with suppress(OSError):
        host = inet_ntoa(inet_aton(host))  # of 127.1 or 2130706433, which resolvers take for 127.0.0.1
    try:
        allowed = private or is_public(host)
    except ValueError:  # a name
        return
    if not allowed:
        raise bad_url("must lead to the public network")
