"""Last-touch attribution, as pure arithmetic.

A purchase is credited to the text whose link the person tapped last within that text's click window; without one, to
the text that was delivered last within its delivery window. Times decide, never the order in which events arrive.
One purchase is credited once; what remains of the credit never falls below zero.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from shared.events.engagement import AttributionModel
from shared.ids import EventId, FollowUpId
from shared.unix_time import milliseconds

NO_CURRENCY = "XXX"
"""ISO 4217's code for "no currency": the amount of the purchase was not reported."""
_RANDOM_BITS = 80
"""Above them, an id holds 48 bits of milliseconds (`shared.ids`)."""


class TouchKind(StrEnum):
    """How a text reached a person."""

    CLICKED = "clicked"
    DELIVERED = "delivered"


_MODEL_OF = {TouchKind.CLICKED: AttributionModel.LAST_CLICK, TouchKind.DELIVERED: AttributionModel.DELIVERED}


@dataclass(frozen=True, slots=True)
class Touch:
    """A moment at which a text reached a person, and for how long a purchase is credited to it."""

    follow_up_id: FollowUpId
    kind: TouchKind
    at: datetime
    window: timedelta
    """Zero: never credited."""


@dataclass(frozen=True, slots=True)
class Credit:
    """The touch that earned a purchase."""

    follow_up_id: FollowUpId
    model: AttributionModel
    touched_at: datetime
    window: timedelta


@dataclass(frozen=True, slots=True)
class Purchase:
    """One purchase."""

    trigger_id: EventId
    at: datetime
    amount_minor: int
    """Not below zero; in minor units of the currency."""
    currency: str


@dataclass(frozen=True, slots=True)
class Deduction:
    """A refund, a cancellation, or an edit of the order."""

    trigger_id: EventId
    at: datetime
    minor: int | None
    """Below zero: an edit added something. None takes everything: a cancellation, or a refund without an amount."""
    currency: str | None
    """None: the purchase's."""


@dataclass(frozen=True, slots=True)
class PurchaseRecord:
    """Everything known about one purchase; the purchase and its deductions may arrive in any order."""

    purchase: Purchase | None = None
    credit: Credit | None = None
    deductions: tuple[Deduction, ...] = ()

    @property
    def remaining_minor(self) -> int:
        """What all deductions together leave of the amount; never below zero, and their order does not matter.

        A refund in another currency takes everything: there is no exchange rate to choose, and nothing that was given
        back may count as earned.
        """
        if self.purchase is None:
            return 0
        left = self.purchase.amount_minor
        for deduction in self.deductions:
            if deduction.minor is None or deduction.currency not in {None, self.purchase.currency}:
                return 0
            left -= deduction.minor
        return max(left, 0)


@dataclass(frozen=True, slots=True)
class Attributed:
    """The whole purchase is credited."""

    purchase: Purchase
    credit: Credit


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A deduction took part of the credit back, or an edit added to it."""

    deduction: Deduction
    credit: Credit
    amount_minor: int
    """Below zero: taken back."""
    currency: str


AttributionChange: TypeAlias = Attributed | Adjusted


def with_purchase(
    account: PurchaseRecord, purchase: Purchase, touches: Iterable[Touch]
) -> tuple[PurchaseRecord, Sequence[AttributionChange]]:
    """Return the record with its purchase, and what that changes; the first report of a purchase decides.

    Deductions that were known before the purchase are taken off at once, in the order in which they happened.
    """
    if account.purchase is not None:
        return account, ()
    bought = PurchaseRecord(purchase, credit_of(purchase, touches))
    changes: list[AttributionChange] = [] if bought.credit is None else [Attributed(purchase, bought.credit)]
    for deduction in sorted(account.deductions, key=lambda known: (known.at, known.trigger_id)):
        bought, taken = with_deduction(bought, deduction)
        changes += taken
    return bought, changes


def with_deduction(account: PurchaseRecord, deduction: Deduction) -> tuple[PurchaseRecord, Sequence[AttributionChange]]:
    """Return the record with a deduction, and what that changes; each deduction counts once."""
    if any(known.trigger_id == deduction.trigger_id for known in account.deductions):
        return account, ()
    after = dataclasses.replace(account, deductions=(*account.deductions, deduction))
    taken = after.remaining_minor - account.remaining_minor
    if account.purchase is None or account.credit is None or not taken:
        return after, ()
    return after, (Adjusted(deduction, account.credit, taken, account.purchase.currency),)


def credit_of(purchase: Purchase, touches: Iterable[Touch]) -> Credit | None:
    """Return the touch that is credited: the last click that counts, otherwise the last delivery that does."""
    earning = [touch for touch in touches if _could_earn(touch, purchase.at)]
    for kind in (TouchKind.CLICKED, TouchKind.DELIVERED):
        of_kind = [touch for touch in earning if touch.kind is kind]
        if of_kind:
            last = max(of_kind, key=lambda touch: (touch.at, touch.follow_up_id))
            return Credit(last.follow_up_id, _MODEL_OF[kind], last.at, last.window)
    return None


def _could_earn(touch: Touch, bought_at: datetime) -> bool:
    """Return whether the touch was before the purchase, within its window, and not caused by the purchase.

    A follow-up's id holds the time of the trigger that began its run. That time and the purchase's come from the
    same clock, the shop's: a text whose run began with this purchase, or later, cannot have led to it, however far
    the shop's clock is from ours.
    """
    age = bought_at - touch.at
    began_before = touch.follow_up_id.int >> _RANDOM_BITS < milliseconds(bought_at)
    return bool(touch.window) and timedelta() <= age <= touch.window and began_before
