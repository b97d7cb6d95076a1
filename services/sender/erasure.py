"""Forgetting, at the provider's side of the house: texts, their hashes, replies and callbacks go; guards stay."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from services.sender import store
from services.sender.engagement.attribution import store as attribution
from services.sender.engagement.attribution.tables import touches
from services.sender.engagement.links import store as links
from services.sender.engagement.links.tables import short_links
from services.sender.queue.dispatches import Dispatch
from services.sender.queue.states import AttemptState
from services.sender.tables import (
    HOLDS_CONTENT,
    attempts,
    closed_merchants,
    dispatches,
    receipts,
    recipients,
    replies,
    system_tables,
    unassigned_replies,
)
from shared import rights
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import MerchantClosed, RecipientErased, SuppressionCause
from shared.ids import AttemptId, MerchantId, RecipientId

_UNANSWERED: Final = frozenset({AttemptState.INTENT.value, AttemptState.UNKNOWN.value})
BLANK: Final = (
    sa.update(dispatches)
    .where(dispatches.c.recipient_id == sa.bindparam("gone"), HOLDS_CONTENT)
    .values(**{name: sa.null() for name in store.NO_CONTENT})
)


async def forget(events: Sequence[RecipientErased], uow: UnitOfWork) -> None:
    """Blank what is sealed; the mark stays, so that a late clearance finds it.

    Their texts are locked before themselves, as everywhere: an intent for one of them may be on its way.
    """
    gone = {event.recipient_id: event.merchant_id for event in events}
    await uow.db.fetch(dispatches, "recipient_id", sorted(gone), lock="update", columns=("follow_up_id",))
    people = await store.held_people(uow.db, gone)
    rows = [
        {
            **people[event.recipient_id],
            "erased_at": max(event.occurred_at, uow.now),
            "suppressed": SuppressionCause.ERASED,
            "text_key": None,
        }
        for event in events
    ]
    await uow.db.upsert(recipients, sorted(rows, key=lambda row: row["recipient_id"]))
    for event in events:
        rights.certify(uow, system_tables, event, await _blank(uow, event.recipient_id))


async def close(events: Sequence[MerchantClosed], uow: UnitOfWork) -> None:
    """Let nothing of these shops go any more, and forget their people where that is asked for."""
    for event in events:
        row = {"merchant_id": event.merchant_id, "reason": event.reason, "closed_at": event.occurred_at}
        await uow.db.insert_new(closed_merchants, [row])
        if event.reason == rights.SHOP_ERASURE:
            rights.certify(uow, system_tables, event, await _blank_shop(uow.db, event.merchant_id))


async def attempts_of(db: Transaction, recipient: RecipientId) -> list[AttemptId]:
    """Return the ids of every call that was made for a person: derived, so that no index is needed."""
    known: dict[object, Dispatch] = {}
    for row in await db.fetch(dispatches, "recipient_id", [recipient]):
        known[row["follow_up_id"]] = store.dispatch_of(row)
    return [each.attempt_id(n) for each in known.values() for n in range(1, each.attempts + 1)]


async def _forget_hashes(db: Transaction, made: Sequence[AttemptId]) -> None:
    """Blank the hashes of texts whose calls have ended: a text that can be guessed could be told by its hash.

    A call without an answer keeps its own until it is found at the provider, or not.
    """
    ended = await db.fetch(attempts, "id", made, columns=("id", "state", "body_sha256"))
    known = sorted(row["id"] for row in ended if row["body_sha256"] and row["state"] not in _UNANSWERED)
    await db.change(attempts, [{"id": each, "body_sha256": b""} for each in known])


async def _blank(uow: UnitOfWork, recipient: RecipientId) -> dict[str, int]:
    db = uow.db
    made = await attempts_of(db, recipient)
    await _forget_hashes(db, made)
    calls = await db.fetch(receipts, "attempt_id", made, columns=("id", "raw"))
    raw = sorted(row["id"] for row in calls if row["raw"])
    await db.change(receipts, [{"id": each, "raw": b""} for each in raw])
    columns = ("merchant_id", "provider_message_id", "text")
    written = await db.fetch(replies, "recipient_id", [recipient], columns=columns)
    told = [{**row, "text": None} for row in written if row["text"] is not None]
    await db.change(replies, told)
    strays = sa.delete(unassigned_replies).where(unassigned_replies.c.recipient_id == recipient)
    return {
        dispatches.name: await db.execute(BLANK, {"gone": recipient}),
        receipts.name: len(raw),
        replies.name: len(told),
        unassigned_replies.name: await db.execute(strays),
        short_links.name: await links.erase(uow, [recipient]),
        touches.name: await attribution.erase(uow, [recipient]),
        system_tables.parked.name: await rights.strip_parked(db, system_tables, recipient),
    }


async def _blank_shop(db: Transaction, merchant: MerchantId) -> dict[str, int]:
    """Blank what is kept of everybody at a shop. Rare, and costs a full scan."""
    texts = sa.update(dispatches).where(dispatches.c.merchant_id == merchant, HOLDS_CONTENT).values(**store.NO_CONTENT)
    calls = sa.update(receipts).where(receipts.c.merchant_id == merchant, receipts.c.raw != b"").values(raw=b"")
    told = sa.update(replies).where(replies.c.merchant_id == merchant, replies.c.text.is_not(None)).values(text=None)
    led = sa.and_(short_links.c.merchant_id == merchant, short_links.c.target.is_not(None))
    its_people = sa.select(recipients.c.recipient_id).where(recipients.c.merchant_id == merchant)
    parked = system_tables.parked
    return {
        dispatches.name: await db.execute(texts),
        receipts.name: await db.execute(calls),
        replies.name: await db.execute(told),
        unassigned_replies.name: await db.execute(
            sa.delete(unassigned_replies).where(unassigned_replies.c.merchant_id == merchant)
        ),
        short_links.name: await db.execute(sa.update(short_links).where(led).values(target=None)),
        touches.name: await db.execute(sa.delete(touches).where(touches.c.recipient_id.in_(its_people))),
        parked.name: await db.execute(sa.delete(parked).where(parked.c.merchant_id == merchant)),
    }
