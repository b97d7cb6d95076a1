"""What a person may choose without withdrawing consent: a pause, and fewer texts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.rules.table import FrequencyCap

PAUSE: Final = timedelta(days=30)
"""How long a pause lasts."""
FEWER: Final = FrequencyCap(1, 7 * 24)
"""At most one marketing text in a rolling week; other caps apply in addition."""


@dataclass(frozen=True, slots=True)
class Preference:
    """What a person chose; it changes no consent."""

    paused_until: datetime | None = None
    is_fewer: bool = False

    def is_paused(self, now: datetime) -> bool:
        """Return whether the pause is not over at `now`."""
        return self.paused_until is not None and self.paused_until > now


NO_PREFERENCE: Final = Preference()
