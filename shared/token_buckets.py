"""Token buckets: each refills at its rate, up to what it holds at most."""

from collections.abc import Hashable

from shared.clock import Clock


class TokenBuckets:
    """Buckets by name, each full at first; rate and size are given at each call, and may change between calls."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left: dict[Hashable, tuple[float, float]] = {}

    def left(self, name: Hashable, per_second: float, most: float) -> float:
        """Return how many tokens a bucket holds now; below 0 while it pays off a debt."""
        now = self._clock.monotonic()
        left, at = self._left.get(name, (most, now))
        return min(most, left + (now - at) * per_second)

    def keep(self, name: Hashable, left: float) -> None:
        """Set how many tokens a bucket holds from now on."""
        self._left[name] = left, self._clock.monotonic()
