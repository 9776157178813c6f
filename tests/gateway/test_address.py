"""Where a client is counted."""

import pytest

from gateway.address import UNKNOWN, client_address, networks_of

PROXIES = networks_of("10.0.0.0/8, 2001:db8:ffff::1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),  # anybody can write that
        ("10.1.1.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.7, 203.0.113.9"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.7, 203.0.113.9, 10.2.2.2"], "203.0.113.9"),
        ("10.1.1.1", ["198.51.100.7", "203.0.113.9, 10.2.2.2"], "203.0.113.9"),
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", ["10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", ["somebody"], UNKNOWN),
        ("2001:db8:ffff::1", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", [], "2001:db8:1:2::/64"),
        ("fe80::1%eth0", [], "fe80::/64"),
        ("::ffff:10.1.1.1", ["192.0.2.1"], "192.0.2.1"),
        ("", [], UNKNOWN),
        (None, ["192.0.2.1"], UNKNOWN),
    ],
)
def test_the_last_address_that_is_no_trusted_proxy_counts(peer: str, forwarded: list[str], address: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == address
