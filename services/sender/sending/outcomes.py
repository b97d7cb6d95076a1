"""Records the outcomes of calls in groups; while the database is unavailable they wait in memory."""

import asyncio
from collections.abc import Sequence
from typing import Final

from services.sender.queue import attempt_recording
from services.sender.queue.attempt_recording import AttemptUpdate
from services.sender.queue.conclusion import Conclusion
from shared.batcher import Batcher
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Fault
from shared.telemetry.logs import logger

_GROUP_OUTCOMES: Final = 100
_LINGER_SECONDS: Final = 0.02
"""Answers of one group of calls arrive close together; a crash meanwhile leaves unknowns, which are looked up."""
_BACKOFF_SECONDS: Final = (0.1, 0.5, 1.0, 2.0)

log = logger(__name__)


class Outcomes:
    """Records answers; nothing that can fail is done between an answer and its commit (send-protocol 1.5)."""

    def __init__(self, units: UnitOfWorkRunner) -> None:
        self._units = units
        self._batcher: Batcher[AttemptUpdate, Conclusion | None] = Batcher(
            self._commit, _GROUP_OUTCOMES, _LINGER_SECONDS
        )

    async def record(self, update: AttemptUpdate) -> Conclusion | None:
        """Commit the outcome of a call, waiting for as long as the database is unavailable.

        Where it cannot be committed for another reason, its intent becomes overdue, and then unknown.
        """
        failures = 0
        while True:
            try:
                return await self._batcher.add(update)
            except Fault as fault:
                if not fault.retryable:
                    raise
                await asyncio.sleep(_BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)])
                failures += 1
                log.warning("outcome_waits", code=fault.code, attempt_id=str(update.attempt_id))

    async def _commit(self, updates: Sequence[AttemptUpdate]) -> list[Conclusion | None]:
        changes = await self._units.run(lambda uow: attempt_recording.record(updates, uow), WritePriority.OUTCOMES)
        attempt_recording.raise_alarms(changes)
        return changes
