"""Controls: somebody paused or stopped texts, let them go on, or asks a second person to; and the sender obeys it."""

from datetime import datetime
from uuid import UUID

from shared.controls import Control, ControlAction, ControlScope
from shared.events.envelope import Event, Part, event
from shared.events.topics import Topic
from shared.ids import MerchantId, RecipientId


class ScopePart(Part):
    """Which of its merchant's texts a control is about; all of them where no field is given."""

    flow: str | None = None
    step: str | None = None
    number: str | None = None
    provider: str | None = None
    recipient_id: RecipientId | None = None


@event(Topic.CONSENTS, "control.changed")
class ControlChanged(Event):
    """A control was put in force, or lifted; published to every partition (recipient id is nil).

    The merchant id is `*` where it is about the whole installation. A control changes once: from in force to lifted.
    """

    control_id: UUID
    action: ControlAction
    scope: ScopePart
    made_at: datetime
    until: datetime | None = None
    lifted_at: datetime | None = None

    def passes_parked(self) -> bool:
        """Return true: it is about no person, and a paused shop sends no text."""
        return True

    @property
    def control(self) -> Control:
        """The control, as decisions need it."""
        scope = ControlScope(MerchantId(self.merchant_id), **self.scope.model_dump())
        return Control(self.control_id, self.action, scope, self.made_at, self.until)


@event(Topic.CONSENTS, "approval.asked")
class ApprovalAsked(Event):
    """A user wants texts let go that take a second person's yes; told to the merchant (recipient id is nil)."""

    approval_id: UUID
    scope: ScopePart
    texts: int
    """That would go."""
    asked_by: str
    """A user of the console, as `user:anna`."""
    expires_at: datetime

    def passes_parked(self) -> bool:
        """Return true: it is about no person."""
        return True


@event(Topic.DISPATCHES, "control.obeyed")
class ControlObeyed(Event):
    """From `occurred_at` on the sender commits no intent against this control (recipient id is nil)."""

    control_id: UUID

    def passes_parked(self) -> bool:
        """Return true: it is about no person."""
        return True
