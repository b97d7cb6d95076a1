"""Forgetting, in the books: what texts are made of goes, with order names and spending; states and guards stay."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from services.scheduler.tables import enrollments, follow_ups, recipients, system_tables, triggers_seen
from shared import rights
from shared.db.transaction import Transaction
from shared.ids import MerchantId, RecipientId

_NOTHING: Final[Mapping[str, None]] = {"body": None, "contact": None, "facts": None, "subject": None}
FORGOTTEN: Final[Mapping[str, Any]] = {"orders": 0, "total_spent_minor": 0, "last_order_at": None}
"""What stays of what flows looked at."""


async def blank(db: Transaction, recipient: RecipientId) -> dict[str, int]:
    """Blank what is kept of a person whose texts have ended, and return how much of each table there was."""
    columns = ("id", "enrollment_id", *_NOTHING)
    texts = await db.fetch(follow_ups, "recipient_id", [recipient], columns=columns)
    full = sorted(row["id"] for row in texts if any(row[name] is not None for name in _NOTHING))
    await db.change(follow_ups, [{"id": each, **_NOTHING} for each in full])
    runs = await db.fetch(enrollments, "id", [row["enrollment_id"] for row in texts], columns=("id", "subject"))
    named = sorted(row["id"] for row in runs if row["subject"] is not None)
    await db.change(enrollments, [{"id": each, "subject": None} for each in named])
    return {
        follow_ups.name: len(full),
        enrollments.name: len(named),
        triggers_seen.name: await db.delete(triggers_seen, "recipient_id", [recipient]),
        system_tables.parked.name: await rights.strip_parked(db, system_tables, recipient),
    }


async def blank_shop(db: Transaction, merchant: MerchantId) -> dict[str, int]:
    """Blank what is kept of everybody at a shop whose texts have ended. Rare, and costs a full scan."""
    its = follow_ups.c.merchant_id == merchant
    full = sa.or_(follow_ups.c.body.is_not(None), follow_ups.c.subject.is_not(None))
    named = sa.and_(enrollments.c.merchant_id == merchant, enrollments.c.subject.is_not(None))
    counters = sa.update(recipients).where(recipients.c.merchant_id == merchant).values(**FORGOTTEN)
    parked = system_tables.parked
    return {
        follow_ups.name: await db.execute(sa.update(follow_ups).where(its, full).values(**_NOTHING)),
        enrollments.name: await db.execute(sa.update(enrollments).where(named).values(subject=None)),
        recipients.name: await db.execute(counters),
        triggers_seen.name: await db.execute(sa.delete(triggers_seen).where(triggers_seen.c.merchant_id == merchant)),
        parked.name: await db.execute(sa.delete(parked).where(parked.c.merchant_id == merchant)),
    }
