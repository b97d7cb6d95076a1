"""What conditions and templates read: the trigger, the recipient, and the history before it.

An order adds to the history once, however many sources report it, how often, and in which order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from shared import normalize, zone_countries
from shared.events.trigger import NUMBER_CHANGED, ORDER_EDITED, Contact, TriggerKind
from shared.ids import MerchantId, RecipientId

_WEEK = timedelta(days=7)
_MONTH = timedelta(days=30)
_ENDS = frozenset({TriggerKind.CANCELLATION.value, NUMBER_CHANGED})
"""After these an order adds nothing: it was cancelled, or turned out to be another person's."""

DEAL_KINDS = _ENDS | {TriggerKind.PURCHASE.value, TriggerKind.REFUND.value}
_RECIPIENT_NAMES = ("first_name", "last_name", "locale", "country", "state", "postal_code", "time_zone")


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger, opened."""

    event_id: UUID
    merchant_id: MerchantId
    recipient_id: RecipientId
    kind: str
    source: str
    occurred_at: datetime
    subject: str | None = None
    customer: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    test: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    def names(self) -> dict[str, Any]:
        """Return the names under ``trigger`` (or ``event``).

        Kind, source and time are always the event's; for the rest, a fact of the shop with the same name counts where
        the event itself has none.
        """
        given = {
            "subject": self.subject,
            "customer": self.customer,
            "amount_minor": self.amount_minor,
            "currency": self.currency,
        }
        return {
            **dict.fromkeys(given),
            **self.facts,
            **{name: value for name, value in given.items() if value is not None},
            "kind": self.kind,
            "source": self.source,
            "test": self.test,
            "occurred_at": self.occurred_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class History:
    """What happened before the trigger at hand."""

    orders: int = 0
    total_spent_minor: int = 0
    last_order_at: datetime | None = None
    texts_7d: int = 0
    texts_30d: int = 0

    def names(self) -> dict[str, Any]:
        """Return the names under ``history``."""
        return {
            "orders": self.orders,
            "total_spent_minor": self.total_spent_minor,
            "last_order_at": None if self.last_order_at is None else self.last_order_at.isoformat(),
            "texts_7d": self.texts_7d,
            "texts_30d": self.texts_30d,
        }


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


def texts_within(accepted_at: list[datetime], now: datetime) -> tuple[int, int]:
    """Return how many follow-ups were accepted in the last seven and thirty days."""
    return sum(at > now - _WEEK for at in accepted_at), sum(at > now - _MONTH for at in accepted_at)


def recipient_names(contact: Contact) -> dict[str, Any]:
    """Return the names under ``recipient``; unknown ones are present and empty."""
    known = {name: getattr(contact, name) for name in _RECIPIENT_NAMES}
    return known | {name: normalize.name(known[name]) for name in ("first_name", "last_name")}


def zone_of(contact: Contact, merchant_zone: str) -> ZoneInfo:
    """Return the zone in which waits are computed: the person's where it is known and a place, else the merchant's.

    It does not decide quiet hours: the gate does, for every zone the person may be in.
    """
    own = contact.time_zone if contact.time_zone and zone_countries.is_place(contact.time_zone) else None
    for name in (own, merchant_zone):
        if name and (zone := zone_countries.zone_named(name)):
            return zone
    return ZoneInfo("UTC")
