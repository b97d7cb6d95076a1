"""Handles purchases, refunds and cancellations: load, decide, store, publish.

Only `purchase` is credited: a `checkout_completed` is the same sale under another subject, and would count twice.
A click is committed during the visit, before the shop's page is loaded, so the click that led to a purchase is
always known when the purchase arrives. A delivery may be reported after the purchase it preceded: such a purchase
is decided without it, and is not decided again.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.sender.engagement.attribution import store
from services.sender.engagement.attribution.credit import (
    NO_CURRENCY,
    Adjusted,
    Attributed,
    AttributionChange,
    Deduction,
    Purchase,
    PurchaseRecord,
    with_deduction,
    with_purchase,
)
from services.sender.engagement.attribution.store import OwnedPurchase
from services.sender.instruments import DEDUCTIONS, PURCHASES
from shared import ids
from shared.db.unit_of_work import UnitOfWork
from shared.events.engagement import ConversionAdjusted, ConversionAttributed
from shared.events.trigger import ORDER_EDITED, TriggerKind, TriggerReceived
from shared.ids import EventId

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEDUCTING = frozenset({TriggerKind.REFUND.value, TriggerKind.CANCELLATION.value, ORDER_EDITED})


async def attribute(triggers: Sequence[TriggerReceived], uow: UnitOfWork) -> None:
    """Credit purchases and apply deductions, each once, in any order; test events are ignored."""
    relevant = [
        (purchase_id(trigger), trigger) for trigger in triggers if not trigger.test and _concerns_credit(trigger)
    ]
    if not relevant:
        return
    buyers = [trigger.recipient_id for _, trigger in relevant if trigger.kind == TriggerKind.PURCHASE]
    touches = await store.touches_of(uow.db, buyers)
    accounts = await store.accounts_of(uow.db, [key for key, _ in relevant])

    changed: dict[UUID, OwnedPurchase] = {}
    for key, trigger in relevant:
        owned = accounts.get(key) or OwnedPurchase(
            trigger.merchant_id, trigger.recipient_id, PurchaseRecord(), is_new=True
        )
        if trigger.kind == TriggerKind.PURCHASE:
            account, changes = with_purchase(owned.account, _purchase(trigger), touches[trigger.recipient_id])
        else:
            account, changes = with_deduction(owned.account, _deduction(trigger))
        if account != owned.account:
            owner = owned.recipient_id if owned.account.purchase else trigger.recipient_id
            accounts[key] = changed[key] = OwnedPurchase(owned.merchant_id, owner, account, is_new=owned.is_new)
            _count(trigger, account, changes)
        for change in changes:
            uow.publish(announcement(change, trigger, accounts[key], key))

    await store.keep_accounts(uow.db, changed)


def purchase_id(trigger: TriggerReceived) -> UUID:
    """Return the one id of a purchase, whatever reports it and however often: derived from merchant and subject.

    The time is left out, because a refund does not name the time of the purchase.
    """
    subject = trigger.subject if trigger.subject is not None else f"\x1f{trigger.event_id}"
    return ids.derived("purchase", trigger.merchant_id, subject, at=_EPOCH)


def announcement(
    change: AttributionChange, trigger: TriggerReceived, owned: OwnedPurchase, key: UUID
) -> ConversionAttributed | ConversionAdjusted:
    """Return the event that announces a change; its id is the same whenever the same change is found."""
    purchase = owned.account.purchase
    if purchase is None:
        raise RuntimeError("a change of credit without a purchase")
    conversion_id = ids.derived("conversion", key, at=purchase.at)
    match change:
        case Attributed():
            return ConversionAttributed(
                event_id=EventId(ids.derived(ConversionAttributed.type, conversion_id, at=purchase.at)),
                merchant_id=owned.merchant_id,
                recipient_id=owned.recipient_id,
                occurred_at=purchase.at,
                correlation_id=trigger.correlation_id,
                conversion_id=conversion_id,
                follow_up_id=change.credit.follow_up_id,
                trigger_id=purchase.trigger_id,
                subject=trigger.subject,
                model=change.credit.model,
                touched_at=change.credit.touched_at,
                window_hours=change.credit.window // timedelta(hours=1),
                amount_minor=purchase.amount_minor,
                currency=purchase.currency,
            )
        case Adjusted():
            taken = change.deduction
            return ConversionAdjusted(
                event_id=EventId(
                    ids.derived(ConversionAdjusted.type, conversion_id, taken.trigger_id, at=taken.at),
                ),
                merchant_id=owned.merchant_id,
                recipient_id=owned.recipient_id,
                occurred_at=taken.at,
                correlation_id=trigger.correlation_id,
                conversion_id=conversion_id,
                follow_up_id=change.credit.follow_up_id,
                trigger_id=taken.trigger_id,
                amount_minor=change.amount_minor,
                currency=change.currency,
            )


def _concerns_credit(trigger: TriggerReceived) -> bool:
    """Return whether a trigger is a purchase, or a deduction that names one."""
    return trigger.kind == TriggerKind.PURCHASE or (trigger.kind in _DEDUCTING and trigger.subject is not None)


def _purchase(trigger: TriggerReceived) -> Purchase:
    return Purchase(
        trigger.event_id,
        trigger.occurred_at,
        max(trigger.amount_minor or 0, 0),
        (trigger.currency or NO_CURRENCY).upper(),
    )


def _deduction(trigger: TriggerReceived) -> Deduction:
    """Return what a trigger deducts: a cancellation everything, whatever amount it names; an edit may add."""
    currency = trigger.currency and trigger.currency.upper()
    if trigger.kind == ORDER_EDITED:
        return Deduction(trigger.event_id, trigger.occurred_at, -(trigger.amount_minor or 0), currency)
    whole = trigger.kind == TriggerKind.CANCELLATION or trigger.amount_minor is None
    minor = None if whole else abs(trigger.amount_minor or 0)
    return Deduction(trigger.event_id, trigger.occurred_at, minor, currency)


def _count(trigger: TriggerReceived, account: PurchaseRecord, changes: Sequence[AttributionChange]) -> None:
    if trigger.kind == TriggerKind.PURCHASE:
        PURCHASES.labels(account.credit.model if account.credit else "none").inc()
    else:
        DEDUCTIONS.labels(trigger.kind, "deducted" if changes else "none").inc()
