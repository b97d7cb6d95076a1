"""Stop sending while the clocks of this process and of the database differ by more than 30 seconds.

It is then unknown what is due and what may still be sent. Source: send-protocol section 6.
"""

from datetime import timedelta
from typing import Final

from services.sender.store import database_time
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Fault
from shared.telemetry.metrics import gauge

MOST_SKEW: Final = timedelta(seconds=30)
_CHECK_SECONDS: Final = 10.0
SKEW = gauge(
    "followup_database_clock_skew_seconds", "How far the database's clock is from this process's; 30 stop dispatching."
)


class ClocksApart(Fault):
    """The clocks of this process and of the database are more than 30 seconds apart; set both by NTP."""

    code = "clocks_apart"
    retryable = True


class DatabaseClock:
    """Compares the two clocks every ten seconds; SQLite has no clock of its own."""

    def __init__(self, units: UnitOfWorkRunner) -> None:
        self._units = units
        self._checked_at = float("-inf")
        self._skew = timedelta()

    async def require_near(self) -> None:
        """Check that the clocks agree.

        Raises:
            ClocksApart: they do not; nothing may be sent.
        """
        clock = self._units.clock
        if self._units.database.dialect == "postgresql" and clock.monotonic() - self._checked_at >= _CHECK_SECONDS:
            before = clock.machine_now()
            database_now = await self._units.read(database_time)
            after = clock.machine_now()
            self._checked_at = clock.monotonic()
            self._skew = max(before - database_now, database_now - after, timedelta())
            SKEW.set(self._skew.total_seconds())
        if self._skew > MOST_SKEW:
            raise ClocksApart
