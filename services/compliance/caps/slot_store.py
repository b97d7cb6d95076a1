"""Cap slots in the database: one a follow-up, reserved with the verdict, aging from acceptance, returned if unsent."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from services.compliance.gate.inputs import HistoryItem, PastKind
from services.compliance.tables import send_slots
from shared.db.transaction import Transaction
from shared.events.dispatch import DispatchEvent
from shared.events.follow_up import FollowUpDue, Purpose
from shared.ids import FollowUpId, MerchantId, RecipientId

_OF_THE_PAST = ("follow_up_id", "recipient_id", "purpose", "reserved_at", "sent_at")
_OF_A_SLOT = ("follow_up_id", "release", "sent_at")


class Slot(NamedTuple):
    """One text that was sent, may have been, or is about to be."""

    follow_up_id: FollowUpId
    recipient_id: RecipientId
    merchant_id: MerchantId
    purpose: Purpose
    release: int
    """The release it was last reserved for; the end of an earlier release does not return the slot."""
    reserved_at: datetime
    sent_at: datetime | None = None
    """When the provider accepted the text."""

    @classmethod
    def of(cls, event: FollowUpDue | DispatchEvent, at: datetime, sent_at: datetime | None = None) -> "Slot":
        """Return the slot of the text an event is about."""
        return cls(event.follow_up_id, event.recipient_id, event.merchant_id, event.purpose, event.release, at, sent_at)


class _Taken(NamedTuple):
    """What is read of a slot that is locked."""

    release: int
    sent_at: datetime | None


async def histories(
    db: Transaction, recipients: Sequence[RecipientId], now: datetime, days: int
) -> dict[RecipientId, list[tuple[FollowUpId, HistoryItem]]]:
    """Return the texts sent to these people or cleared for them, with the follow-up of each.

    Each ages from its acceptance, or from its last release if that came later.
    """
    since = now - timedelta(days=days)
    found: dict[RecipientId, list[tuple[FollowUpId, HistoryItem]]] = {}
    for row in await db.fetch(send_slots, "recipient_id", recipients, columns=_OF_THE_PAST):
        counts_from = row["reserved_at"] if row["sent_at"] is None else max(row["reserved_at"], row["sent_at"])
        if counts_from > since:
            past = HistoryItem(counts_from, PastKind(row["purpose"]))
            found.setdefault(RecipientId(row["recipient_id"]), []).append((FollowUpId(row["follow_up_id"]), past))
    return found


async def reserve(db: Transaction, wanted: Sequence[Slot]) -> None:
    """Reserve one slot a follow-up; a later release keeps the slot and its acceptance, and reserves it from now."""
    rows = [slot._asdict() for slot in wanted]
    for row in rows:
        del row["sent_at"]
    await db.upsert(send_slots, rows)


async def take(db: Transaction, texts: Sequence[Slot]) -> None:
    """Reserve the slots of texts that were sent, or may have been, also those returned meanwhile or never reserved.

    A text the provider accepted ages from the latest known acceptance.
    """
    known = await _slots(db, [text.follow_up_id for text in texts])
    await db.insert_new(send_slots, [text._asdict() for text in texts if text.follow_up_id not in known])
    taken = []
    for text in texts:
        slot = known.get(text.follow_up_id)
        if slot is not None and text.sent_at is not None:
            newest = max(text.sent_at, slot.sent_at or text.sent_at)
            taken.append({"follow_up_id": text.follow_up_id, "sent_at": newest})
    await db.change(send_slots, taken)


async def give_back(db: Transaction, ended: Mapping[FollowUpId, int | None]) -> int:
    """Return the slots of texts that were not sent, and how many those were; an accepted one stays reserved.

    Args:
        db: the open transaction.
        ended: the release that ended, by follow-up; None if no release will follow. A slot reserved for a later
            release stays.
    """
    known = await _slots(db, list(ended))
    over = {key: slot for key, slot in known.items() if (release := ended[key]) is None or slot.release <= release}
    again = [
        {"follow_up_id": key, "reserved_at": slot.sent_at} for key, slot in over.items() if slot.sent_at is not None
    ]
    await db.change(send_slots, again)
    return await db.delete(send_slots, "follow_up_id", [key for key, slot in over.items() if slot.sent_at is None])


async def _slots(db: Transaction, follow_ups: Sequence[FollowUpId]) -> dict[FollowUpId, _Taken]:
    """Return the slots of these follow-ups, locked until the commit."""
    rows = await db.fetch(send_slots, "follow_up_id", follow_ups, lock="update", columns=_OF_A_SLOT)
    return {FollowUpId(row["follow_up_id"]): _Taken(row["release"], row["sent_at"]) for row in rows}
