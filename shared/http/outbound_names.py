"""Looks up host names for outbound calls, in threads of its own, so that a dead name server harms nobody else."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

LOOKUP_SECONDS: Final = 2.0
MOST_LOOKUPS: Final = 64
MOST_LOOKUPS_OF_ONE: Final = 4
"""Lookups under way in the name of one merchant: a lookup cannot be ended, it occupies its thread until it gives up."""

Lookup: TypeAlias = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class NameUnknown:
    """A name that leads nowhere now."""

    why: str


def system_addresses(host: str) -> list[str]:
    """Return the IP addresses of a host as this machine knows them; blocks.

    Raises:
        OSError: the name is unknown, or no name server answers.
        UnicodeError: it cannot be a name.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class NameLookups:
    """Looks up names, each once at a time, so many at once, within `seconds`."""

    def __init__(self, lookup: Lookup = system_addresses, seconds: float = LOOKUP_SECONDS) -> None:
        self._lookup = lookup
        self._seconds = seconds
        self._under_way: dict[tuple[str, str], asyncio.Future[list[str] | NameUnknown]] = {}
        self._of: Counter[str] = Counter()

    async def addresses(self, host: str, owner: str) -> list[str] | NameUnknown:
        """Return the IP addresses of a host, looked up in the name of a merchant; nothing is remembered."""
        key = (owner, host)
        if key not in self._under_way:
            if self._of[owner] >= MOST_LOOKUPS_OF_ONE or len(self._under_way) >= MOST_LOOKUPS:
                return NameUnknown("earlier lookups of names have not ended yet")
            self._begin(key)
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.shield(self._under_way[key])
        except TimeoutError:
            return NameUnknown(f"no name server answered within {self._seconds:g} s")

    def _begin(self, key: tuple[str, str]) -> None:
        """Look a name up in a thread that does not keep the process from ending."""
        loop = asyncio.get_running_loop()
        self._under_way[key] = loop.create_future()
        self._of[key[0]] += 1

        def look_up() -> None:
            found: list[str] | NameUnknown
            try:
                found = self._lookup(key[1])
            except (OSError, UnicodeError):
                found = NameUnknown("the name is unknown")
            try:
                loop.call_soon_threadsafe(self._ended, key, found)
            except RuntimeError:  # the event loop has ended, and nobody waits any more
                return

        threading.Thread(target=look_up, name="outbound-name", daemon=True).start()

    def _ended(self, key: tuple[str, str], found: list[str] | NameUnknown) -> None:
        owner, _ = key
        self._of[owner] -= 1
        if not self._of[owner]:
            del self._of[owner]
        future = self._under_way.pop(key)
        if not future.done():
            future.set_result(found)
