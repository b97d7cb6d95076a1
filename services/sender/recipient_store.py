"""Rows of `sender_recipients` as values. Every intent and every opt-out locks its person's row."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from services.sender.recipients import SenderRecipient, new_recipient
from services.sender.replies.send_permission import SendPermission
from services.sender.tables import recipients
from shared.db.transaction import Lock, Row, Transaction
from shared.events.consent import SuppressionCause
from shared.ids import MerchantId, RecipientId


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
    """Return these people, locked until the commit; a person without a row gets one first.

    Without a row there is nothing to lock: of two units that hear of a new person at the same moment, the later one
    would overwrite the other's opt-out. Rows are added before any is locked, both in order.

    Args:
        db: the unit's transaction.
        merchants: the merchant of each person.
        create: returns the person to add where there is no row.
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


async def save_last_texts(db: Transaction, sent: Iterable[SenderRecipient]) -> None:
    """Write the last text and the text key of people, and nothing else of their rows."""
    await db.change(
        recipients,
        [
            {
                "recipient_id": each.recipient_id,
                "last_follow_up_id": each.last_follow_up_id,
                "last_sender_number": each.last_sender_number,
                "last_intent_at": each.last_intent_at,
                "text_key": each.text_key,
            }
            for each in sorted(sent, key=lambda each: each.recipient_id)
        ],
    )


def _recipient(row: Row) -> SenderRecipient:
    permission = SendPermission(
        suppressed=SuppressionCause(row["suppressed"]) if row["suppressed"] else None,
        marketing_suppressed=row["marketing_suppressed"],
        informational_suppressed=row["informational_suppressed"],
        keyword_seq=row["keyword_seq"],
        epoch=row["consent_epoch"],
        needs_review=row["needs_review"],
    )
    return SenderRecipient(
        recipient_id=RecipientId(row["recipient_id"]),
        merchant_id=MerchantId(row["merchant_id"]),
        permission=permission,
        erased_at=row["erased_at"],
        last_follow_up_id=row["last_follow_up_id"],
        last_sender_number=row["last_sender_number"],
        last_intent_at=row["last_intent_at"],
        in_flight_at_stop=row["in_flight_at_stop"],
        text_key=bytes(row["text_key"]) if row["text_key"] else None,
    )


def _row(recipient: SenderRecipient) -> dict[str, Any]:
    permission = recipient.permission
    return {
        "recipient_id": recipient.recipient_id,
        "merchant_id": recipient.merchant_id,
        "suppressed": permission.suppressed,
        "marketing_suppressed": permission.marketing_suppressed,
        "informational_suppressed": permission.informational_suppressed,
        "keyword_seq": permission.keyword_seq,
        "consent_epoch": permission.epoch,
        "needs_review": permission.needs_review,
        "erased_at": recipient.erased_at,
        "last_follow_up_id": recipient.last_follow_up_id,
        "last_sender_number": recipient.last_sender_number,
        "last_intent_at": recipient.last_intent_at,
        "in_flight_at_stop": recipient.in_flight_at_stop,
        "text_key": recipient.text_key,
    }
