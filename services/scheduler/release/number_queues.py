"""The lines before busy sender numbers: who waits there, and who is called, of the people this process looks after."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.scheduler.release.pacing import Waiting
from services.scheduler.store import FollowUp
from services.scheduler.tables import lines
from shared.db.transaction import Transaction
from shared.ids import FollowUpId
from shared.vocabulary.purposes import Priority

_NUMBERS_PER_STEP = 64
"""Lines looked at in one step; the next step goes on with the next ones."""


class Queues:
    """The lines, looked at in turns."""

    def __init__(self) -> None:
        self._last_number = ""
        """Where the round through the lines goes on; any value is right, it only makes turns."""

    async def holds_any(self, db: Transaction, partitions: Collection[int]) -> bool:
        """Return whether anybody of these partitions stands in line."""
        return bool(await db.rows(sa.select(lines.c.follow_up_id).where(_of(partitions)).limit(1)))

    async def next_numbers(self, db: Transaction, partitions: Collection[int]) -> list[str]:
        """Return the next few numbers that have a line, in turns."""
        numbers: list[str] = []
        following = sa.select(sa.func.min(lines.c.sender_number).label("number")).where(
            _of(partitions), lines.c.sender_number > sa.bindparam("after")
        )
        for _ in range(_NUMBERS_PER_STEP):
            found = (await db.rows(following, {"after": self._last_number}))[0]["number"]
            self._last_number = found or ""
            if found is None:
                break
            numbers.append(found)
        return numbers

    async def head(
        self, db: Transaction, partitions: Collection[int], number: str, rooms: Mapping[str, int], most: int
    ) -> list[Waiting]:
        """Return as many of a number's line as it has room for, at most `most`, in the order they will go."""
        if rooms[number] < 1:
            return []
        rows = await db.rows(
            sa.select(lines)
            .where(lines.c.sender_number == number, _of(partitions))
            .order_by(lines.c.priority, lines.c.due_at, lines.c.follow_up_id)
            .limit(min(rooms[number], most))
        )
        return [
            Waiting(row["follow_up_id"], row["merchant_id"], number, Priority(row["priority"]), row["due_at"])
            for row in rows
        ]

    async def join(self, db: Transaction, texts: Sequence[FollowUp]) -> None:
        """Put texts in line; one that stands there already keeps its place."""
        await db.insert_new(lines, [_row(text) for text in texts])

    async def leave(self, db: Transaction, called: Sequence[Waiting]) -> None:
        """Delete those who were called, and nobody else.

        They are the first of their lines, so a range finds them fast; their ids see to it that nobody goes with them
        whom another process put there meanwhile.
        """
        of_number: dict[str, list[Waiting]] = {}
        for each in called:
            of_number.setdefault(each.sender_number, []).append(each)
        for number, waiting in sorted(of_number.items()):
            priority, due_at, follow_up_id = max(map(_place, waiting))
            await db.execute(
                sa.delete(lines).where(
                    lines.c.sender_number == number,
                    sa.or_(
                        lines.c.priority < priority,
                        sa.and_(lines.c.priority == priority, lines.c.due_at < due_at),
                        sa.and_(
                            lines.c.priority == priority,
                            lines.c.due_at == due_at,
                            lines.c.follow_up_id <= follow_up_id,
                        ),
                    ),
                    lines.c.follow_up_id.in_([each.follow_up_id for each in waiting]),
                )
            )


def waiting_of(text: FollowUp) -> Waiting:
    """Return a text's place in the line."""
    return Waiting(text.id, text.merchant_id, text.sender_number, text.priority, text.due_at)


def _of(partitions: Collection[int]) -> sa.ColumnElement[bool]:
    return lines.c.partition.in_(sorted(partitions))


def _place(waiting: Waiting) -> tuple[int, datetime, FollowUpId]:
    return int(waiting.priority), waiting.due_at, waiting.follow_up_id


def _row(text: FollowUp) -> dict[str, Any]:
    return {
        "sender_number": text.sender_number,
        "priority": int(text.priority),
        "due_at": text.due_at,
        "follow_up_id": text.id,
        "partition": text.partition,
        "merchant_id": text.merchant_id,
    }
