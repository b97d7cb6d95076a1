"""The states of a delivery (pure)."""

from enum import StrEnum


class DeliveryState(StrEnum):
    """Where one notification for one endpoint stands."""

    PENDING = "pending"
    """It is tried, or tried again later."""
    DELIVERED = "delivered"
    """The endpoint took it."""
    DEAD = "dead"
    """It was given up, and waits for somebody to send it again or discard it."""
    DISCARDED = "discarded"
    """Somebody decided that it need not arrive."""
    ERASED = "erased"
    """It was about a person who was erased before it was taken."""
