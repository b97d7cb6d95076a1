"""Backpressure: while more dispatches are ready than can be called, delivery receipts are written later.

Thousands of texts become due at one instant, and receipts come back while most of them are still queued. A receipt
loses nothing by waiting a second, a text does; and receipts written together cost a fraction each.
"""

from typing import Final

from shared.clock import Clock

HOLD_SECONDS: Final = 1.0
"""How long a receipt waits meanwhile; providers allow several seconds (Twilio 15)."""
_LASTS_SECONDS: Final = 0.5
"""While dispatches are left over, the next pass comes sooner than this."""


class Backpressure:
    """Remembers when dispatches were last left over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._over_at = clock.monotonic()

    def note(self) -> None:
        """Note that a pass took as many dispatches as it could and left some that were ready."""
        self._over_at = self._clock.monotonic() + _LASTS_SECONDS

    def hold_seconds(self) -> float:
        """Return how long receipts should wait now; 0 without backpressure."""
        return HOLD_SECONDS if self._clock.monotonic() < self._over_at else 0.0
