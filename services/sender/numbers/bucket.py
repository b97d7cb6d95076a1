"""How fast one number may send: a token bucket in message parts, on the monotonic clock."""

from typing import Final

_BURST_SECONDS: Final = 1.0


class Bucket:
    """Holds up to one second's parts, at least one; a text longer than what is left puts it into debt."""

    def __init__(self, parts_per_second: float, at: float) -> None:
        self._rate = parts_per_second
        self._tokens = self._capacity
        self._at = at
        self._closed_until = at

    def available(self, at: float) -> int:
        """Return how many one-part texts may start now."""
        self._tokens = min(self._capacity, self._tokens + max(0.0, at - self._at) * self._rate)
        self._at = max(self._at, at)
        return 0 if at < self._closed_until else max(0, int(self._tokens + 1e-9))

    def take(self, parts: int) -> None:
        """Use up so many parts."""
        self._tokens -= parts

    def pause(self, until: float) -> None:
        """Let nothing through before then: the provider asked for it."""
        self._closed_until = max(self._closed_until, until)

    def change_rate(self, parts_per_second: float) -> None:
        """Continue at another rate."""
        self._rate = parts_per_second

    @property
    def _capacity(self) -> float:
        return max(1.0, self._rate * _BURST_SECONDS)
