"""Rows of unknown texts: read along the index that only they are in."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from services.sender.tables import UNRESOLVED, attempts, dispatches, in_flight
from shared.db.transaction import Row, Transaction
from shared.ids import MerchantId

MOST_COUNTED: Final = 1000
"""How far unknown texts are counted; more are said to be at least so many."""
PAGE: Final = (
    sa.select(attempts)
    .where(attempts.c.merchant_id == sa.bindparam("merchant_id"), UNRESOLVED, attempts.c.id < sa.bindparam("before"))
    .order_by(attempts.c.id.desc())
    .limit(sa.bindparam("most"))
)
_OF_DISPATCH: Final = ("follow_up_id", "flow", "step", "purpose", "contact", "resend", "cancelled")


def count_of(most: int) -> sa.Select[int]:
    """Return the query how many unknown texts a merchant has; it reads at most `most`."""
    found = (
        sa.select(attempts.c.id)
        .where(attempts.c.merchant_id == sa.bindparam("merchant_id"), UNRESOLVED)
        .limit(most)
        .subquery()
    )
    return sa.select(sa.func.count().label("n")).select_from(found)


COUNT: Final = count_of(MOST_COUNTED)


class UnknownRow(NamedTuple):
    """An unknown text: its call, its dispatch, and how it stands on the reconciler's list (None: it gave up)."""

    attempt: Row
    dispatch: Row
    look: Row | None


async def page(db: Transaction, merchant: MerchantId, before: UUID, most: int) -> list[UnknownRow]:
    """Return a merchant's unknown texts before an attempt's id, the newest first."""
    found = await db.rows(PAGE, {"merchant_id": merchant, "before": before, "most": most})
    if not found:
        return []
    texts = await _by(db, dispatches, "follow_up_id", [row["follow_up_id"] for row in found], columns=_OF_DISPATCH)
    looks = await _by(db, in_flight, "attempt_id", [row["id"] for row in found])
    return [UnknownRow(row, texts[row["follow_up_id"]], looks.get(row["id"])) for row in found]


async def count(db: Transaction, merchant: MerchantId) -> int:
    """Return how many unknown texts a merchant has, at most `MOST_COUNTED`."""
    [row] = await db.rows(COUNT, {"merchant_id": merchant})
    return int(row["n"])


async def _by(db: Transaction, table: sa.Table, column: str, keys: Sequence[Any], **more: Any) -> Mapping[Any, Row]:
    return {row[column]: row for row in await db.fetch(table, column, sorted(keys), **more)}
