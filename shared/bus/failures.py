"""Whether failing events are the fault of their merchants or of this software."""

from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(minutes=10)
"""How long a failure counts; events that others handle well in between do not clear it."""
LEAST_MERCHANTS: Final = 3
"""Fewer failing merchants may each have a fault of their own."""
LEAST_SHARE: Final = 0.2
"""The part of the merchants seen lately whose events fail; below it most are served, and stopping would harm them."""


class FailureWindow:
    """The merchants whose events were handled and whose events failed within the window; pure, `now` is given.

    Its size is bounded by the number of merchants.
    """

    def __init__(self) -> None:
        self._heard: dict[str, datetime] = {}
        self._failed: dict[str, datetime] = {}

    def note_handled(self, merchants: set[str], now: datetime) -> None:
        """Record the merchants whose events were handled."""
        self._heard.update(dict.fromkeys(merchants, now))

    def note_failed(self, merchant: str, now: datetime) -> None:
        """Record the merchant whose event failed when it was handled alone."""
        self._heard[merchant] = self._failed[merchant] = now

    def is_ours(self, now: datetime) -> bool:
        """Return whether so many merchants' events fail that this software is at fault and should stop."""
        self._failed = {merchant: at for merchant, at in self._failed.items() if now - at <= WINDOW}
        if len(self._failed) < LEAST_MERCHANTS:
            return False
        self._heard = {merchant: at for merchant, at in self._heard.items() if now - at <= WINDOW}
        return len(self._failed) >= LEAST_SHARE * len(self._heard)

    @property
    def failing(self) -> int:
        """How many merchants' events failed, as of the last `is_ours`."""
        return len(self._failed)
