"""What an order adds to a person's history, however many sources report it, how often, and in which order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.events.trigger import NUMBER_CHANGED, ORDER_EDITED, TriggerKind

_ENDS = frozenset({TriggerKind.CANCELLATION.value, NUMBER_CHANGED})
"""After these an order adds nothing: it was cancelled, or turned out to be another person's."""

DEAL_KINDS = _ENDS | {TriggerKind.PURCHASE.value, TriggerKind.REFUND.value}


@dataclass(frozen=True, slots=True)
class Deal:
    """A purchase, an edit, a refund or a cancellation of one subject."""

    kind: str
    at: datetime
    minor: int | None
    """None: not reported; of a refund, everything. Of an edit, the difference."""
    is_test: bool

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Deal":
        """Return the deal in the row of a trigger."""
        return cls(row["kind"], row["occurred_at"], row["amount_minor"], bool(row["test"]))


@dataclass(frozen=True, slots=True)
class Bought:
    """What one subject adds to a person's history."""

    orders: int
    spent_minor: int


def bought(deals: Iterable[Deal]) -> Bought:
    """Return what all deals about one subject add up to.

    The earliest purchase counts, once; a cancelled order counts for nothing; refunds are taken off, also those of an
    order that was made too long ago to be remembered.
    """
    real = [deal for deal in deals if not deal.is_test]
    refunds = [deal.minor for deal in real if deal.kind == TriggerKind.REFUND]
    edited = sum(deal.minor or 0 for deal in real if deal.kind == ORDER_EDITED)
    refunded = sum(minor for minor in refunds if minor is not None) - edited
    purchases = [deal for deal in real if deal.kind == TriggerKind.PURCHASE]
    if not purchases:
        return Bought(0, -refunded)
    if any(deal.kind in _ENDS for deal in real):
        return Bought(0, 0)
    minor = min(purchases, key=lambda deal: deal.at).minor or 0
    return Bought(1, 0 if None in refunds else max(minor - refunded, 0))
