"""Rows of a person or a merchant: blanked on erasure, read for an export.

Rows that keep a text from being sent twice, or sent after an opt-out, stay; their content is blanked. Purchases stay,
so that none is credited twice.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from services.sender import store
from services.sender.controls import store as control_store
from services.sender.engagement.links import store as links
from services.sender.queue.states import UNANSWERED_STATES
from services.sender.sealed import SEALED, SEALED_FOR_GOOD
from services.sender.tables import (
    HOLDS_CONTENT,
    attempts,
    audit_tables,
    clicks,
    closed_merchants,
    controls,
    conversations,
    conversions,
    dispatches,
    receipts,
    recipients,
    replies,
    saved_answers,
    short_links,
    system_tables,
    touches,
    unassigned_replies,
)
from shared import rights
from shared.db import audit_store
from shared.db.transaction import Transaction
from shared.events.consent import MerchantClosed, PrivacyRequested
from shared.ids import AttemptId, MerchantId, RecipientId
from shared.privacy import Sealer

BLANK_DISPATCHES: Final = (
    sa.update(dispatches)
    .where(dispatches.c.recipient_id == sa.bindparam("gone"), HOLDS_CONTENT)
    .values(**{name: sa.null() for name in store.NO_CONTENT})
)


async def lock_dispatches(db: Transaction, recipient_ids: Sequence[RecipientId]) -> None:
    """Lock every dispatch of these people: an intent for one of them may be about to commit."""
    await db.fetch(dispatches, "recipient_id", sorted(recipient_ids), lock="update", columns=("follow_up_id",))


async def blank_recipient(db: Transaction, recipient: RecipientId) -> dict[str, int]:
    """Blank what is held about a person, and return how many rows that was by table."""
    made = await store.attempt_ids_of(db, recipient)
    texts = await _blank_texts(db, made)
    callbacks = await db.fetch(receipts, "attempt_id", made, columns=("id", "raw"))
    raw = sorted(row["id"] for row in callbacks if row["raw"])
    await db.change(receipts, [{"id": each, "raw": b""} for each in raw])
    columns = ("merchant_id", "provider_message_id", "text")
    written = await db.fetch(replies, "recipient_id", [recipient], columns=columns)
    blanked = [{**row, "text": None} for row in written if row["text"] is not None]
    await db.change(replies, blanked)
    unassigned = sa.delete(unassigned_replies).where(unassigned_replies.c.recipient_id == recipient)
    return {
        dispatches.name: await db.execute(BLANK_DISPATCHES, {"gone": recipient}),
        attempts.name: texts,
        conversations.name: await db.delete(conversations, "recipient_id", [recipient]),
        receipts.name: len(raw),
        replies.name: len(blanked),
        unassigned_replies.name: await db.execute(unassigned),
        short_links.name: await links.blank_targets(db, recipient),
        touches.name: await db.delete(touches, "recipient_id", [recipient]),
        controls.name: await control_store.forget_person(db, recipient),
        **await audit_store.blank_person(db, audit_tables, recipient),
        system_tables.parked.name: await rights.strip_parked(db, system_tables, recipient),
    }


async def _blank_texts(db: Transaction, made: Sequence[AttemptId]) -> int:
    """Blank the texts of calls, and the hashes of concluded ones: a text that can be guessed is known by its hash.

    A call without an answer keeps its hash until the provider has been asked about it. Returns how many texts.
    """
    calls = await db.fetch(attempts, "id", made, columns=("id", "state", "body_sha256", "text"))
    known = sorted(row["id"] for row in calls if row["body_sha256"] and row["state"] not in UNANSWERED_STATES)
    await db.change(attempts, [{"id": each, "body_sha256": b""} for each in known])
    texts = sorted(row["id"] for row in calls if row["text"] is not None)
    await db.change(attempts, [{"id": each, "text": None} for each in texts])
    return len(texts)


async def close_merchant(db: Transaction, closing: MerchantClosed) -> None:
    """Record that a merchant has closed; a repeat changes nothing."""
    row = {"merchant_id": closing.merchant_id, "reason": closing.reason, "closed_at": closing.occurred_at}
    await db.insert_new(closed_merchants, [row])


async def blank_merchant(db: Transaction, merchant: MerchantId) -> dict[str, int]:
    """Blank what is held about everyone at a merchant, and return how many rows that was. Rare; a full scan."""
    texts = sa.update(dispatches).where(dispatches.c.merchant_id == merchant, HOLDS_CONTENT).values(**store.NO_CONTENT)
    sent = sa.update(attempts).where(attempts.c.merchant_id == merchant, attempts.c.text.is_not(None))
    raw = sa.update(receipts).where(receipts.c.merchant_id == merchant, receipts.c.raw != b"").values(raw=b"")
    written = sa.update(replies).where(replies.c.merchant_id == merchant, replies.c.text.is_not(None))
    unassigned = sa.delete(unassigned_replies).where(unassigned_replies.c.merchant_id == merchant)
    targets = sa.update(short_links).where(short_links.c.merchant_id == merchant, short_links.c.target.is_not(None))
    people = sa.select(recipients.c.recipient_id).where(recipients.c.merchant_id == merchant)
    parked = system_tables.parked
    return {
        dispatches.name: await db.execute(texts),
        attempts.name: await db.execute(sent.values(text=None)),
        conversations.name: await db.execute(sa.delete(conversations).where(conversations.c.merchant_id == merchant)),
        receipts.name: await db.execute(raw),
        replies.name: await db.execute(written.values(text=None)),
        unassigned_replies.name: await db.execute(unassigned),
        saved_answers.name: await db.execute(sa.delete(saved_answers).where(saved_answers.c.merchant_id == merchant)),
        short_links.name: await db.execute(targets.values(target=None)),
        controls.name: await db.execute(sa.delete(controls).where(controls.c.merchant_id == merchant)),
        touches.name: await db.execute(sa.delete(touches).where(touches.c.recipient_id.in_(people))),
        **await audit_store.blank_reasons(db, audit_tables, merchant),
        parked.name: await db.execute(sa.delete(parked).where(parked.c.merchant_id == merchant)),
    }


async def held(db: Transaction, request: PrivacyRequested, sealer: Sealer) -> rights.Tables:
    """Return everything held about a person, opened, except the key of their texts' hashes.

    Nor who handles their conversation: that is another person's name (GDPR article 15(4)).
    """
    person, merchant = [request.recipient_id], request.merchant_id
    calls = await store.attempt_ids_of(db, request.recipient_id)
    sent_links = await db.fetch(short_links, "recipient_id", person)
    own_columns = [column.name for column in recipients.columns if column.name != "text_key"]
    shown = [column.name for column in conversations.columns if column.name not in {"assigned_to", "assignee_key"}]
    found = {
        recipients: await db.fetch(recipients, "recipient_id", person, columns=own_columns),
        dispatches: await db.fetch(dispatches, "recipient_id", person),
        attempts: await db.fetch(attempts, "id", calls),
        receipts: await db.fetch(receipts, "attempt_id", calls),
        replies: await db.fetch(replies, "recipient_id", person),
        conversations: await db.fetch(conversations, "recipient_id", person, columns=shown),
        controls: await db.fetch(controls, "recipient_id", person),
        short_links: sent_links,
        clicks: await db.fetch(clicks, "code", [row["code"] for row in sent_links]),
        touches: await db.fetch(touches, "recipient_id", person),
        conversions: await db.fetch(conversions, "recipient_id", person),
    }
    tables = {
        table.name: rights.opened_rows(rows, sealer, merchant, SEALED.get(table, {})) for table, rows in found.items()
    }
    deeds = await audit_store.about_person(db, audit_tables, request.recipient_id)
    tables[audit_tables.entries.name] = rights.opened_rows(
        deeds, sealer, merchant, SEALED_FOR_GOOD[audit_tables.entries]
    )
    parked = await rights.parked_rows(db, system_tables, request.recipient_id, sealer)
    return {**tables, system_tables.parked.name: parked}
