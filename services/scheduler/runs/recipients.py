"""What the scheduler remembers of people: counters that conditions look at, what they did lately, whom to forget."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from services.scheduler.runs.deals import DEAL_KINDS, Deal, bought
from services.scheduler.runs.enrolment import Run
from services.scheduler.runs.facts import History, Trigger, texts_within
from services.scheduler.tables import DEALS, closed_merchants, entries, recipients, triggers_seen
from shared import aad
from shared.db.transaction import Lock, Row, Transaction
from shared.events.trigger import Contact, TriggerReceived
from shared.ids import MerchantId, RecipientId
from shared.privacy import Sealer


@dataclass(frozen=True, slots=True)
class StoredRecipient:
    """One row of `recipients`."""

    id: RecipientId
    merchant_id: MerchantId
    orders: int = 0
    total_spent_minor: int = 0
    last_order_at: datetime | None = None
    consent_epoch: int = 0
    suppressed: str | None = None
    consents: Mapping[str, Any] | None = None
    """Each scope's standing as the ledger last told it."""
    erased_at: datetime | None = None

    def history(self, taken_at: Iterable[datetime], now: datetime) -> History:
        """Return what went before, with when the provider took texts of late."""
        week, month = texts_within([*taken_at], now)
        return History(self.orders, self.total_spent_minor, self.last_order_at, week, month)

    def after(self, trigger: TriggerReceived, seen: Sequence[Row] = ()) -> "StoredRecipient":
        """Return the person once this has happened; tests count for nothing.

        Args:
            trigger: what happened.
            seen: what the person did lately, by which an order that two sources tell of counts once.
        """
        if trigger.test:
            return self
        about = [Deal.of(row) for row in seen if trigger.subject is not None and row["subject"] == trigger.subject]
        before, after = bought(about), bought([*about, Deal.of(seen_row(trigger))])
        last = self.last_order_at
        if after.orders > before.orders:
            last = max(filter(None, (last, trigger.occurred_at)))
        return replace(
            self,
            orders=self.orders + after.orders - before.orders,
            total_spent_minor=self.total_spent_minor + after.spent_minor - before.spent_minor,
            last_order_at=last if self.orders + after.orders > before.orders else None,
        )

    def row(self) -> dict[str, Any]:
        """Return its row."""
        return {
            "id": self.id,
            "merchant_id": self.merchant_id,
            "orders": self.orders,
            "total_spent_minor": self.total_spent_minor,
            "last_order_at": self.last_order_at,
            "consent_epoch": self.consent_epoch,
            "suppressed": self.suppressed,
            "consents": self.consents,
            "erased_at": self.erased_at,
        }


async def people(
    db: Transaction, ids: Sequence[RecipientId], *, lock: Lock | None = "update"
) -> dict[RecipientId, StoredRecipient]:
    """Return those of these people that are known."""
    return {row["id"]: StoredRecipient(**row) for row in await db.fetch(recipients, "id", ids, lock=lock)}


async def save(db: Transaction, changed: Sequence[StoredRecipient]) -> None:
    """Write people back."""
    await db.upsert(recipients, [person.row() for person in changed])


async def runs(
    db: Transaction, keys: Iterable[tuple[RecipientId, str, bytes]]
) -> dict[tuple[RecipientId, str], dict[bytes, Run]]:
    """Return the latest runs under keys of person, flow and hashed entry key."""
    names = ("recipient_id", "flow", "entry_key_sha256")
    found: dict[tuple[RecipientId, str], dict[bytes, Run]] = {}
    for row in await db.fetch_keys(entries, [dict(zip(names, key, strict=True)) for key in keys]):
        key = bytes(row["entry_key_sha256"])
        found.setdefault((row["recipient_id"], row["flow"]), {})[key] = Run(row["ordinal"], row["entered_at"])
    return found


async def seen_since(db: Transaction, ids: Sequence[RecipientId], since: datetime) -> dict[RecipientId, list[Row]]:
    """Return what people did at an instant or later, as far as it was read."""
    found: dict[RecipientId, list[Row]] = {}
    for row in await db.fetch(triggers_seen, "recipient_id", ids, since=("occurred_at", since)):
        found.setdefault(row["recipient_id"], []).append(row)
    return found


async def deals(db: Transaction, events: Iterable[TriggerReceived]) -> dict[RecipientId, list[Row]]:
    """Return what is known besides of the orders that these events buy, cancel or give back."""
    about = [each for each in events if each.kind in DEAL_KINDS and each.subject is not None]
    keys = [{"recipient_id": event.recipient_id, "subject": event.subject} for event in about]
    own = {event.event_id for event in about}
    found: dict[RecipientId, list[Row]] = {}
    for row in await db.fetch_keys(triggers_seen, keys, among=DEALS):
        if row["event_id"] not in own:
            found.setdefault(row["recipient_id"], []).append(row)
    return found


def seen_row(trigger: TriggerReceived) -> dict[str, Any]:
    """Return what is kept of a trigger, its facts still sealed."""
    return {
        "recipient_id": trigger.recipient_id,
        "event_id": trigger.event_id,
        "merchant_id": trigger.merchant_id,
        "kind": trigger.kind,
        "source": trigger.source,
        "subject": trigger.subject,
        "customer": trigger.customer,
        "amount_minor": trigger.amount_minor,
        "currency": trigger.currency,
        "test": trigger.test,
        "occurred_at": trigger.occurred_at,
        "facts": trigger.facts,
    }


async def closings(db: Transaction, merchants: Iterable[MerchantId]) -> dict[MerchantId, datetime]:
    """Return when these shops left, those that did."""
    found = await db.fetch(closed_merchants, "merchant_id", sorted(set(merchants)))
    return {row["merchant_id"]: row["closed_at"] for row in found}


def opened(sealer: Sealer, source: TriggerReceived | Row) -> Trigger:
    """Return a trigger with its facts unsealed."""
    values = source if isinstance(source, Mapping) else seen_row(source)
    facts = values["facts"]
    return Trigger(
        event_id=values["event_id"],
        merchant_id=values["merchant_id"],
        recipient_id=values["recipient_id"],
        kind=values["kind"],
        source=values["source"],
        occurred_at=values["occurred_at"],
        subject=values["subject"],
        customer=values["customer"],
        amount_minor=values["amount_minor"],
        currency=values["currency"],
        test=bool(values["test"]),
        facts=orjson.loads(_clear(sealer, values, facts)) if facts else {},
    )


def _clear(sealer: Sealer, values: Mapping[str, Any], facts: bytes) -> bytes:
    return sealer.open(values["merchant_id"], aad.trigger_facts(values["event_id"]), bytes(facts))


def contact_of(sealer: Sealer, merchant: MerchantId, recipient: RecipientId, sealed: bytes) -> Contact:
    """Return a person's particulars, for one function to look at."""
    return Contact.model_validate_json(sealer.open(merchant, aad.contact(recipient), sealed))
