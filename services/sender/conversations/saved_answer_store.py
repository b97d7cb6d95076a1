"""Rows of the answers that shops keep."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from services.sender.tables import saved_answers
from shared.db.transaction import Transaction
from shared.ids import MerchantId

_OF_MERCHANT: Final = sa.select(saved_answers).where(saved_answers.c.merchant_id == sa.bindparam("merchant_id"))


class SavedAnswer(NamedTuple):
    """An answer under its title."""

    id: UUID
    title: str
    text: str
    """Liquid, as any text of a shop."""
    saved_at: datetime


async def listed(db: Transaction, merchant: MerchantId) -> Sequence[SavedAnswer]:
    """Return what a merchant keeps, by title."""
    rows = await db.rows(_OF_MERCHANT, {"merchant_id": merchant})
    found = [SavedAnswer(row["id"], row["title"], row["text"], row["saved_at"]) for row in rows]
    return sorted(found, key=lambda each: (each.title.casefold(), each.id))


async def save(db: Transaction, merchant: MerchantId, answer: SavedAnswer) -> None:
    """Write an answer, in place of the one with its id."""
    await db.upsert(saved_answers, [{**answer._asdict(), "merchant_id": merchant}])


async def remove(db: Transaction, key: UUID) -> None:
    """Delete an answer."""
    await db.delete(saved_answers, "id", [key])
