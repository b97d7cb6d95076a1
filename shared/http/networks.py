"""Sets of IP networks, as settings name them: `10.0.0.0/8, 192.168.1.7`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_ADDRESSES_REMEMBERED = 4096
_IPV6_SUBSCRIBER_BITS = 64
"""A subscriber is given a whole /64 (RFC 6177): counting single IPv6 addresses would count nothing."""


@dataclass(frozen=True, slots=True)
class Networks:
    """Networks, and whether an address is in one of them."""

    members: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, text: str) -> "Networks":
        """Return the networks of a list separated by commas; a single address is a network of one.

        Raises:
            ValueError: a part is neither an address nor a network.
        """
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return cls(tuple(ip_network(part) for part in parts))

    def __bool__(self) -> bool:
        """Return whether there is any network."""
        return bool(self.members)

    def __str__(self) -> str:
        """Return the list as a setting would hold it."""
        return ",".join(map(str, self.members))

    def contain(self, host: str) -> bool:
        """Return whether a host is an address within these networks; a name never is."""
        return _contain(self.members, host)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine itself: `localhost`, `127.0.0.0/8` or `::1`."""
    if host == "localhost":
        return True
    found = address_of(host)
    return found is not None and found.is_loopback


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address a text is, an IPv4 address inside IPv6 as itself; None for anything else."""
    try:
        found = ip_address(host)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def subscriber_of(host: str) -> str:
    """Return what is counted as one client: an IPv4 address, or the /64 around an IPv6 address."""
    if ":" not in host:
        return host
    found = address_of(host)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, _IPV6_SUBSCRIBER_BITS), strict=False))
    return str(found or host)


@lru_cache(maxsize=_ADDRESSES_REMEMBERED)
def _contain(members: Sequence[IPv4Network | IPv6Network], host: str) -> bool:
    found = address_of(host)
    return found is not None and any(found in network for network in members)
