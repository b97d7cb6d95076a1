"""How many events an outbox may hold while the log is away; beyond that, new requests are refused."""

import asyncio

import sqlalchemy as sa

from shared.bus import kafka_instruments as instruments
from shared.bus.errors import OutboxFull
from shared.db.postgres import PostgresDatabase
from shared.db.transaction import Transaction
from shared.loop import Loop

MOST_ROWS = 1_000_000
"""About a gigabyte; several minutes of the busiest hour."""
LOOK_SECONDS = 1.0
WAITS_SECONDS = 10.0
"""The oldest event of an outbox normally leaves within a second; a longer wait is reported."""
STUCK_SECONDS = 60.0
"""After so long without the oldest event leaving, while the log answers, the service counts as broken."""
_LOOK_SHARE = 20
"""Counting a long backlog takes a while; at most a twentieth of the time is spent on it."""


class OutboxCapacity:
    """Decides whether a service's outbox takes more: by the last count, and what this process added since.

    Args:
        service: owner of the outbox.
        table: the outbox.
        database: where it is.
        most_rows: how many events may wait.
    """

    def __init__(self, service: str, table: sa.Table, database: PostgresDatabase, most_rows: int) -> None:
        self.loop = Loop(f"{service}-outbox", self.look)
        self._service = service
        self._database = database
        self._most_rows = most_rows
        first = sa.select(table.c.id).order_by(table.c.id).limit(most_rows).subquery()
        self._counted = sa.select(sa.func.count().label("rows")).select_from(first)
        self._first = sa.select(sa.func.min(table.c.id).label("id"))
        self._oldest: tuple[int, float] | None = None
        """The id of the oldest row, and since when it has been the oldest, on this process's monotonic clock."""
        self._rows = 0
        self._added = 0

    def require(self) -> None:
        """Check that there is room.

        Raises:
            OutboxFull: there is none.
        """
        if self._rows + self._added >= self._most_rows:
            raise OutboxFull

    def note(self, count: int) -> None:
        """Count what this process adds before the next look, even if its transaction is rolled back."""
        self._added += count

    def waiting_seconds(self) -> float:
        """Return for how long at least the oldest event has waited to leave; 0 where none is waiting."""
        return 0.0 if self._oldest is None else max(0.0, asyncio.get_running_loop().time() - self._oldest[1])

    def _note_oldest(self, oldest: int | None, at: float) -> None:
        if oldest is None:
            self._oldest = None
        elif self._oldest is None or self._oldest[0] != oldest:
            self._oldest = oldest, at
        instruments.WAITING.labels(self._service).set(self.waiting_seconds())

    async def look(self) -> float:
        """Count the waiting events, up to the limit; return the seconds until the next count.

        Raises:
            DatabaseUnavailable: nothing can be counted now.
        """
        clock = asyncio.get_running_loop().time
        begun, counted_in = clock(), self._added

        async def count(db: Transaction) -> tuple[int, int | None]:
            return int((await db.rows(self._counted))[0]["rows"]), (await db.rows(self._first))[0]["id"]

        self._rows, oldest = await self._database.read(count)
        self._note_oldest(oldest, begun)
        self._added -= counted_in
        instruments.ROWS.labels(self._service).set(self._rows)
        return max(LOOK_SECONDS, _LOOK_SHARE * (clock() - begun))
