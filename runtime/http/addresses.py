"""Which addresses belong to the public internet."""

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

# IANA's special-purpose registry of IPv4 addresses (2025): this network, private ones, carrier-grade NAT, loopback,
# link-local (with the clouds' metadata), protocol assignments, documentation, benchmarks, multicast, reserved;
# and one public number that means the host's own agent inside a large cloud.
_SPECIAL_4 = [
    IPv4Network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
        *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    )
]
# Of IPv6 only this block is given out to the world, and not all of it: protocol assignments (among them Teredo) and
# 6to4, which both hold an IPv4 address, and documentation are taken out. Outside it lie loopback, unspecified,
# unique local, link-local, multicast, and the IPv4-mapped, IPv4-compatible and NAT64 ways to write an IPv4 address.
_GLOBAL_6 = IPv6Network("2000::/3")
_SPECIAL_6 = [
    IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]
# RFC 5214: an interface identifier that begins so ends with the IPv4 address a tunnel leads to.
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def is_public(address: str) -> bool:
    """Whether `address`, numeric as a resolver gives it, is one that anybody on the internet may call."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in block for block in _SPECIAL_4)
    if (int(parsed) >> 32) & 0xFFFFFFFF in _ISATAP:
        return False
    return parsed in _GLOBAL_6 and not any(parsed in block for block in _SPECIAL_6)
