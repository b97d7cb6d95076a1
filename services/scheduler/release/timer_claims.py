"""Taking due timers: a batch to work on, and where more is due, a sweep of the rest into the lines.

Timers know neither merchant nor number, so that they need no index but their key. Where a merchant planned ten
thousand texts for one instant, they are not worked on in that order: a sweep moves them, without their contents, into
the lines before their numbers, and there everybody's turn comes, whoever stands behind whom in time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from math import ceil
from typing import Any

import sqlalchemy as sa

from services.scheduler.lifecycle.transitions import TIMER_KINDS
from services.scheduler.runs.plan import PAST_AFTER
from services.scheduler.runs.planner import Versions
from services.scheduler.tables import follow_ups, lines, timers
from shared.db.transaction import Row, Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.ids import FollowUpId
from shared.vocabulary.follow_up_states import FollowUpState

_IN_LINE = (
    "id", "sender_number", "priority", "due_at", "partition", "merchant_id", "state", "timer_at",
    "flow_version", "step",
)  # fmt: skip


async def claim(uow: UnitOfWork, partitions: Iterable[int], most: int) -> list[Mapping[str, Any]]:
    """Delete up to `most` due timers of these partitions and return them; two processes never get the same one."""
    due = sorted(await heads(uow.db, partitions, uow.now))
    taken: list[Mapping[str, Any]] = []
    for place, number in enumerate(due):
        taken += await _take(uow, number, ceil((most - len(taken)) / (len(due) - place)))
    return taken


async def heads(db: Transaction, numbers: Iterable[int], until: datetime) -> dict[int, datetime]:
    """Return when each partition's first timer is due, where one is by then; one index probe each."""
    wanted = sorted(numbers)
    row = (await db.rows(_first_of_each(tuple(wanted)), {"until": until}))[0]
    return {number: row[f"p{number}"] for number in wanted if row[f"p{number}"] is not None}


@lru_cache(maxsize=256)
def _first_of_each(numbers: tuple[int, ...]) -> sa.Select[Any]:
    """Return the question for the first timer of each of these partitions: asked all the time, put together once."""
    until = sa.bindparam("until", type_=timers.c.due_at.type)
    first = sa.select(sa.func.min(timers.c.due_at)).where(timers.c.due_at <= until)
    return sa.select(
        *(first.where(timers.c.partition == number).scalar_subquery().label(f"p{number}") for number in numbers)
    )


async def _take(uow: UnitOfWork, number: int, most: int) -> Sequence[Mapping[str, Any]]:
    """Delete the first due timers of a partition and return them."""
    key = (timers.c.partition, timers.c.due_at, timers.c.follow_up_id, timers.c.kind)
    is_due = (timers.c.partition == number, timers.c.due_at <= uow.now)
    first = sa.select(*key).where(*is_due).order_by(*key[1:]).limit(most).with_for_update(skip_locked=True)
    return await uow.db.rows(
        sa.delete(timers).where(*is_due, sa.tuple_(*key).in_(first)).returning(timers.c.due_at, timers.c.follow_up_id)
    )


async def sweep(
    uow: UnitOfWork, partitions: Iterable[int], most: int, most_others: int, versions: Versions
) -> tuple[int, list[Row]]:
    """Move up to `most` due timers of pending texts into the lines; return how many, and the timers of other texts.

    Those whose time passed, and whose flow wants them no more then, are among the others. Of the others at most
    `most_others` are returned, to be worked on now; the rest keep their timers. A timer that is not its text's own says
    nothing, and goes.
    """
    taken = {row["follow_up_id"]: row["due_at"] for row in await claim(uow, partitions, most)}
    rows = await uow.db.fetch(follow_ups, "id", [*taken], lock="update", columns=_IN_LINE)
    own = [row for row in rows if row["timer_at"] == taken[row["id"]]]
    past = await _past(uow, versions, own)
    pending = [row for row in own if row["state"] == FollowUpState.PENDING and row["id"] not in past]
    others = [row for row in own if row["state"] != FollowUpState.PENDING or row["id"] in past]
    await uow.db.insert_new(lines, [_line(row) for row in pending])
    kept = others[most_others:]
    await uow.db.insert_new(timers, [_timer(row) for row in kept])
    now = others[:most_others]
    return len(taken) - len(kept), [{"follow_up_id": row["id"], "due_at": row["timer_at"]} for row in now]


async def _past(uow: UnitOfWork, versions: Versions, rows: Sequence[Row]) -> set[FollowUpId]:
    late = [row for row in rows if row["state"] == FollowUpState.PENDING and uow.now > row["due_at"] + PAST_AFTER]
    terms = await versions.terms(uow.db, {row["flow_version"] for row in late})
    return {row["id"] for row in late if terms[row["flow_version"]].skips(row["step"])}


def _line(row: Row) -> dict[str, Any]:
    """Return a row of `lines` for a row of `follow_ups`."""
    names = ("sender_number", "priority", "due_at", "partition", "merchant_id")
    return {"follow_up_id": row["id"], **{name: row[name] for name in names}}


def _timer(row: Row) -> dict[str, Any]:
    """Return the timer of a text, as it was."""
    kind = TIMER_KINDS[FollowUpState(row["state"])]
    return {"partition": row["partition"], "due_at": row["timer_at"], "follow_up_id": row["id"], "kind": kind}
