"""The rush: while more texts may go than this process gets called, what nobody waits for comes later.

Thousands of texts become due at one instant, and their receipts come back while most of them are still to go. A
receipt loses nothing by waiting a second, a text does; and receipts written down together cost a fraction.
"""

from typing import Final

from shared.clock import Clock

HOLD_SECONDS: Final = 1.0
"""How long a receipt waits meanwhile; providers allow several seconds (Twilio 15)."""
_LASTS_SECONDS: Final = 0.5
"""The next pass comes sooner than this while there is a rush."""


class Backpressure:
    """Remembers when texts were last left over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._over_at = clock.monotonic()

    def note(self) -> None:
        """A pass took as many texts as it could, and not as many as might go."""
        self._over_at = self._clock.monotonic() + _LASTS_SECONDS

    def hold_seconds(self) -> float:
        """Return how long what can wait should wait now; 0 in quiet times."""
        return HOLD_SECONDS if self._clock.monotonic() < self._over_at else 0.0
