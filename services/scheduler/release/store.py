"""Rows behind the release loop: timers that are due, queues of busy sender numbers, and releases without an answer."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from math import ceil
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from services.scheduler.lifecycle.follow_up import FollowUp, SweptFollowUp
from services.scheduler.release.pacing import Queued
from services.scheduler.release.turn_rules import Neighbour
from services.scheduler.tables import follow_ups, in_flight, system_tables, timers
from services.scheduler.tables import lines as queues
from shared.bus import parked
from shared.db.transaction import Row, Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.events.follow_up import Purpose
from shared.ids import FollowUpId, MerchantId, RecipientId
from shared.vocabulary.follow_up_states import FollowUpState
from shared.vocabulary.purposes import Priority

PARKED_AS = "scheduler.text"
"""The type of the parked row of a follow-up, in place of an event's."""
_STATES = {state.value: state for state in FollowUpState}


class DueTimer(NamedTuple):
    """A timer that fired: its row is deleted."""

    follow_up_id: FollowUpId
    due_at: datetime


async def claim_timers(uow: UnitOfWork, partitions: Iterable[int], most: int) -> list[DueTimer]:
    """Delete up to `most` due timers of these partitions and return them; two processes never get the same one."""
    due = sorted(await first_timers(uow.db, partitions, uow.now))
    claimed: list[DueTimer] = []
    for place, partition in enumerate(due):
        claimed += await _claim_of(uow, partition, ceil((most - len(claimed)) / (len(due) - place)))
    return claimed


async def first_timers(db: Transaction, partitions: Iterable[int], until: datetime) -> dict[int, datetime]:
    """Return when each partition's first timer is due, for those that have one by `until`; one index probe each."""
    wanted = sorted(partitions)
    row = (await db.rows(_first_of_each(tuple(wanted)), {"until": until}))[0]
    return {number: row[f"p{number}"] for number in wanted if row[f"p{number}"] is not None}


@lru_cache(maxsize=256)
def _first_of_each(partitions: tuple[int, ...]) -> sa.Select[Any]:
    """Return the query for the first timer of each partition; it runs all the time, so it is built once."""
    until = sa.bindparam("until", type_=timers.c.due_at.type)
    first = sa.select(sa.func.min(timers.c.due_at)).where(timers.c.due_at <= until)
    return sa.select(
        *(first.where(timers.c.partition == number).scalar_subquery().label(f"p{number}") for number in partitions)
    )


async def _claim_of(uow: UnitOfWork, partition: int, most: int) -> list[DueTimer]:
    """Delete the first due timers of a partition and return them."""
    key = (timers.c.partition, timers.c.due_at, timers.c.follow_up_id, timers.c.kind)
    is_due = (timers.c.partition == partition, timers.c.due_at <= uow.now)
    first = sa.select(*key).where(*is_due).order_by(*key[1:]).limit(most).with_for_update(skip_locked=True)
    rows = await uow.db.rows(
        sa.delete(timers).where(*is_due, sa.tuple_(*key).in_(first)).returning(timers.c.due_at, timers.c.follow_up_id)
    )
    return [DueTimer(row["follow_up_id"], row["due_at"]) for row in rows]


async def load_swept(uow: UnitOfWork, ids: Sequence[FollowUpId]) -> list[SweptFollowUp]:
    """Return and lock what the sweep needs of follow-ups; their content is not read."""
    rows = await uow.db.fetch(follow_ups, "id", ids, lock="update", columns=SweptFollowUp._fields)
    return [SweptFollowUp(**{**row, "state": _STATES[row["state"]]}) for row in rows]


async def is_any_queued(db: Transaction, partitions: Collection[int]) -> bool:
    """Return whether any follow-up of these partitions waits in a queue."""
    return bool(await db.rows(sa.select(queues.c.follow_up_id).where(_of(partitions)).limit(1)))


async def next_number(db: Transaction, partitions: Collection[int], after: str) -> str:
    """Return the first number after another, in alphabetical order, that has a queue; empty after the last."""
    following = sa.select(sa.func.min(queues.c.sender_number).label("number")).where(
        _of(partitions), queues.c.sender_number > sa.bindparam("after")
    )
    return (await db.rows(following, {"after": after}))[0]["number"] or ""


async def head_of_queue(db: Transaction, partitions: Collection[int], number: str, most: int) -> list[Queued]:
    """Return the first `most` follow-ups in a number's queue, in the order they will go."""
    rows = await db.rows(
        sa.select(queues)
        .where(queues.c.sender_number == number, _of(partitions))
        .order_by(queues.c.priority, queues.c.due_at, queues.c.follow_up_id)
        .limit(most)
    )
    return [
        Queued(row["follow_up_id"], row["merchant_id"], number, Priority(row["priority"]), row["due_at"])
        for row in rows
    ]


async def enqueue(db: Transaction, waiting: Iterable[FollowUp | SweptFollowUp]) -> None:
    """Put follow-ups into the queues of their numbers; one that is there already keeps its place."""
    rows = [
        {
            "sender_number": follow_up.sender_number,
            "priority": int(follow_up.priority),
            "due_at": follow_up.due_at,
            "follow_up_id": follow_up.id,
            "partition": follow_up.partition,
            "merchant_id": follow_up.merchant_id,
        }
        for follow_up in waiting
    ]
    await db.insert_new(queues, rows)


async def dequeue(db: Transaction, taken: Iterable[Queued]) -> None:
    """Delete these follow-ups from their queues.

    They are the first of their queues, so a range finds them fast; the ids protect those that another process
    inserted meanwhile.
    """
    of_number: dict[str, list[Queued]] = {}
    for queued in taken:
        of_number.setdefault(queued.sender_number, []).append(queued)
    for number, found in sorted(of_number.items()):
        priority, due_at, follow_up_id = max((int(each.priority), each.due_at, each.follow_up_id) for each in found)
        await db.execute(
            sa.delete(queues).where(
                queues.c.sender_number == number,
                sa.or_(
                    queues.c.priority < priority,
                    sa.and_(queues.c.priority == priority, queues.c.due_at < due_at),
                    sa.and_(
                        queues.c.priority == priority,
                        queues.c.due_at == due_at,
                        queues.c.follow_up_id <= follow_up_id,
                    ),
                ),
                queues.c.follow_up_id.in_([each.follow_up_id for each in found]),
            )
        )


def _of(partitions: Collection[int]) -> sa.ColumnElement[bool]:
    return queues.c.partition.in_(sorted(partitions))


async def note_released(db: Transaction, released: Iterable[FollowUp], now: datetime) -> None:
    """Store that these follow-ups were released and wait for an answer."""
    rows = [
        {
            "follow_up_id": follow_up.id,
            "partition": follow_up.partition,
            "sender_number": follow_up.sender_number,
            "released_at": now,
        }
        for follow_up in released
    ]
    await db.upsert(in_flight, rows)


async def unanswered_releases(db: Transaction, partitions: frozenset[int], since: datetime) -> tuple[Counter[str], int]:
    """Return how many releases since an instant have no answer, by number, and how many older ones have none."""
    rows = await db.rows(_unanswered(partitions), {"since": since})
    recent = Counter({str(row["sender_number"]): int(row["lately"]) for row in rows})
    return recent, sum(row["in_all"] for row in rows) - recent.total()


@lru_cache(maxsize=256)
def _unanswered(partitions: frozenset[int]) -> sa.Select[Any]:
    """Return the query that counts unanswered releases by number, in all and since an instant; built once.

    The database counts them: in a herd they are thousands, and every step asks.
    """
    table = in_flight.c
    lately = table.released_at > sa.bindparam("since", type_=table.released_at.type)
    counts = (sa.func.count().label("in_all"), sa.func.count().filter(lately).label("lately"))
    return sa.select(table.sender_number, *counts).where(table.partition.in_(partitions)).group_by(table.sender_number)


async def neighbours_of(
    db: Transaction, people: Sequence[RecipientId], since: datetime | None
) -> list[tuple[RecipientId, FollowUpId, Neighbour]]:
    """Return the follow-ups of these people that ended after `since`; with None those that have not ended."""
    columns = ("id", "recipient_id", *Neighbour._fields)
    rows = await db.fetch(follow_ups, "recipient_id", people, columns=columns, since=("ended_at", since))
    return [(row["recipient_id"], row["id"], _neighbour_of(row)) for row in rows]


def _neighbour_of(row: Row) -> Neighbour:
    purpose, state = Purpose(row["purpose"]), FollowUpState(row["state"])
    planned_for, due_at = row["first_due_at"], row["due_at"]
    return Neighbour(row["enrollment_id"], purpose, state, planned_for, due_at, row["accepted_at"], row["ended_at"])


async def people_with_earlier(
    db: Transaction, latest: Mapping[RecipientId, datetime], late: Collection[RecipientId]
) -> list[RecipientId]:
    """Return who has several open follow-ups of which another may go first: for those not late, one planned earlier.

    Args:
        db: the open transaction.
        latest: for each person, when the last of the follow-ups that are due was planned for.
        late: those of them with a late follow-up.
    """
    rows = await db.fetch(
        follow_ups, "recipient_id", [*latest], columns=("recipient_id", "first_due_at"), since=("ended_at", None)
    )
    open_count = Counter(row["recipient_id"] for row in rows)
    earlier = {row["recipient_id"] for row in rows if row["first_due_at"] < latest[row["recipient_id"]]}
    return [person for person, count in open_count.items() if count > 1 and (person in late or person in earlier)]


async def park(
    uow: UnitOfWork, *, key: FollowUpId, why: str, due_at: datetime | None, place: Queued | None
) -> MerchantId:
    """Park a follow-up that cannot be worked on, and return its merchant; its content is not read.

    Args:
        uow: the open unit.
        key: the follow-up.
        why: the failure, as it is shown to operators.
        due_at: when its timer was due, which is deleted; None where it was queued.
        place: its place in a queue, which is deleted; None where it had a timer.
    """
    [row] = await uow.db.fetch(follow_ups, "id", [key], columns=("partition", "recipient_id", "merchant_id"))
    if due_at is not None:
        timer = {"partition": row["partition"], "due_at": due_at, "follow_up_id": key}
        await uow.db.delete_keys(timers, [timer])
    if place is not None:
        await dequeue(uow.db, [place])
    body = orjson.dumps({"follow_up_id": str(key)})
    await parked.set_aside(uow, system_tables, PARKED_AS, row, body, why)
    return MerchantId(row["merchant_id"])
