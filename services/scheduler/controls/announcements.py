"""The event that tells the sender of a control."""

from datetime import datetime

from services.scheduler.controls.store import StoredControl
from shared import ids
from shared.bus.partitioning import WHOLE_MERCHANT
from shared.events.control import ControlChanged, ScopePart
from shared.ids import EventId


def changed(stored: StoredControl, at: datetime) -> ControlChanged:
    """Return the event of a control that was put in force, or lifted."""
    control = stored.control
    scope = control.scope._asdict()
    return ControlChanged(
        event_id=EventId(ids.derived("control.changed", control.id, stored.lifted_at, at=control.made_at)),
        merchant_id=scope.pop("merchant_id"),
        recipient_id=WHOLE_MERCHANT,
        occurred_at=at,
        correlation_id=f"control:{control.id}",
        control_id=control.id,
        action=control.action,
        scope=ScopePart(**scope),
        made_at=control.made_at,
        until=control.until,
        lifted_at=stored.lifted_at,
    )
