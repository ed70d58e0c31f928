"""Which addresses count as public, kind by kind."""

from __future__ import annotations

import ipaddress

import pytest

from processing.remote.addresses import embedded_ipv4, is_public

PUBLIC = [
    "1.1.1.1",
    "93.184.216.34",
    "2606:4700::1111",
    "2a00:1450:4001::8a",
    "64:ff9b::101:101",
    "::ffff:8.8.8.8",
]
PRIVATE = {
    "this machine": ["127.0.0.1", "127.255.255.254", "::1", "0.0.0.0", "::", "0.1.2.3"],
    "private networks": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fc00::1"],
    "link-local": ["169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0"],
    "site-local": ["fec0::1", "feff::1"],
    "carrier-grade NAT": ["100.64.0.1", "100.127.255.255", "100.100.100.200"],
    "multicast": ["224.0.0.1", "239.255.255.255", "233.252.0.1", "ff02::1", "ff0e::1"],
    "broadcast": ["255.255.255.255", "240.0.0.1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarks": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "protocol assignments": ["192.0.0.1", "192.0.0.9", "192.0.0.10", "192.88.99.1", "2001::1"],
    "a cloud's own services": ["168.63.129.16", "fd00:ec2::254"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:224.0.0.1"],
    "compatible": ["::127.0.0.1", "::10.0.0.1", "::192.168.0.1"],
    "translated": ["::ffff:0:127.0.0.1", "::ffff:0:10.0.0.1"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1.1.1.1", "64:ff9b:1::7f00:1"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1", "2002:808:808::1"],
    "Teredo": ["2001:0:808:808::1", "2001:0:7f00:1::f5ff:fffe"],
    "ISATAP": ["2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:127.0.0.1"],
    "not given out": ["4000::1", "5f00::1", "100::1", "8000::1"],
}


@pytest.mark.parametrize("text", PUBLIC)
def test_it_lets_public_addresses_through(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in PRIVATE.items() for text in texts]
)
def test_it_refuses_every_other_kind(kind: str, text: str) -> None:
    assert not is_public(ipaddress.ip_address(text)), kind


def test_it_finds_the_ipv4_address_inside() -> None:
    assert embedded_ipv4(ipaddress.IPv6Address("64:ff9b::8.8.4.4")) == ipaddress.IPv4Address("8.8.4.4")
    assert embedded_ipv4(ipaddress.IPv6Address("2606:4700::1")) is None
