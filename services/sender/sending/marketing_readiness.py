"""Whether marketing may be sent now: only while this process knows every opt-out that has been given."""

import contextlib

from services.sender.replies.missed_replies import MissedReplies
from shared.bus.errors import LogUnavailable
from shared.bus.read_progress import ReadProgress, UnreadEvents
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.service import Consumer, halted
from shared.tasks import WatchedTasks


class MarketingReadiness:
    """Answers from how far events were read, and from whether the replies missed by a restart were listed."""

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

    async def is_ready(self) -> bool:
        """Return whether no opt-out can be unread or unlisted; False once the log has been unavailable for too long."""
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
