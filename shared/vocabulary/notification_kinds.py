"""What a merchant can be notified of (pure)."""

from enum import StrEnum
from typing import Final


class NotificationKind(StrEnum):
    """What a notification says; the names are those of webhooks and of `events:` in merchant.yaml."""

    REPLY_RECEIVED = "reply.received"
    """A person wrote."""
    REPLY_NEEDS_REVIEW = "reply.needs_review"
    """A reply may be an opt-out, and marketing to the person is held until somebody decides."""
    REPLY_REVIEWED = "reply.reviewed"
    """Somebody decided about such a reply."""
    TEXT_UNKNOWN = "text.unknown"
    """The provider never said whether it took a text; it is not sent again."""
    CONTROL_CHANGED = "control.changed"
    """Somebody paused or stopped texts, or let them go on."""
    APPROVAL_ASKED = "approval.asked"
    """Somebody wants to let many texts go, and a second person must say yes."""
    SHOP_CLOSED = "shop.closed"
    """The shop left its platform, and nothing is sent for it any more."""
    FILES_NOT_IN_FORCE = "files.not_in_force"
    """The merchant's files have errors; their last good version stays in force."""
    TEST = "test"
    """Somebody asked for it, to see whether notifications arrive."""


SELECTABLE: Final = tuple(kind for kind in NotificationKind if kind is not NotificationKind.TEST)
"""Those that an endpoint can ask for; a test is for the endpoint that it is made for."""
ALARMS: Final = tuple(
    kind for kind in SELECTABLE if kind not in {NotificationKind.REPLY_RECEIVED, NotificationKind.REPLY_REVIEWED}
)
"""Those that somebody should look into."""
