"""Rows of touches, and of purchases with their credit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.sender.engagement.attribution.credit import Credit, Deduction, Purchase, PurchaseRecord, Touch, TouchKind
from services.sender.queue.dispatches import Dispatch
from services.sender.tables import conversions, touches
from shared.db.transaction import Row, Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Overtaken
from shared.events.engagement import AttributionModel
from shared.ids import EventId, FollowUpId, MerchantId, RecipientId
from shared.unix_time import instant, microseconds
from shared.vocabulary.purposes import REPLYING_PURPOSES

TOUCHES_KEPT = timedelta(days=100)
"""The longest window a merchant's file may set is 90 days, and a purchase may be reported late."""
_HOUR = timedelta(hours=1)


class AccountRaced(Overtaken):
    """Another process inserted the same purchase meanwhile; the batch is processed again."""


@dataclass(frozen=True, slots=True)
class OwnedPurchase:
    """A purchase record, its merchant and its person."""

    merchant_id: MerchantId
    recipient_id: RecipientId
    account: PurchaseRecord
    is_new: bool


def record_delivered(uow: UnitOfWork, text: Dispatch, at: datetime) -> None:
    """Insert a delivery at the end of the unit; the first report of each text counts, answers are left out."""
    if text.purpose not in REPLYING_PURPOSES:
        touch = Touch(text.follow_up_id, TouchKind.DELIVERED, at, text.delivered_hours * _HOUR)
        _insert_touch(uow, text.follow_up_id, text.recipient_id, touch)


def record_clicked(
    uow: UnitOfWork, click_id: UUID, *, recipient_id: RecipientId, follow_up_id: FollowUpId, click_days: int
) -> None:
    """Insert a person's click at the end of the unit."""
    _insert_touch(uow, click_id, recipient_id, Touch(follow_up_id, TouchKind.CLICKED, uow.now, timedelta(click_days)))


def _insert_touch(uow: UnitOfWork, touch_id: UUID, recipient_id: RecipientId, touch: Touch) -> None:
    uow.insert_later(
        touches,
        {
            "id": touch_id,
            "recipient_id": recipient_id,
            "follow_up_id": touch.follow_up_id,
            "kind": touch.kind,
            "at": touch.at,
            "window_hours": touch.window // _HOUR,
        },
    )


async def delivered_at(db: Transaction, follow_up_id: FollowUpId) -> datetime | None:
    """Return when a text was delivered; None where no receipt has reported it."""
    found = await db.fetch(touches, "id", [follow_up_id], columns=["at"])
    at: datetime | None = found[0]["at"] if found else None
    return at


async def touches_of(db: Transaction, people: Sequence[RecipientId]) -> dict[RecipientId, list[Touch]]:
    """Return every touch of these people."""
    found: dict[RecipientId, list[Touch]] = {person: [] for person in people}
    for row in await db.fetch(touches, "recipient_id", people):
        touch = Touch(FollowUpId(row["follow_up_id"]), TouchKind(row["kind"]), row["at"], row["window_hours"] * _HOUR)
        found[row["recipient_id"]].append(touch)
    return found


async def accounts_of(db: Transaction, purchase_ids: Sequence[UUID]) -> dict[UUID, OwnedPurchase]:
    """Return those of these purchases that have a row, locked."""
    rows = await db.fetch(conversions, "purchase_id", sorted(purchase_ids), lock="update")
    return {
        row["purchase_id"]: OwnedPurchase(row["merchant_id"], row["recipient_id"], _account(row), is_new=False)
        for row in rows
    }


async def keep_accounts(db: Transaction, accounts: Mapping[UUID, OwnedPurchase]) -> None:
    """Write purchases back.

    Raises:
        AccountRaced: another process has inserted a new one meanwhile.
    """
    new = [_row(purchase_id, owned) for purchase_id, owned in accounts.items() if owned.is_new]
    if not all(await db.insert_new(conversions, new)):
        raise AccountRaced
    await db.change(conversions, [_row(key, owned) for key, owned in accounts.items() if not owned.is_new])


def _account(row: Row) -> PurchaseRecord:
    """Return the purchase record a row holds."""
    if row["trigger_id"] is None:
        return PurchaseRecord(deductions=_deductions(row["deductions"]))
    purchase = Purchase(EventId(row["trigger_id"]), row["purchased_at"], row["amount_minor"], row["currency"])
    credit = None
    if row["follow_up_id"] is not None:
        model, window = AttributionModel(row["model"]), row["window_hours"] * _HOUR
        credit = Credit(row["follow_up_id"], model, row["touched_at"], window)
    return PurchaseRecord(purchase, credit, _deductions(row["deductions"]))


def _row(purchase_id: UUID, owned: OwnedPurchase) -> dict[str, Any]:
    """Return the row of a purchase."""
    purchase, credit = owned.account.purchase, owned.account.credit
    return {
        "purchase_id": purchase_id,
        "merchant_id": owned.merchant_id,
        "recipient_id": owned.recipient_id,
        "trigger_id": purchase and purchase.trigger_id,
        "purchased_at": purchase and purchase.at,
        "amount_minor": purchase and purchase.amount_minor,
        "currency": purchase and purchase.currency,
        "follow_up_id": credit and credit.follow_up_id,
        "model": credit and credit.model,
        "touched_at": credit and credit.touched_at,
        "window_hours": credit and credit.window // _HOUR,
        "deductions": [
            [str(taken.trigger_id), microseconds(taken.at), taken.minor, taken.currency]
            for taken in owned.account.deductions
        ],
        "remaining_minor": owned.account.remaining_minor,
    }


def _deductions(stored: Sequence[Sequence[Any]]) -> tuple[Deduction, ...]:
    return tuple(
        Deduction(EventId(UUID(trigger_id)), instant(at), minor, currency) for trigger_id, at, minor, currency in stored
    )
