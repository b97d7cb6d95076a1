"""Stored health of sender numbers: a halt outlives a restart, and other replicas learn of it."""

from dataclasses import asdict

import sqlalchemy as sa

from services.sender.numbers.breaker import Breaker, BreakerState
from services.sender.tables import number_health
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork


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
