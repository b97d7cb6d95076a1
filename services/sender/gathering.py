"""Gathering: items that arrive while a commit is under way share the next one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared.errors import Fault

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class Gathering(Generic[ItemT, ResultT]):
    """Hands items to one commit after the other, in order, as many together as have come by then."""

    def __init__(self, commit: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT]]], most: int) -> None:
        self._commit = commit
        self._most = most
        self._waiting: deque[tuple[ItemT, asyncio.Future[ResultT]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def add(self, item: ItemT) -> ResultT:
        """Return the item's result once it is committed; raise what its commit raised."""
        future: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            await self._commit_batch(batch)

    async def _commit_batch(self, batch: Sequence[tuple[ItemT, "asyncio.Future[ResultT]"]]) -> None:
        """Commit a batch; where it fails for a reason of its own, each item alone, so that one cannot fail many."""
        try:
            results = await self._commit([item for item, _ in batch])
        except Exception as problem:  # noqa: BLE001 - goes to whoever added the item
            if len(batch) > 1 and not (isinstance(problem, Fault) and problem.retryable):
                for one in batch:
                    await self._commit_batch([one])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(problem)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
