"""Which addresses a call may go to that somebody else chose (pure).

A merchant writes the address of a webhook, and its name server says where that is: without this rule the call would
reach what only this machine can reach, such as a cloud's metadata service or a database (server-side request forgery).

Source: IANA special-purpose address registries (RFC 6890); RFC 6052 (NAT64); OWASP, server-side request forgery.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from shared.http.networks import Networks

_NAT64: Final = IPv6Network("64:ff9b::/96")
"""Its last 32 bits are the IPv4 address that is reached (RFC 6052)."""
_PUBLIC_V6: Final = IPv6Network("2000::/3")
"""All that is assigned to the public Internet (RFC 4291)."""
_NEVER_V6: Final = tuple(
    IPv6Network(each)
    for each in (
        "2001::/23",  # special purposes, Teredo among them, which carries an IPv4 address inside
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address is inside
        "3fff::/20",  # documentation
    )
)
_NEVER_V4: Final = tuple(
    IPv4Network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
"""Written out: what `is_global` of Python says differs between its versions."""
_METADATA: Final = frozenset({IPv4Address("168.63.129.16")})
"""Services of clouds for their own machines at addresses that look public: Azure's wire server."""


def is_allowed(host: str, own: Networks) -> bool:
    """Return whether a call may go to an IP address: a public one, or one within the operator's `own` networks.

    An IPv4 address inside IPv6 counts as what it is. What is no IP address is not allowed.
    """
    try:
        address = _reached(ip_address(host))
    except ValueError:
        return False
    return own.contain(str(address)) or _is_public(address)


def _reached(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return where packets to this address end."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return address not in _METADATA and not any(address in network for network in _NEVER_V4)
    if address.scope_id is not None or address not in _PUBLIC_V6:
        return False
    return not any(address in network for network in _NEVER_V6)
