"""Texts that cannot be read or written down are set aside, so that their number goes on with the others.

The row stays queued and is not ready any more; it is parked, shown, and made ready again by `followup redrive`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

import orjson

from services.sender.store import dispatch_of
from services.sender.tables import dispatches, system_tables
from shared.bus import parked
from shared.bus.failures import FailureWindow
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import describe
from shared.ids import FollowUpId
from shared.telemetry.logs import logger

PARKED_AS: Final = "sender.text"
"""What stands in a parked row instead of an event's type."""
_NOT_READY: Final = timedelta(days=3650)

log = logger(__name__)


class FailingDispatches:
    """Takes single texts out of the queues."""

    def __init__(self, units: UnitOfWorkRunner) -> None:
        self._units = units
        self._failures = FailureWindow()

    async def take(self, guilty: Mapping[FollowUpId, Exception]) -> None:
        """Set texts aside, each with its reason.

        Raises:
            Exception: so many merchants' texts fail that the fault must be ours; the loop fails, and health tells.
        """
        for key, problem in guilty.items():
            why = describe(problem)
            merchant = await self._units.run(
                lambda uow, key=key, why=why: _set_aside(uow, key, why),  # type: ignore[misc]  # its own key
                WritePriority.OUTCOMES,
            )
            log.error("text_set_aside", follow_up_id=str(key), detail=why)
            self._failures.note_failed(merchant, self._units.clock.now())
            if self._failures.is_ours(self._units.clock.now()):
                raise problem


async def _set_aside(uow: UnitOfWork, key: FollowUpId, why: str) -> str:
    [row] = await uow.db.fetch(
        dispatches, "follow_up_id", [key], lock="update", columns=("recipient_id", "merchant_id")
    )
    await uow.db.change(dispatches, [{"follow_up_id": key, "ready_at": uow.now + _NOT_READY}])
    body = orjson.dumps({"follow_up_id": str(key)})
    await parked.set_aside(
        uow, system_tables, parked.Work(PARKED_AS, row["merchant_id"], row["recipient_id"], body), why
    )
    return str(row["merchant_id"])


async def take_again(body: bytes, uow: UnitOfWork) -> None:
    """Make a text that was set aside ready again; fails where it still cannot be read."""
    key = FollowUpId(UUID(orjson.loads(body)["follow_up_id"]))
    for row in await uow.db.fetch(dispatches, "follow_up_id", [key], lock="update"):
        dispatch_of(row)
        await uow.db.change(dispatches, [{"follow_up_id": key, "ready_at": uow.now}])
