"""Batches requests that arrive while a unit of work commits into the next one, which takes one fsync."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from shared.errors import Fault, Interrupted

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class FairQueue(Generic[ItemT]):
    """Items by owner; each owner's items keep their order, and owners take turns."""

    def __init__(self) -> None:
        self._lines: OrderedDict[Hashable, deque[ItemT]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        """Return how many items wait."""
        return self._count

    def add(self, name: Hashable, item: ItemT) -> None:
        """Add an item behind those of its owner."""
        self._lines.setdefault(name, deque()).append(item)
        self._count += 1

    def pop(self) -> ItemT:
        """Take the item whose turn it is.

        Raises:
            KeyError: the queue is empty.
        """
        name, line = self._lines.popitem(last=False)
        item = line.popleft()
        if line:
            self._lines[name] = line
        self._count -= 1
        return item


class Batcher(Generic[ItemT, ResultT]):
    """Passes items to `record` in groups, one group at a time; each item's caller gets its own result.

    An item waits for others for `linger_seconds`, or until a group is full. While `hold_seconds` returns more than 0,
    all waiting items are held for that long. If more wait than a group holds, the owners that `whose` returns take
    turns. A fault fails the whole group, since nothing of it was stored; after a bug each item is recorded alone, so
    that it fails only its own caller.
    """

    def __init__(
        self,
        record: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT]]],
        most_items: int,
        linger_seconds: float = 0.0,
        hold_seconds: Callable[[], float] = lambda: 0.0,
        whose: Callable[[ItemT], Hashable] = lambda _item: None,
    ) -> None:
        self._whose = whose
        self._hold_seconds = hold_seconds
        self._record = record
        self._most_items = most_items
        self._linger_seconds = linger_seconds
        self._is_full = asyncio.Event()
        self._waiting: FairQueue[tuple[ItemT, asyncio.Future[ResultT]]] = FairQueue()
        self._task: asyncio.Task[None] | None = None

    async def add(self, item: ItemT) -> ResultT:
        """Record an item together with others that wait; durable when this returns.

        Raises:
            Fault: nothing was stored; trying again is safe where the fault is retryable.
        """
        future: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._waiting.add(self._whose(item), (item, future))
        if len(self._waiting) >= self._most_items:
            self._is_full.set()
        if self._task is None or self._task.done():
            self._begin()
        return await future

    def _begin(self) -> None:
        """Start recording what waits."""
        self._task = asyncio.create_task(self._drain(), name="gathering")
        self._task.add_done_callback(self._go_on)

    def _go_on(self, ended: asyncio.Task[None]) -> None:
        """Start again if items still wait: a stray cancellation must not leave them waiting for ever."""
        if self._waiting and self._task is ended and not asyncio.get_running_loop().is_closed():
            self._begin()

    async def finish(self) -> None:
        """Wait until no item waits."""
        if self._task is not None:
            await self._task

    async def _drain(self) -> None:
        while self._waiting:
            hold = self._hold_seconds()
            if hold > 0:
                await asyncio.sleep(hold)
                together = len(self._waiting)
            else:
                await self._linger()
                together = min(self._most_items, len(self._waiting))
            while together > 0:
                together -= await self._record_group(min(self._most_items, together))

    async def _record_group(self, size: int) -> int:
        """Record the first so many, and return how many these were."""
        group = [self._waiting.pop() for _ in range(size)]
        try:
            results = await self._record([item for item, _ in group])
        except Fault as fault:
            _fail(group, fault)
        except asyncio.CancelledError:
            _fail(group, Interrupted())
            raise
        except Exception as bug:  # noqa: BLE001 - whatever it is, its own caller gets it
            if len(group) == 1:
                _fail(group, bug)
            else:
                await self._each_alone(group)
        else:
            for (_, future), result in zip(group, results, strict=True):
                if not future.done():
                    future.set_result(result)
        return size

    async def _linger(self) -> None:
        """Wait for more items; a full group goes at once."""
        self._is_full.clear()
        if self._linger_seconds > 0 and len(self._waiting) < self._most_items:
            try:
                async with asyncio.timeout(self._linger_seconds):  # `wait_for` may lose a cancellation (Python 3.11)
                    await self._is_full.wait()
            except TimeoutError:
                return

    async def _each_alone(self, group: Sequence[tuple[ItemT, asyncio.Future[ResultT]]]) -> None:
        for item, future in group:
            try:
                [result] = await self._record([item])
            except Exception as problem:  # noqa: BLE001 - whatever it is, its own caller gets it
                _fail([(item, future)], problem)
            else:
                if not future.done():
                    future.set_result(result)


def _fail(group: Sequence[tuple[ItemT, asyncio.Future[ResultT]]], problem: Exception) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(problem)
