"""Stored health of sender numbers, and their newest calls: a halt outlives a restart and reaches other replicas."""

from dataclasses import asdict
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.sender.numbers.breaker import Breaker, BreakerState
from services.sender.tables import attempts, number_health
from shared.db.transaction import Row, Transaction
from shared.db.types import Id
from shared.db.unit_of_work import UnitOfWork

MOST_READ: Final = 2_000
"""The newest calls of all merchants, by their ids, which rise with when they were queued: no index is kept for this."""
NEWEST_CALLS: Final = (
    sa.select(attempts.c.merchant_id, attempts.c.provider, attempts.c.intent_at, attempts.c.accepted_at)
    .where(attempts.c.id > sa.bindparam("first", type_=Id))
    .order_by(attempts.c.id.desc())
    .limit(MOST_READ)
)


async def newest_calls(db: Transaction, first: UUID) -> list[Row]:
    """Return the newest calls of all merchants since an id: whose, through whom, begun and answered when."""
    return await db.rows(NEWEST_CALLS, {"first": first})


async def breakers(db: Transaction) -> dict[str, Breaker | None]:
    """Return the stored breaker of each number; None where its state is unknown to this version."""
    return {
        row["sender_number"]: Breaker(BreakerState(row["state"]), row["failures"], row["reason"], row["opens_at"])
        if row["state"] in frozenset(BreakerState)
        else None
        for row in await db.rows(sa.select(number_health))
    }


async def breaker_of(db: Transaction, sender_number: str) -> Breaker:
    """Return whether a number may call, and from when on it may try again."""
    rows = await db.fetch(number_health, "sender_number", [sender_number])
    if not rows:
        return Breaker()
    [row] = rows
    known = row["state"] in frozenset(BreakerState)
    state = BreakerState(row["state"]) if known else BreakerState.HALTED
    return Breaker(state, reason=row["reason"] if known else "unreadable", opens_at=row["opens_at"])


async def save(sender_number: str, breaker: Breaker, uow: UnitOfWork) -> None:
    """Store the breaker of a number."""
    row = {"sender_number": sender_number, **asdict(breaker), "changed_at": uow.now}
    await uow.db.upsert(number_health, [row])
