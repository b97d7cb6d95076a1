"""Queries of what is shown over HTTP: follow-ups, histories and runs. Each reads one merchant's rows only."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import sqlalchemy as sa

from services.scheduler.api_models import FollowUpAnswer
from services.scheduler.tables import enrollments, follow_ups, recipients, state_changes
from services.scheduler.tables import lines as queues
from shared.db.transaction import Row, Transaction
from shared.ids import FollowUpId, MerchantId, RecipientId
from shared.vocabulary.follow_up_states import FollowUpState

COMPUTED = frozenset({"follow_up_id", "due_local", "progress", "waits_for"})
"""Fields of an answer that are no columns."""
_COLUMNS = tuple({"id", "priority", "timer_at", "waits_until", "waits_detail", *FollowUpAnswer.model_fields} - COMPUTED)


async def follow_up(db: Transaction, merchant: MerchantId, key: UUID) -> Row | None:
    """Return one follow-up; None where this merchant has none of that id."""
    table = follow_ups.c
    rows = await db.rows(sa.select(follow_ups).where(table.id == key, table.merchant_id == merchant))
    return rows[0] if rows else None


async def history(db: Transaction, key: UUID) -> Sequence[Row]:
    """Return the states a follow-up was in, the first one first."""
    table = state_changes.c
    return await db.rows(sa.select(state_changes).where(table.follow_up_id == key).order_by(table.number))


async def newest_follow_ups(
    db: Transaction,
    merchant: MerchantId,
    *,
    limit: int,
    recipient_id: RecipientId | None = None,
    subject: str | None = None,
    state: FollowUpState | None = None,
    before: UUID | None = None,
) -> Sequence[Row]:
    """Return a merchant's follow-ups, the newest first: of one recipient, about a subject, in a state, before an id."""
    table = follow_ups.c
    wanted = sa.select(follow_ups).where(table.merchant_id == merchant).order_by(table.id.desc()).limit(limit)
    if recipient_id is not None:
        wanted = wanted.where(table.recipient_id == recipient_id)
    if subject is not None:
        people = sa.select(enrollments.c.recipient_id).where(
            enrollments.c.merchant_id == merchant, enrollments.c.subject == subject
        )
        wanted = wanted.where(table.recipient_id.in_(people), table.subject == subject)
    if state is not None:
        wanted = wanted.where(table.state == state)
    if before is not None:
        wanted = wanted.where(table.id < before)
    return await db.rows(wanted)


async def sealed_contact(db: Transaction, merchant: MerchantId, recipient_id: RecipientId) -> bytes | None:
    """Return the contact data that came with a text to a person; None where none is kept."""
    table = follow_ups.c
    kept = sa.select(table.contact, table.merchant_id).where(
        table.recipient_id == recipient_id, table.contact.is_not(None)
    )
    rows = await db.rows(kept.limit(1))
    return bytes(rows[0]["contact"]) if rows and rows[0]["merchant_id"] == merchant else None


async def is_known(db: Transaction, recipient_id: RecipientId) -> bool:
    """Return whether there was ever an event, a consent or a text of this person."""
    if await db.fetch(recipients, "id", [recipient_id], columns=("id",)):
        return True
    return bool(await db.rows(sa.select(follow_ups.c.id).where(follow_ups.c.recipient_id == recipient_id).limit(1)))


async def open_ids(db: Transaction, merchant: MerchantId, recipient_id: RecipientId, limit: int) -> list[FollowUpId]:
    """Return some of a person's follow-ups that have not ended; none where they are another merchant's."""
    table = follow_ups.c
    its = sa.select(table.id, table.merchant_id).where(table.recipient_id == recipient_id, table.ended_at.is_(None))
    # The merchant is compared here: in the statement it could lead along the merchant's whole index.
    return [row["id"] for row in await db.rows(its.limit(limit)) if row["merchant_id"] == merchant]


async def follow_ups_by_id(db: Transaction, ids: Sequence[FollowUpId]) -> Sequence[Row]:
    """Return what is shown of these follow-ups."""
    return await db.fetch(follow_ups, "id", ids, columns=_COLUMNS)


async def queued(db: Transaction, rows: Iterable[Row]) -> set[UUID]:
    """Return which of these follow-ups wait in the queue of their number, by one index probe each."""
    places = [(row["sender_number"], row["priority"], row["due_at"], row["id"]) for row in rows]
    if not places:
        return set()
    key = sa.tuple_(queues.c.sender_number, queues.c.priority, queues.c.due_at, queues.c.follow_up_id)
    return {row["follow_up_id"] for row in await db.rows(sa.select(queues.c.follow_up_id).where(key.in_(places)))}


async def newest_runs(db: Transaction, merchant: MerchantId, limit: int, before: UUID | None) -> Sequence[Row]:
    """Return a merchant's runs through any flow, the newest first: before an id."""
    table = enrollments.c
    wanted = sa.select(enrollments).where(table.merchant_id == merchant).order_by(table.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(table.id < before)
    return await db.rows(wanted)
