"""Rows of conversations, and of what a thread shows: a person's replies and the texts they were sent."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from services.sender.conversations.conversation import (
    Conversation,
    ConversationState,
    IncomingReply,
    after_decision,
    after_reply,
)
from services.sender.tables import attempts, conversations, dispatches, replies
from shared.db.transaction import Row, Transaction
from shared.db.types import Id, Instant
from shared.ids import MerchantId, RecipientId

_STATES: Final = tuple(ConversationState)
_RANKS: Final = {state: rank for rank, state in enumerate(_STATES)}
_END_OF_TIME: Final = datetime(9999, 1, 1, tzinfo=UTC)
_LAST_ID: Final = UUID(int=2**128 - 1)


class InboxPlace(NamedTuple):
    """A place in the inbox; a page begins behind one."""

    rank: int
    newest_at: datetime
    recipient_id: UUID


class ThreadPlace(NamedTuple):
    """A place in a thread; a page begins behind one."""

    at: datetime
    id: UUID


INBOX_BEGIN: Final = InboxPlace(len(_STATES), _END_OF_TIME, _LAST_ID)
THREAD_BEGIN: Final = ThreadPlace(_END_OF_TIME, _LAST_ID)

INBOX: Final = (
    sa.select(conversations)
    .where(
        conversations.c.merchant_id == sa.bindparam("merchant_id"),
        conversations.c.rank >= sa.bindparam("lowest"),
        sa.tuple_(conversations.c.rank, conversations.c.newest_at, conversations.c.recipient_id)
        < sa.tuple_(
            sa.bindparam("rank", type_=sa.Integer),
            sa.bindparam("newest_at", type_=Instant),
            sa.bindparam("recipient_id", type_=Id),
        ),
    )
    .order_by(conversations.c.rank.desc(), conversations.c.newest_at.desc(), conversations.c.recipient_id.desc())
    .limit(sa.bindparam("most"))
)
INBOX_OF_ASSIGNEE: Final = INBOX.where(
    conversations.c.assignee_key == sa.bindparam("assignee_key", type_=sa.LargeBinary)
)
_IN_STATE: Final = (
    sa.select(conversations.c.recipient_id)
    .where(conversations.c.merchant_id == sa.bindparam("merchant_id"), conversations.c.rank == sa.bindparam("rank"))
    .limit(sa.bindparam("most"))
    .subquery()
)
IN_STATE: Final = sa.select(sa.func.count().label("found")).select_from(_IN_STATE)
_BEFORE: Final = (sa.bindparam("at", type_=Instant), sa.bindparam("id", type_=Id))
REPLIES_OF: Final = (
    sa.select(replies)
    .where(
        replies.c.recipient_id == sa.bindparam("person", type_=Id),
        sa.tuple_(replies.c.received_at, replies.c.reply_id) < sa.tuple_(*_BEFORE),
    )
    .order_by(replies.c.received_at.desc(), replies.c.reply_id.desc())
    .limit(sa.bindparam("most"))
)
TEXTS_OF: Final = (
    sa.select(
        *(dispatches.c[name] for name in ("follow_up_id", "merchant_id", "flow", "step", "purpose", "state", "reason")),
        *(dispatches.c[name] for name in ("sender_number", "attempts", "first_queued_at")),
    )
    .where(
        dispatches.c.recipient_id == sa.bindparam("person", type_=Id),
        dispatches.c.attempts > 0,
        sa.tuple_(dispatches.c.first_queued_at, dispatches.c.follow_up_id) < sa.tuple_(*_BEFORE),
    )
    .order_by(dispatches.c.first_queued_at.desc(), dispatches.c.follow_up_id.desc())
    .limit(sa.bindparam("most"))
)
_OF_PERSON: Final = replies.c.recipient_id == sa.bindparam("person", type_=Id)
_UNDECIDED: Final = sa.and_(_OF_PERSON, replies.c.needs_review.is_(True), replies.c.reviewed_at.is_(None))
NEWEST_UNDECIDED: Final = sa.select(replies).where(_UNDECIDED).order_by(replies.c.received_at.desc()).limit(1)
NEWEST_DECIDED: Final = (
    sa.select(replies.c.was_opt_out)
    .where(_OF_PERSON, replies.c.reviewed_at.is_not(None))
    .order_by(replies.c.received_at.desc())
    .limit(1)
)
KEYWORDS_SINCE: Final = (
    sa.select(replies.c.reply_class)
    .where(_OF_PERSON, replies.c.received_at > sa.bindparam("at", type_=Instant), replies.c.keyword_seq.is_not(None))
    .limit(1)
)


async def page(
    db: Transaction,
    merchant: MerchantId,
    lowest: ConversationState,
    before: InboxPlace,
    most: int,
    assignee_key: bytes | None = None,
) -> list[Conversation]:
    """Return a merchant's conversations behind a place: what needs a decision first, then unread, the newest first.

    With `assignee_key`, only those that this somebody handles.
    """
    wanted = {"merchant_id": merchant, "lowest": _RANKS[lowest], "most": most, **before._asdict()}
    if assignee_key is None:
        return [_conversation(row) for row in await db.rows(INBOX, wanted)]
    return [_conversation(row) for row in await db.rows(INBOX_OF_ASSIGNEE, {**wanted, "assignee_key": assignee_key})]


async def count(db: Transaction, merchant: MerchantId, state: ConversationState, most: int) -> int:
    """Return how many conversations of a merchant are in a state; more than `most` are not counted."""
    [row] = await db.rows(IN_STATE, {"merchant_id": merchant, "rank": _RANKS[state], "most": most})
    return int(row["found"])


def begin_at(highest: ConversationState) -> InboxPlace:
    """Return the place before every conversation in this state, and behind those in a higher one."""
    return INBOX_BEGIN._replace(rank=_RANKS[highest])


def place_of(conversation: Conversation) -> InboxPlace:
    """Return where a conversation stands in the inbox."""
    return InboxPlace(_RANKS[conversation.state], conversation.newest_at, conversation.recipient_id)


def place_of_reply(row: Row) -> ThreadPlace:
    """Return where a reply stands in its thread."""
    return ThreadPlace(row["received_at"], row["reply_id"])


def place_of_text(row: Row) -> ThreadPlace:
    """Return where a text stands in its thread."""
    return ThreadPlace(row["first_queued_at"], row["follow_up_id"])


async def find(
    db: Transaction, merchant: MerchantId, recipient: RecipientId, *, lock: bool = False
) -> Conversation | None:
    """Return a merchant's conversation with a person; None where it has none."""
    rows = await db.fetch(conversations, "recipient_id", [recipient], lock="update" if lock else None)
    return _conversation(rows[0]) if rows and rows[0]["merchant_id"] == merchant else None


async def save(db: Transaction, conversation: Conversation) -> None:
    """Write a conversation."""
    row: dict[str, Any] = conversation._asdict()
    row["rank"] = _RANKS[row.pop("state")]
    await db.upsert(conversations, [row])


async def note_reply(db: Transaction, merchant: MerchantId, recipient: RecipientId, reply: IncomingReply) -> None:
    """Take a reply into its conversation; the person's row is locked, so that no other reply of theirs is taken now."""
    before = await find(db, merchant, recipient, lock=True)
    await save(db, after_reply(before, recipient, merchant, reply))


async def note_decided(db: Transaction, recipients: Collection[RecipientId]) -> None:
    """Note that these people decided themselves, or the ledger for them: no reply of theirs is held any more."""
    rows = await db.fetch(conversations, "recipient_id", sorted(recipients), lock="update")
    for before in map(_conversation, rows):
        if (after := after_decision(before)) != before:
            await save(db, after)


async def newest_replies(db: Transaction, shown: Sequence[Conversation]) -> dict[UUID, Row]:
    """Return the newest reply of each conversation, by the reply's id."""
    keys = [{"merchant_id": each.merchant_id, "provider_message_id": each.newest_message_id} for each in shown]
    return {row["reply_id"]: row for row in (await db.fetch_keys(replies, keys) if keys else [])}


async def replies_of(db: Transaction, person: RecipientId, before: ThreadPlace, most: int) -> list[Row]:
    """Return a person's replies behind a place, the newest first."""
    return await db.rows(REPLIES_OF, {"person": person, **before._asdict(), "most": most})


async def texts_of(db: Transaction, person: RecipientId, before: ThreadPlace, most: int) -> list[Row]:
    """Return the texts a person was sent, or may have been, behind a place; by when they were queued first."""
    return await db.rows(TEXTS_OF, {"person": person, **before._asdict(), "most": most})


async def calls(db: Transaction, attempt_ids: Collection[UUID]) -> dict[UUID, Row]:
    """Return what attempts say of the texts they sent."""
    columns = ("id", "text", "parts", "intent_at", "accepted_at")
    return {row["id"]: row for row in await db.fetch(attempts, "id", sorted(attempt_ids), columns=columns)}


async def newest_undecided(db: Transaction, person: RecipientId) -> Row | None:
    """Return the newest reply of a person that somebody has to decide about."""
    found = await db.rows(NEWEST_UNDECIDED, {"person": person})
    return found[0] if found else None


async def newest_decision(db: Transaction, person: RecipientId) -> bool | None:
    """Return whether the newest reply that somebody decided about was an opt-out; None where there is none."""
    found = await db.rows(NEWEST_DECIDED, {"person": person})
    return bool(found[0]["was_opt_out"]) if found else None


async def decided_themselves(db: Transaction, person: RecipientId, since: datetime) -> bool:
    """Return whether the person has texted a keyword since then."""
    return bool(await db.rows(KEYWORDS_SINCE, {"person": person, "at": since}))


async def save_decision(db: Transaction, person: RecipientId, by: str, now: datetime, *, was_opt_out: bool) -> None:
    """Write on each of a person's undecided replies what was decided."""
    values = {"reviewed_at": now, "reviewed_by": by, "was_opt_out": was_opt_out}
    await db.execute(sa.update(replies).where(_UNDECIDED).values(values), {"person": person})


def _conversation(row: Row) -> Conversation:
    own = {name: row[name] for name in Conversation._fields if name != "state"}
    return Conversation(**own, state=_STATES[row["rank"]])
