"""Delivery statuses as a lattice: the highest ever reported holds, so order and repeats do not matter."""

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """What the provider says became of a text it took."""

    ACCEPTED = "accepted"
    SENT = "sent"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"


RANK: Final = {status: rank for rank, status in enumerate(Status)}
"""One order for all, so that joining is commutative. A delivery outranks every failure: the phone has it."""

FINAL: Final = frozenset({Status.FAILED, Status.UNDELIVERED, Status.DELIVERED})


def joined(known: Status | None, heard: Status | None) -> Status | None:
    """Return the higher of two statuses; commutative, associative, idempotent."""
    if known is None or heard is None:
        return known or heard
    return max(known, heard, key=RANK.__getitem__)
