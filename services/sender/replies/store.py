"""Rows of replies, of replies without a recipient, and of how far each number's replies were listed."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from services.sender.tables import dispatches, heard_until, replies, unassigned_replies
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.events.engagement import ReplyClass
from shared.ids import FollowUpId, MerchantId, RecipientId

DIGEST_BYTES: Final = 32
END: Final = (datetime(9999, 1, 1, tzinfo=UTC), b"\xff" * DIGEST_BYTES)
"""After every unassigned reply: where the first page begins."""
NEWEST = (
    sa.select(unassigned_replies)
    .where(
        unassigned_replies.c.merchant_id == sa.bindparam("merchant_id"),
        sa.tuple_(unassigned_replies.c.received_at, unassigned_replies.c.digest)
        < sa.tuple_(
            sa.bindparam("received_at", type_=unassigned_replies.c.received_at.type),
            sa.bindparam("digest", type_=sa.LargeBinary),
        ),
    )
    .order_by(unassigned_replies.c.received_at.desc(), unassigned_replies.c.digest.desc())
    .limit(sa.bindparam("most"))
)


class PolledNumber(NamedTuple):
    """A merchant's number, and the provider account it is reached through."""

    merchant_id: str
    provider: str
    sender_number: str


class StoredReply(NamedTuple):
    """One row of `sender_replies`, less the time it was received."""

    merchant_id: MerchantId
    provider_message_id: str
    reply_id: UUID
    recipient_id: RecipientId
    sender_number: str
    reply_class: ReplyClass
    needs_review: bool
    keyword_seq: int | None
    follow_up_id: FollowUpId | None
    text: bytes | None
    """Sealed; None once erased."""
    channel: str


class SealedUnassignedReply(NamedTuple):
    """One row of `sender_unassigned_replies`."""

    digest: bytes
    merchant_id: MerchantId
    provider: str
    reason: str
    reply_class: str
    recipient_id: RecipientId | None
    raw: bytes
    received_at: datetime


class AnsweredText(NamedTuple):
    """The text a reply most likely answers."""

    correlation_id: str
    locale: str | None


async def insert_reply(reply: StoredReply, uow: UnitOfWork) -> bool:
    """Insert a reply, and return False where its merchant has one with this provider id already."""
    (is_new,) = await uow.db.insert_new(replies, [{**reply._asdict(), "received_at": uow.now}])
    return is_new


async def content_of(
    db: Transaction, merchant: MerchantId, provider_message_id: str
) -> tuple[RecipientId, bytes | None]:
    """Return who wrote a stored reply, and its sealed text: None once erased."""
    same_id = (replies.c.merchant_id == merchant, replies.c.provider_message_id == provider_message_id)
    (row,) = await db.rows(sa.select(replies.c.recipient_id, replies.c.text).where(*same_id))
    return RecipientId(row["recipient_id"]), row["text"]


async def keywords_of(db: Transaction, recipient: RecipientId) -> dict[int, ReplyClass]:
    """Return what each numbered keyword of a person was."""
    rows = await db.fetch(replies, "recipient_id", [recipient], columns=("keyword_seq", "reply_class"))
    return {row["keyword_seq"]: ReplyClass(row["reply_class"]) for row in rows if row["keyword_seq"] is not None}


async def answered_text(db: Transaction, follow_up_id: FollowUpId | None) -> AnsweredText | None:
    """Return language and correlation of the text that a person was sent last, if there is one."""
    if follow_up_id is None:
        return None
    rows = await db.fetch(dispatches, "follow_up_id", [follow_up_id], columns=("correlation_id", "locale"))
    return AnsweredText(rows[0]["correlation_id"], rows[0]["locale"]) if rows else None


async def known_ids(db: Transaction, merchant: str, provider_message_ids: Collection[str]) -> set[str]:
    """Return which of these ids belong to a stored reply of a merchant."""
    keys = [{"merchant_id": merchant, "provider_message_id": each} for each in provider_message_ids]
    rows = await db.fetch_keys(replies, keys) if keys else []
    return {row["provider_message_id"] for row in rows}


async def insert_unassigned(reply: SealedUnassignedReply, uow: UnitOfWork) -> bool:
    """Insert a reply without a recipient, and return False where it is stored already."""
    (is_new,) = await uow.db.insert_new(unassigned_replies, [reply._asdict()])
    return is_new


async def list_unassigned(
    db: Transaction, merchant: MerchantId, before: tuple[datetime, bytes], most: int
) -> list[SealedUnassignedReply]:
    """Return a merchant's unassigned replies that came before another one, the newest first."""
    received_at, digest = before
    rows = await db.rows(NEWEST, {"merchant_id": merchant, "received_at": received_at, "digest": digest, "most": most})
    return [SealedUnassignedReply(**row) for row in rows]


async def find_unassigned(db: Transaction, merchant: MerchantId, digest: bytes) -> SealedUnassignedReply | None:
    """Return one of a merchant's unassigned replies; None where it has no such reply."""
    found = await db.fetch(unassigned_replies, "digest", [digest])
    return SealedUnassignedReply(**found[0]) if found and found[0]["merchant_id"] == merchant else None


async def delete_unassigned(digest: bytes, uow: UnitOfWork) -> bool:
    """Delete an unassigned reply, and return whether there was one."""
    return bool(await uow.db.delete(unassigned_replies, "digest", [digest]))


async def listed_until(db: Transaction) -> Mapping[PolledNumber, datetime]:
    """Return up to when the replies of each number were listed."""
    rows = await db.rows(sa.select(heard_until))
    return {PolledNumber(row["merchant_id"], row["provider"], row["sender_number"]): row["until"] for row in rows}


async def save_listed_until(number: PolledNumber, until: datetime, uow: UnitOfWork) -> None:
    """Store up to when the replies of a number were listed."""
    await uow.db.upsert(heard_until, [{**number._asdict(), "until": until}])
