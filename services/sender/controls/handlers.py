"""Takes controls from the log, and answers once no call can begin against them."""

from collections.abc import Sequence
from typing import Final

from services.sender.controls import store
from shared import ids
from shared.bus.partitioning import WHOLE_MERCHANT
from shared.db import control_store
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.events.control import ControlChanged, ControlObeyed
from shared.failpoints import failpoint
from shared.ids import EventId
from shared.loop import LoopWaker

_AT_ONCE: Final = 100
_IDLE_SECONDS: Final = 1.0


class ControlHandlers:
    """Two steps, because the second waits for every intent under way and so must hold nothing that one may need.

    From the commit of the first on, each intent reads the control. The second finds that those which began before
    have ended: from then on it is certain that no call begins later than its two seconds after the intent.
    """

    def __init__(self, units: UnitOfWorkRunner) -> None:
        self._units = units
        self.waker = LoopWaker()
        """Wakes the loop that runs `step`."""

    async def take(self, events: Sequence[ControlChanged], uow: UnitOfWork) -> None:
        """Store controls; each partition brings them, and the first one counts."""
        await store.save_changes(uow.db, events)
        uow.after_commit(self.waker.wake)

    async def step(self) -> float:
        """Answer for the controls that are stored, and return the seconds until the next look."""
        if not await self._units.read(lambda db: store.not_answered(db, 1)):
            return _IDLE_SECONDS
        failpoint("sender.after_control")
        await self._units.run(self._answer, WritePriority.STOP)
        failpoint("sender.after_obeyed")
        return 0.0

    async def _answer(self, uow: UnitOfWork) -> None:
        await control_store.lock_alone(uow.db)
        # Not the unit's own time: it began before the wait, and the last intent may have been written during it.
        certain_at = self._units.clock.now()
        waiting = await store.not_answered(uow.db, _AT_ONCE)
        await store.note_obeyed(uow.db, [key for key, _ in waiting], certain_at)
        for key, merchant in waiting:
            uow.publish(
                ControlObeyed(
                    event_id=EventId(ids.derived("control.obeyed", key, at=certain_at)),
                    merchant_id=merchant,
                    recipient_id=WHOLE_MERCHANT,
                    occurred_at=certain_at,
                    correlation_id=f"control:{key}",
                    control_id=key,
                )
            )
