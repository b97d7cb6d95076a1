"""The system's randomness, drawn for many uses at once: at each draw another thread takes the interpreter."""

import os
from collections import deque

_DRAWN_AT_ONCE = 256


class Pool:
    """Hands out random bytes of one length, no two callers the same: threads and forked processes included."""

    def __init__(self, length: int) -> None:
        """Hand out `length` bytes at a time."""
        self._length = length
        self._unused: deque[bytes] = deque()
        os.register_at_fork(after_in_child=self._unused.clear)

    def take(self) -> bytes:
        """Return bytes that were never returned before."""
        try:
            return self._unused.pop()  # one step of the interpreter: no two threads get the same
        except IndexError:
            drawn = os.urandom(self._length * _DRAWN_AT_ONCE)
            parts = [drawn[start : start + self._length] for start in range(0, len(drawn), self._length)]
            self._unused.extend(parts[1:])
            return parts[0]
