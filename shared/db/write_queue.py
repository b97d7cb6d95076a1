"""The queue of units that wait for a free connection, by priority."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.db.transaction import WritePriority


class WriteQueue:
    """Allows so many turns at once; waiters enter by priority, and within one priority in order of arrival."""

    def __init__(self, turns: int) -> None:
        self._free = turns
        self._order = itertools.count()
        self._waiting: list[tuple[WritePriority, int, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return sum(not turn.done() for _, _, turn in self._waiting)

    @asynccontextmanager
    async def turn(self, priority: WritePriority) -> AsyncIterator[None]:
        """Wait for a turn, and give it back on leaving."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(priority)
        try:
            yield
        finally:
            self._hand_on()

    async def _wait(self, priority: WritePriority) -> None:
        """Wait for a turn; one that arrives together with a cancellation goes to the next waiter."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        """Give a turn to the first who still waits, or keep it free."""
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
