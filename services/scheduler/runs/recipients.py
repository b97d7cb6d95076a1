"""What the scheduler keeps of a person: the counters conditions read, consents, recent triggers, and erasure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.scheduler.runs.enrolment import Run
from services.scheduler.runs.facts import Deal, History, Trigger, bought, texts_within
from shared import aad
from shared.config.flow import Flow
from shared.db.transaction import Row
from shared.events.consent import ConsentChanged
from shared.events.engagement import ReplyClass, ReplyReceived
from shared.events.trigger import ENDING_KINDS, Contact, TriggerReceived
from shared.ids import MerchantId, RecipientId
from shared.privacy import Sealer

_TRIGGER_COLUMNS = tuple(field.name for field in fields(Trigger))


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
    """Each scope's standing in the last `consent.changed` that was read."""
    erased_at: datetime | None = None
    replied_at: datetime | None = None
    """When they last wrote something that was no opt-out; None where they opted out since."""
    replied_to: str | None = None
    """The merchant's number they wrote to then."""
    contact: bytes | None = None
    """How they are reached, sealed; None once it is too late for an answer."""

    def history(self, accepted_at: Iterable[datetime], now: datetime) -> History:
        """Return the history that conditions read; `accepted_at` are the recent acceptances."""
        week, month = texts_within([*accepted_at], now)
        return History(self.orders, self.total_spent_minor, self.last_order_at, week, month)

    def after(self, trigger: TriggerReceived, seen: Sequence[Row] = ()) -> "StoredRecipient":
        """Return the person after a trigger; test triggers change nothing.

        Args:
            trigger: the new trigger.
            seen: stored deals of the person, so that an order reported by two sources counts once.
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
        return {name: getattr(self, name) for name in _COLUMNS}


_COLUMNS = tuple(field.name for field in fields(StoredRecipient))


@dataclass(frozen=True, slots=True)
class RecipientPast:
    """What is stored about the recipient of a request."""

    person: StoredRecipient
    history: History
    runs: Mapping[bytes, Run]
    earlier: Sequence[Trigger] = ()
    """Their recent triggers."""
    is_first_contact: bool = False
    """The provider never accepted a follow-up to them."""


def consents_of(event: ConsentChanged) -> dict[str, Any]:
    """Return each scope's standing as it is stored, in the words of the evaluation format."""
    return {
        "marketing": event.marketing.model_dump(mode="json"),
        "informational": event.informational.model_dump(mode="json"),
    }


def after_reply(person: StoredRecipient, event: ReplyReceived, now: datetime) -> StoredRecipient | None:
    """Return the person after a reply; None where it changes nothing: it is older than the last one, or erased.

    An opt-out ends the talk: there is no reply to be answered any more. A clock ahead of ours counts as now.
    """
    at = min(event.occurred_at, now)
    if person.erased_at is not None or (person.replied_at is not None and at < person.replied_at):
        return None
    if event.reply_class is ReplyClass.OPT_OUT:
        ended = replace(person, replied_at=None, replied_to=None, contact=None)
        return ended if person.replied_at is not None else None
    return replace(person, replied_at=at, replied_to=event.sender_number, contact=event.contact)


def seen_row(trigger: TriggerReceived) -> dict[str, Any]:
    """Return the row of a trigger; its facts stay sealed."""
    return {name: getattr(trigger, name) for name in _TRIGGER_COLUMNS}


def opened(sealer: Sealer, source: TriggerReceived | Row) -> Trigger:
    """Return a trigger, from its event or its row, with its facts opened."""
    values = source if isinstance(source, Mapping) else seen_row(source)
    facts = values["facts"]
    known = {name: values[name] for name in _TRIGGER_COLUMNS}
    known["test"] = bool(values["test"])
    known["facts"] = {}
    if facts:
        place = aad.trigger_facts(values["event_id"])
        known["facts"] = orjson.loads(sealer.open(values["merchant_id"], place, bytes(facts)))
    return Trigger(**known)


def cancelling(sealer: Sealer, flow: Flow, seen: Iterable[Row], own: UUID) -> list[Trigger]:
    """Return the stored triggers that may cancel a run before it starts, opened; `own` would start it."""
    kinds = {rule.on for rule in flow.cancel_on} | ENDING_KINDS
    return [opened(sealer, row) for row in seen if row["kind"] in kinds and row["event_id"] != own]


def contact_of(sealer: Sealer, merchant: MerchantId, recipient: RecipientId, sealed: bytes) -> Contact:
    """Return the opened contact data of a recipient; pass it on, never store it."""
    return Contact.model_validate_json(sealer.open(merchant, aad.contact(recipient), sealed))
