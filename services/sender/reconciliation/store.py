"""The work list of the reconciler: calls without an answer."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from services.sender import store as dispatch_store
from services.sender.queue.dispatches import Attempt, Dispatch
from services.sender.queue.states import AttemptState
from services.sender.tables import in_flight
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.ids import AttemptId, FollowUpId, RecipientId

GROUP: Final = 50
"""Most rows of one look."""
_NEIGHBOURHOOD: Final = timedelta(hours=1)
"""A dispatch last changed this long before an intent cannot be mistaken for it: clocks differ by less."""
_OVERDUE = (
    sa.select(in_flight.c.attempt_id, in_flight.c.follow_up_id)
    .where(in_flight.c.state == AttemptState.INTENT, in_flight.c.deadline < sa.bindparam("before"))
    .limit(GROUP)
)
_DUE = (
    sa.select(in_flight)
    .where(in_flight.c.state == AttemptState.UNKNOWN, in_flight.c.look_at <= sa.bindparam("now"))
    .order_by(in_flight.c.look_at)
    .limit(GROUP)
)
_UNKNOWN_COUNT = sa.select(sa.func.count().label("n")).where(in_flight.c.state == AttemptState.UNKNOWN)


class UnknownCall(NamedTuple):
    """A call without an answer that is due to be looked up."""

    attempt_id: AttemptId
    recipient_id: RecipientId
    absent_at: datetime | None
    """When the provider first listed no such text; None where it has not yet."""


async def overdue(db: Transaction, before: datetime) -> list[tuple[AttemptId, FollowUpId]]:
    """Return calls whose deadline passed before an instant and whose outcome was not recorded."""
    rows = await db.rows(_OVERDUE, {"before": before})
    return [(AttemptId(row["attempt_id"]), FollowUpId(row["follow_up_id"])) for row in rows]


async def due(db: Transaction, now: datetime) -> Sequence[UnknownCall]:
    """Return unknown calls that are due, the longest due first."""
    rows = await db.rows(_DUE, {"now": now})
    return [
        UnknownCall(AttemptId(row["attempt_id"]), RecipientId(row["recipient_id"]), row["absent_at"]) for row in rows
    ]


async def unknown_count(db: Transaction) -> int:
    """Return how many calls are unknown."""
    [row] = await db.rows(_UNKNOWN_COUNT)
    return int(row["n"])


async def postpone(attempt_id: AttemptId, look_at: datetime, uow: UnitOfWork, also: Mapping[str, object]) -> None:
    """Set when a call is looked up next, and with it other columns that are given."""
    await uow.db.change(in_flight, [{"attempt_id": attempt_id, "look_at": look_at, **also}])


async def other_attempts(db: Transaction, attempt: Attempt, dispatch: Dispatch) -> list[Attempt]:
    """Return the person's other attempts that a text of this one's time may belong to."""
    theirs = await dispatch_store.dispatches_of(db, dispatch.recipient_id, since=attempt.intent_at - _NEIGHBOURHOOD)
    theirs[dispatch.follow_up_id] = dispatch
    found = await dispatch_store.find_attempts(
        db, {each.attempt_id(n) for each in theirs.values() for n in range(1, each.attempts + 1)}
    )
    return [other for other in found.values() if other.id != attempt.id]


def message_ids(attempts: Iterable[Attempt]) -> frozenset[str]:
    """Return the provider's ids of attempts."""
    return frozenset(each.provider_message_id for each in attempts if each.provider_message_id)
