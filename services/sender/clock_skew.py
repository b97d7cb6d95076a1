"""The process's clock and the database's: while they are far apart nobody knows what is due, and nothing is sent.

Source: send-protocol section 6.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Fault
from shared.telemetry.metrics import gauge

MOST_SKEW: Final = timedelta(seconds=30)
_LOOK_SECONDS: Final = 10.0
_ITS_TIME: Final = sa.text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8) AS seconds")
SKEW = gauge(
    "followup_database_clock_skew_seconds", "How far the database's clock is from this process's; 30 stop dispatching."
)


class ClocksApart(Fault):
    """The clocks of this process and of the database are more than 30 seconds apart; set both by NTP."""

    code = "clocks_apart"
    retryable = True


class DatabaseClock:
    """Compares the two clocks now and then; SQLite has none of its own."""

    def __init__(self, units: UnitOfWorkRunner) -> None:
        self._units = units
        self._looked_at = float("-inf")
        self._skew = timedelta()

    async def require_near(self) -> None:
        """See that the clocks agree.

        Raises:
            ClocksApart: they do not; nothing may be sent.
        """
        clock = self._units.clock
        if self._units.database.dialect == "postgresql" and clock.monotonic() - self._looked_at >= _LOOK_SECONDS:
            before = clock.machine_now()
            [row] = await self._units.read(lambda db: db.rows(_ITS_TIME))
            its, after = datetime.fromtimestamp(row["seconds"], UTC), clock.machine_now()
            self._looked_at = clock.monotonic()
            self._skew = max(before - its, its - after, timedelta())
            SKEW.set(self._skew.total_seconds())
        if self._skew > MOST_SKEW:
            raise ClocksApart
