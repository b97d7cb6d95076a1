"""How much of a process one client may use: bytes, seconds and connections, each with a bound."""

import sys
from dataclasses import dataclass, field

from shared.http.networks import Networks

LONGEST_URL_BYTES = 8_192
_DESCRIPTORS_FOR_OTHERS = 128
"""Left for databases, brokers, providers and files; a process without descriptors can do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What the server allows a connection before it is authenticated."""

    head_bytes: int = 32_768
    """Largest request line with all headers."""
    url_bytes: int = LONGEST_URL_BYTES
    headers: int = 128
    """Most headers of one request."""
    pipelined: int = 16
    """Most requests sent ahead before the first is answered."""
    unread_bytes: int = 1_048_576
    """Most bytes of a body that are discarded after its answer; then the connection is closed."""
    head_seconds: float = 10.0
    """From the first byte, or the opening of the connection, to the end of the headers."""
    body_seconds: float = 60.0
    """From the end of the headers to the end of the body, while the server is ready to read."""
    answer_seconds: float = 60.0
    """The longest time in which a client may read nothing of an answer."""
    connections: int = 4096
    connections_per_address: int = 512
    trusted_proxies: Networks = field(default_factory=lambda: Networks.of("127.0.0.1,::1"))
    """Proxies carry many clients: the bound per address does not apply to them."""

    @property
    def room(self) -> int:
        """How many connections may be open at once, within the operating system's limit."""
        return max(1, min(self.connections, _descriptors() - _DESCRIPTORS_FOR_OTHERS))


def _descriptors() -> int:
    """Return how many files and sockets this process may have open."""
    if sys.platform == "win32":
        return 1 << 20
    import resource  # noqa: PLC0415 - not there on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft
