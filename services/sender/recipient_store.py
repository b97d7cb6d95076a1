"""People as the sender knows them: rows that every intent and every opt-out locks."""

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, NamedTuple

from services.sender.queue.dispatches import Dispatch
from services.sender.replies.send_permission import SendPermission
from services.sender.tables import recipients
from shared.db.transaction import Lock, Row, Transaction
from shared.events.consent import SuppressionCause
from shared.ids import FollowUpId, MerchantId, RecipientId

_TEXT_KEY_BYTES: Final = 16


class SenderRecipient(NamedTuple):
    """A person: whether they may be written to, and which text they were sent last."""

    recipient_id: RecipientId
    merchant_id: MerchantId
    permission: SendPermission
    erased_at: datetime | None = None
    last_follow_up_id: FollowUpId | None = None
    in_flight_at_stop: int = 0
    """Texts that were already handed to a provider when an opt-out came."""
    text_key: bytes | None = None
    """Keys the hashes of their texts; None after an erasure."""


def new_recipient(merchant_id: MerchantId, recipient_id: RecipientId) -> SenderRecipient:
    """Return a person of whom nothing is stored yet; they may be written to."""
    return SenderRecipient(recipient_id, merchant_id, SendPermission(), text_key=new_text_key())


def new_text_key() -> bytes:
    """Return a key for the hashes of one person's texts."""
    return secrets.token_bytes(_TEXT_KEY_BYTES)


async def find_recipients(
    db: Transaction, recipient_ids: Collection[RecipientId], *, lock: Lock | None = None
) -> dict[RecipientId, SenderRecipient]:
    """Return the people who have a row."""
    rows = await db.fetch(recipients, "recipient_id", sorted(set(recipient_ids)), lock=lock)
    return {row["recipient_id"]: _recipient(row) for row in rows}


async def lock_recipients(
    db: Transaction,
    merchants: Mapping[RecipientId, MerchantId],
    create: Callable[[MerchantId, RecipientId], SenderRecipient] = new_recipient,
) -> dict[RecipientId, SenderRecipient]:
    """Return these people, locked until the commit; a person without a row gets the one that `create` returns first.

    Without a row there is nothing to lock: of two units that hear of a new person at the same moment, the later one
    would overwrite the other's opt-out. Rows are added before any is locked, both in order.
    """
    known = await db.fetch(recipients, "recipient_id", sorted(merchants), columns=("recipient_id",))
    missing = sorted(merchants.keys() - {row["recipient_id"] for row in known})
    created = [create(merchants[recipient_id], recipient_id) for recipient_id in missing]
    is_new = await db.insert_new(recipients, [_row(each) for each in created])
    added = {each.recipient_id: each for each, new in zip(created, is_new, strict=True) if new}
    return added | await find_recipients(db, merchants.keys() - added.keys(), lock="update")


async def add_recipients(db: Transaction, added: Iterable[SenderRecipient]) -> None:
    """Insert people; a row that exists stays as it is."""
    await db.insert_new(recipients, [_row(each) for each in added])


async def save_recipients(db: Transaction, changed: Iterable[SenderRecipient]) -> None:
    """Write people back, in the order in which rows are locked."""
    await db.upsert(recipients, [_row(each) for each in sorted(changed, key=lambda each: each.recipient_id)])


async def save_last_texts(db: Transaction, sent: Iterable[tuple[Dispatch, bytes]], now: datetime) -> None:
    """Write the last text and the text key of people who have a row, and nothing else of it."""
    rows = [
        {
            "recipient_id": text.recipient_id,
            "last_follow_up_id": text.follow_up_id,
            "last_sender_number": text.sender_number,
            "last_intent_at": now,
            "text_key": text_key,
        }
        for text, text_key in sent
    ]
    await db.change(recipients, sorted(rows, key=itemgetter("recipient_id")))


def _recipient(row: Row) -> SenderRecipient:
    """Return the person a row holds: its columns are the fields of the person and of their permission."""
    suppressed = SuppressionCause(row["suppressed"]) if row["suppressed"] else None
    permission = SendPermission(suppressed, *(row[name] for name in SendPermission._fields[1:]))
    own = {name: row[name] for name in SenderRecipient._fields if name != "permission"}
    return SenderRecipient(**own, permission=permission)


def _row(recipient: SenderRecipient) -> dict[str, Any]:
    row = {**recipient._asdict(), **recipient.permission._asdict()}
    del row["permission"]
    return row
