"""Data subject requests: each service reports what it blanked, or hands over what it holds."""

from shared import aad
from shared.aad import AssociatedData
from shared.events.envelope import Event, Sealed, event
from shared.events.topics import Topic
from shared.ids import EventId


@event(Topic.CONSENTS, "privacy.erased")
class PrivacyErased(Event):
    """One service has blanked what it held of a person, or of a whole shop (then the recipient id is nil)."""

    request_id: EventId
    """The id of the erasure's certificate."""
    service: str
    rows: dict[str, int]
    """Rows blanked or deleted, by table."""

    def passes_parked(self) -> bool:
        """Return true: the proof of an erasure waits for nothing."""
        return True


@event(Topic.CONSENTS, "privacy.exported")
class PrivacyExported(Event):
    """A piece of everything one service holds about a person, for a requested export."""

    request_id: EventId
    service: str
    part: int
    """Counts from 1; the bodies in this order, unsealed, are one JSON text: table to rows."""
    parts: int
    body: Sealed

    def passes_parked(self) -> bool:
        """Return true: what a person may see waits for nothing."""
        return True

    def associated_data(self) -> dict[str, AssociatedData]:
        """Return where the body belongs."""
        return {"body": aad.copy_piece(self.request_id, self.service, self.part)}
