"""Delivery statuses as a lattice: the highest one reported holds, so order and repeats do not matter."""

from enum import StrEnum
from typing import Final


class ProviderStatus(StrEnum):
    """The provider's status of a text it accepted."""

    ACCEPTED = "accepted"
    SENT = "sent"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"


RANK: Final = {status: rank for rank, status in enumerate(ProviderStatus)}
"""One total order, so that joining is commutative. A delivery outranks every failure: the phone has the text."""

FINAL: Final = frozenset({ProviderStatus.FAILED, ProviderStatus.UNDELIVERED, ProviderStatus.DELIVERED})


def highest_status(known: ProviderStatus | None, heard: ProviderStatus | None) -> ProviderStatus | None:
    """Return the higher of two statuses; commutative, associative, idempotent."""
    if known is None or heard is None:
        return known or heard
    return max(known, heard, key=RANK.__getitem__)
