"""Stored health of sender numbers: a halt outlives a restart, and other replicas learn of it."""

import sqlalchemy as sa

from services.sender.numbers.breaker import Breaker, BreakerState, hold_reason
from services.sender.queue.dispatch_progress import NumberHold
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


async def hold_of(db: Transaction, sender_number: str) -> NumberHold:
    """Return what keeps a number from calling, and until when."""
    rows = await db.fetch(number_health, "sender_number", [sender_number])
    return NumberHold(hold_reason(BreakerState(rows[0]["state"])), rows[0]["opens_at"]) if rows else NumberHold()


async def save(sender_number: str, breaker: Breaker, uow: UnitOfWork) -> None:
    """Store the breaker of a number."""
    row = {
        "sender_number": sender_number,
        "state": breaker.state,
        "failures": breaker.failures,
        "reason": breaker.reason,
        "opens_at": breaker.opens_at,
        "changed_at": uow.now,
    }
    await uow.db.upsert(number_health, [row])
