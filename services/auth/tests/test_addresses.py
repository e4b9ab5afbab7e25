"""Whose word is taken for where a call comes from."""

from ipaddress import ip_address, ip_network

import pytest
from automix_auth.addresses import caller_address, throttled_network
from automix_auth.settings import AuthSettings

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("ipv4:203.0.113.9:5000", [], "203.0.113.9"),
        ("ipv4:203.0.113.9:5000", ["198.51.100.1"], "203.0.113.9"),
        ("ipv4:10.0.0.1:5000", [], "10.0.0.1"),
        ("ipv4:10.0.0.1:5000", ["198.51.100.1"], "198.51.100.1"),
        ("ipv4:10.0.0.1:5000", ["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
        ("ipv4:10.0.0.1:5000", ["192.0.2.66", "198.51.100.1, 10.2.2.2"], "198.51.100.1"),
        ("ipv4:10.0.0.1:5000", ["198.51.100.1:443"], "198.51.100.1"),
        ("ipv4:10.0.0.1:5000", ["[2001:db8:9::1]:443"], "2001:db8:9::1"),
        ("ipv4:10.0.0.1:5000", ["nonsense"], "10.0.0.1"),
        ("ipv4:10.0.0.1:5000", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("ipv6:%5B2001:db8:1::5%5D:5000", ["198.51.100.1"], "198.51.100.1"),
        ("ipv6:%5B2001:db8:2::5%5D:5000", ["198.51.100.1"], "2001:db8:2::5"),
        ("ipv6:%5B::ffff:203.0.113.9%5D:5000", [], "203.0.113.9"),
        ("unix:", [], "127.0.0.1"),
    ],
)
def test_hops_are_believed_from_the_last_as_far_as_proxies_are_known(
    peer: str, forwarded: list[str], address: str
) -> None:
    assert caller_address(peer, forwarded, PROXIES) == ip_address(address)


def test_all_addresses_of_a_site_count_as_one() -> None:
    assert throttled_network(ip_address("2001:db8:2:3::1")) == throttled_network(ip_address("2001:db8:2:3:ffff::2"))
    assert throttled_network(ip_address("2001:db8:2:3::1")) != throttled_network(ip_address("2001:db8:2:4::1"))
    assert throttled_network(ip_address("203.0.113.9")) == ip_network("203.0.113.9/32")


def test_proxies_are_configured_as_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMIX_DATABASE_URL", "postgresql://nobody@127.0.0.1/none")
    monkeypatch.setenv("AUTOMIX_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8:1::/48")
    assert AuthSettings().trusted_proxies == PROXIES
