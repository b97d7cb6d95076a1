"""Caps in the database: slots of texts, new people of the hour, and the day's spending.

A slot is reserved with the verdict, ages from acceptance, and is returned if the text was not sent. A merchant's row of
new people is locked until the commit, so that two processes never both see the last place. Spending is the sum of a few
rows a merchant and day, each written by few processes.
"""

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.compliance.caps.limits import RememberedNewcomer, Tally, day_of, hour_of, packed, unpacked
from services.compliance.gate.inputs import HistoryItem, PastKind
from services.compliance.tables import newcomers, send_slots, spending
from shared.db.transaction import Row, Transaction
from shared.events.dispatch import DispatchEvent
from shared.events.follow_up import FollowUpDue, Purpose
from shared.ids import FollowUpId, MerchantId, RecipientId

_KEY = ("merchant_id",)
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

    `ended` is the release that ended, or None if no release will follow; a slot reserved for a later release stays.
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


async def spent_today(db: Transaction, merchants: Sequence[MerchantId], now: datetime) -> dict[MerchantId, int]:
    """Return what these merchants' texts have cost since midnight UTC, in millionths."""
    spent = dict.fromkeys(merchants, 0)
    day = day_of(now)
    for row in await db.fetch_keys(spending, [{"merchant_id": key, "day": day} for key in merchants]):
        spent[MerchantId(row["merchant_id"])] += row["micros"]
    return spent


async def spend(db: Transaction, costs: Mapping[MerchantId, int], share: int, now: datetime) -> None:
    """Add what texts cost, in millionths, to the day's row that this process writes (`share`)."""
    day = day_of(now)
    rows = [{"merchant_id": key, "day": day, "share": share, "micros": costs[key]} for key in sorted(costs)]
    await db.upsert(spending, rows, add=("micros",))


async def tally_of(db: Transaction, merchant: MerchantId, *, now: datetime, is_held: bool = False) -> Tally:
    """Return what a merchant's new people add up to; `is_held` locks the row until the commit."""
    rows = await db.fetch(newcomers, "merchant_id", [merchant], lock="update" if is_held else None)
    return _tally(rows[0]) if rows else Tally(hour_of(now))


async def lock_tallies(db: Transaction, merchants: Collection[MerchantId], now: datetime) -> dict[MerchantId, Tally]:
    """Return the tallies of merchants, locked until the commit; rows are added before any is locked, in order."""
    wanted = sorted(merchants)
    known = {row["merchant_id"] for row in await db.fetch(newcomers, "merchant_id", wanted, columns=_KEY)}
    await db.insert_new(newcomers, [_row(key, Tally(hour_of(now))) for key in wanted if key not in known])
    rows = await db.fetch(newcomers, "merchant_id", wanted, lock="update")
    return {MerchantId(row["merchant_id"]): _tally(row) for row in rows}


async def save_tallies(db: Transaction, tallies: Mapping[MerchantId, Tally]) -> None:
    """Write tallies that are locked."""
    await db.change(newcomers, [_row(key, tally) for key, tally in tallies.items()])


async def held_merchants(db: Transaction, most: int) -> list[str]:
    """Return merchants whose texts to new people are held, the first of them by name."""
    held = sa.select(newcomers.c.merchant_id).where(newcomers.c.held_since.is_not(None))
    return [row["merchant_id"] for row in await db.rows(held.order_by(newcomers.c.merchant_id).limit(most))]


async def release(db: Transaction, merchant: MerchantId, now: datetime) -> datetime | None:
    """Release a merchant's texts to new people, and return since when they were held; None: they were not."""
    tally = await tally_of(db, merchant, now=now, is_held=True)
    since = tally.held_since
    if since is not None:
        tally.release()
        await save_tallies(db, {merchant: tally})
    return since


def _tally(row: Row) -> Tally:
    return Tally(
        row["hour"],
        row["asked"],
        Counter(row["by_key"]),
        unpacked(bytes(row["by_prefix"])),
        deque(RememberedNewcomer(at, person, tuple(blocks)) for at, person, *blocks in row["recent"]),
        row["held_since"],
    )


def _row(merchant: MerchantId, tally: Tally) -> dict[str, Any]:
    return {
        "merchant_id": merchant,
        "hour": tally.hour,
        "asked": tally.asked,
        "by_key": dict(tally.by_key),
        "by_prefix": packed(tally.by_prefix),
        "recent": [[newest.at_seconds, newest.person, *newest.blocks] for newest in tally.recent],
        "held_since": tally.held_since,
    }
