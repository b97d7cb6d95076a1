"""How much of a process one client may hold: bytes, seconds and connections, each with a bound."""

import sys
from dataclasses import dataclass, field

from shared.http.networks import Networks

LONGEST_URL_BYTES = 8_192
_DESCRIPTORS_FOR_OTHERS = 128
"""Left for databases, brokers, providers and files; a process without descriptors can do nothing at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What the server grants a connection before it has seen who calls."""

    head_bytes: int = 32_768
    """Largest request line with all headers."""
    url_bytes: int = LONGEST_URL_BYTES
    headers: int = 128
    """Most headers of one request."""
    pipelined: int = 16
    """Most requests sent ahead before the first is answered."""
    unread_bytes: int = 1_048_576
    """Most of a body that is thrown away after its answer; then the connection is closed."""
    head_seconds: float = 10.0
    """From the first byte, or the opening of the connection, to the end of the headers."""
    body_seconds: float = 60.0
    """From the end of the headers to the end of the body, while the server is ready to read."""
    answer_seconds: float = 60.0
    """The longest that a client may take none of an answer."""
    connections: int = 4096
    connections_per_address: int = 512
    trusted_proxies: Networks = field(default_factory=lambda: Networks.of("127.0.0.1,::1"))
    """Speak for many clients: the bound per address is not theirs."""

    @property
    def room(self) -> int:
        """How many connections there may be at once, with what the operating system leaves."""
        return max(1, min(self.connections, _descriptors() - _DESCRIPTORS_FOR_OTHERS))


def _descriptors() -> int:
    """Return how many files and sockets this process may have open."""
    if sys.platform == "win32":
        return 1 << 20
    import resource  # noqa: PLC0415 - not there on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft
