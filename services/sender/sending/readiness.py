"""Whether anything may be sent now, and whether marketing may be.

Nothing is sent while the clocks of this process and of the database differ by more than 30 seconds: it is then unknown
what is due and what may still be sent (send-protocol section 6). Marketing is sent only while this process knows every
opt-out that has been given.
"""

import contextlib
from datetime import timedelta
from typing import Final

from services.sender.replies.missed_replies import MissedReplies
from services.sender.store import database_time
from shared.bus.errors import LogUnavailable
from shared.bus.read_progress import ReadProgress, UnreadEvents
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Fault
from shared.service import Consumer, halted
from shared.tasks import WatchedTasks
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


class SendReadiness:
    """Answers from the clocks, from how far events were read, and from whether missed replies were listed."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        progress: ReadProgress,
        missed_replies: MissedReplies,
        consumer: Consumer,
        tasks: WatchedTasks,
    ) -> None:
        self._units = units
        self._progress = progress
        self._missed_replies = missed_replies
        self._consumer = consumer
        self._tasks = tasks
        self._checked_at = float("-inf")
        self._skew = timedelta()

    async def require_near_clocks(self) -> None:
        """Compare the two clocks every ten seconds; SQLite has no clock of its own.

        Raises:
            ClocksApart: they do not agree; nothing may be sent.
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

    async def may_market(self) -> bool:
        """Return whether no opt-out can be unread or unlisted, and the wall clock is not in doubt.

        False once the log has been unavailable for too long. Source: design, sections 1 and 6.
        """
        if not self._units.clock.is_trustworthy():
            return False
        with contextlib.suppress(LogUnavailable):
            await self._progress.look()
        return (
            self._missed_replies.is_caught_up()
            and halted(self._consumer, self._tasks) is None
            and (await self._units.read(self._progress.unread)).is_complete
        )

    async def unread(self, uow: UnitOfWork) -> UnreadEvents:
        """Return about whom something is unread, as of the unit's transaction."""
        return await self._progress.unread(uow.db)
