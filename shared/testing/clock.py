"""A clock that moves only when a test moves it."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 12, 1, 17, 0, tzinfo=UTC)
"""A Tuesday noon in New York, nine in Los Angeles: people in all contiguous states may be texted."""


class FakeClock:
    """Implements `shared.clock.Clock`; wall and monotonic time move together."""

    def __init__(self, at: datetime = START) -> None:
        self._now = at
        self._monotonic = 1000.0
        self.trustworthy = True
        self.skew = timedelta()
        """How far the machine's clock is from the true time."""

    def now(self) -> datetime:
        """Return the instant it was set to."""
        return self._now

    def machine_now(self) -> datetime:
        """Return the true time, and how far a test put the machine's clock from it."""
        return datetime.now(UTC) + self.skew

    def monotonic(self) -> float:
        """Return seconds that move with `advance`."""
        return self._monotonic

    def is_trustworthy(self) -> bool:
        """Return what the test set."""
        return self.trustworthy

    def advance(self, **by: float) -> datetime:
        """Move forward: `clock.advance(hours=9)`."""
        step = timedelta(**by)
        self._now += step
        self._monotonic += step.total_seconds()
        return self._now

    def move_to(self, at: datetime) -> datetime:
        """Jump to an instant not before now."""
        self.advance(seconds=(at - self._now).total_seconds())
        return self._now
