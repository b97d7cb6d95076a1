"""Puts a control in force, or lifts it: its row and its event, in the unit of whoever decided it."""

from services.scheduler.controls import announcements, store
from services.scheduler.controls.store import StoredControl
from shared import aad
from shared.controls import Control, ControlAction
from shared.db.unit_of_work import UnitOfWork
from shared.privacy import Sealer


async def put_in_force(uow: UnitOfWork, sealer: Sealer, control: Control, reason: str, made_by: str) -> StoredControl:
    """Store and publish a control; the caller holds the lock of controls alone."""
    merchant, place = control.scope.merchant_id, aad.control_reason(control.id)
    made = StoredControl(
        control,
        reason=sealer.seal(merchant, place, reason.encode()),
        made_by=made_by,
        open_work=control.action is ControlAction.STOP or control.until is not None,
    )
    await store.save(uow.db, made)
    uow.publish(announcements.changed(made, uow.now))
    return made


async def lift(
    uow: UnitOfWork, sealer: Sealer, stored: StoredControl, reason: str, lifted_by: str, let_go: int | None = None
) -> StoredControl:
    """Lift a control; the loop lets go what waited for it. The caller holds the lock of controls alone.

    Args:
        uow: the caller's.
        sealer: of the reason.
        stored: what is lifted.
        reason: why.
        lifted_by: who says so.
        let_go: texts that go on this one's word alone, which count against what one person may let go.
    """
    merchant, place = stored.control.scope.merchant_id, aad.control_lift(stored.control.id)
    after = stored._replace(
        lifted_at=uow.now,
        lifted_by=lifted_by,
        lift_reason=sealer.seal(merchant, place, reason.encode()),
        let_go=let_go,
        open_work=True,
    )
    await store.lift(uow.db, after)
    uow.publish(announcements.changed(after, uow.now))
    return after
