"""Outcomes: what calls met, committed in groups, and kept in memory for as long as the database does not take them."""

import asyncio
from collections.abc import Sequence
from typing import Final

from services.sender.queue import attempt_recording
from services.sender.queue.attempt_recording import Item
from services.sender.queue.conclusion import Conclusion
from shared.batcher import Batcher
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Fault
from shared.telemetry.logs import logger

_GROUP_OUTCOMES: Final = 100
_LINGER_SECONDS: Final = 0.02
"""Answers of one group of calls come close together; a crash meanwhile leaves unknowns, which are asked after."""
_BACKOFF_SECONDS: Final = (0.1, 0.5, 1.0, 2.0)

log = logger(__name__)


class Outcomes:
    """Takes answers; nothing that can fail stands between an answer and its commit (send-protocol 1.5)."""

    def __init__(self, units: UnitOfWorkRunner) -> None:
        self._units = units
        self._gathering: Batcher[Item, Conclusion | None] = Batcher(self._commit, _GROUP_OUTCOMES, _LINGER_SECONDS)

    async def settle(self, item: Item) -> Conclusion | None:
        """Commit what a call met; waits as long as the database is away.

        An outcome that cannot be written for another reason is left to the reaper, which finds its intent.
        """
        failures = 0
        while True:
            try:
                return await self._gathering.add(item)
            except Fault as fault:
                if not fault.retryable:
                    raise
                await asyncio.sleep(_BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)])
                failures += 1
                log.warning("outcome_waits", code=fault.code, attempt_id=str(item.attempt_id))

    async def _commit(self, items: Sequence[Item]) -> list[Conclusion | None]:
        changes = await self._units.run(lambda uow: attempt_recording.record(items, uow), WritePriority.OUTCOMES)
        attempt_recording.raise_alarms(changes)
        return changes
