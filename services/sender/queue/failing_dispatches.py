"""Dispatches that cannot be read or written are parked, so that the others of their number go on.

The row stays queued but is not ready; it is listed as parked, and `followup redrive` makes it ready again.
"""

from collections.abc import Mapping

from services.sender.queue.store import park_dispatch
from shared.bus.failures import FailureWindow
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import describe
from shared.ids import FollowUpId, MerchantId
from shared.telemetry.logs import logger

log = logger(__name__)


class FailingDispatches:
    """Parks single dispatches."""

    def __init__(self, units: UnitOfWorkRunner) -> None:
        self._units = units
        self._failures = FailureWindow()

    async def park(self, failed: Mapping[FollowUpId, Exception]) -> None:
        """Park dispatches, each with its reason.

        Raises:
            Exception: dispatches of so many merchants fail that the fault must be ours; the loop then fails, and
                health reports it.
        """
        for follow_up_id, problem in failed.items():
            reason = describe(problem)
            merchant = await self._park_one(follow_up_id, reason)
            log.error("text_set_aside", follow_up_id=str(follow_up_id), detail=reason)
            self._failures.note_failed(merchant, self._units.clock.now())
            if self._failures.is_ours(self._units.clock.now()):
                raise problem

    async def _park_one(self, follow_up_id: FollowUpId, reason: str) -> MerchantId:
        async def work(uow: UnitOfWork) -> MerchantId:
            return await park_dispatch(follow_up_id, reason, uow)

        return await self._units.run(work, WritePriority.OUTCOMES)
