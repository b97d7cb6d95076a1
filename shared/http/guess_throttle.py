"""A throttle on wrong guesses: an address, or what is guessed at, has to wait after too many."""

from collections import OrderedDict
from dataclasses import dataclass, field

from shared.clock import Clock

_MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class GuessThrottle:
    """Counts wrong guesses by name; each guess expires after `seconds`, one after the other.

    It slows guessing, and does not prevent it: each process counts for itself, and forgets the oldest of very many
    names.
    """

    clock: Clock
    most: int = 10
    """Wrong guesses in a row before a name has to wait."""
    seconds: float = 60.0
    """How long one guess counts."""
    _clear_at: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def wait_seconds(self, *names: str) -> float:
        """Return how long these names have to wait; 0 where they may try."""
        now = self.clock.monotonic()
        over = [self._clear_at.get(name, now) - now - (self.most - 1) * self.seconds for name in names]
        return max(0.0, *over)

    def wrong(self, *names: str) -> None:
        """Count a wrong guess against each name."""
        now = self.clock.monotonic()
        for name in names:
            self._clear_at[name] = max(self._clear_at.pop(name, now), now) + self.seconds
        while len(self._clear_at) > _MOST_REMEMBERED:
            self._clear_at.popitem(last=False)

    def right(self, *names: str) -> None:
        """Forget what was counted against each name."""
        for name in names:
            self._clear_at.pop(name, None)

    @property
    def remembered(self) -> int:
        """How many names are counted now."""
        return len(self._clear_at)
