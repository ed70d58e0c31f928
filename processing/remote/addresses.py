"""Which network addresses may be reached on a stranger's word.

`ipaddress.is_global` and `is_private` alone are both wrong for this: multicast counts as global, an IPv6
address may carry an IPv4 one inside, and their tables differ between versions of Python.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_IPV6_GLOBAL = IPv6Network("2000::/3")  # all that IANA has given out for unicast
# An IPv4 address in the last 32 bits, read by the network or by a translator on the way.
_CARRIES_IPV4 = [
    IPv6Network("::ffff:0:0/96"),  # mapped, RFC 4291
    IPv6Network("::/96"),  # compatible, RFC 4291
    IPv6Network("::ffff:0:0:0/96"),  # translated, RFC 2765
    IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052: what an IPv6-only machine reaches IPv4 by
]
_ISATAP = {0x00005EFE, 0x02005EFE}  # RFC 5214: the interface id holds an IPv4 address
_REFUSED_IPV6 = [
    IPv6Network("2001::/23"),  # protocol assignments, Teredo among them: its IPv4 address is anyone's guess
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4, given up by RFC 7526: a tunnel to any IPv4 address
    IPv6Network("3fff::/20"),  # documentation
]
_REFUSED_IPV4 = [
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("168.63.129.16/32"),  # a cloud's own services for its machines, under a public address
]


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address, and any IPv4 address inside it, is a unicast one of the public internet."""
    inner = embedded_ipv4(address) if isinstance(address, IPv6Address) else address
    if inner is not None:
        return _is_public_ipv4(inner)
    assert isinstance(address, IPv6Address)
    return (
        address in _IPV6_GLOBAL
        and address.is_global
        and not any(address in network for network in _REFUSED_IPV6)
        and not _hides_ipv4(address)
    )


def embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is really reached under this one; None where it is IPv6 all the way."""
    if any(address in network for network in _CARRIES_IPV4):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def _is_public_ipv4(address: IPv4Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _REFUSED_IPV4)
    )


def _hides_ipv4(address: IPv6Address) -> bool:
    """Whether it is a tunnel's address to an IPv4 one that is not public."""
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return not _is_public_ipv4(IPv4Address(int(address) & 0xFFFF_FFFF))
    return False
