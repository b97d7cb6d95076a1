"""Long tasks: each is watched, so that the end of one which should run is reported."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from shared.errors import describe
from shared.telemetry.logs import logger
from shared.telemetry.metrics import counter

ENDED = counter("followup_tasks_ended_total", "Long tasks that ended while they should run.", ["task"])

log = logger(__name__)


class WatchedTasks:
    """The long tasks of one owner: started together, stopped together, reported when one ends.

    A loop or a consumer is written to run until it is cancelled. A cancellation that was meant for something else, or
    a bug outside its own handling, ends it nevertheless; such a task is not awaited, so its end would go unnoticed.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self._ended: dict[str, str] = {}

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin a task that is to run until `stop`."""
        self._is_stopping = False
        task = asyncio.create_task(work, name=f"{self._owner}:{name}")
        self._tasks.append(task)
        task.add_done_callback(self._note_end)

    async def stop(self) -> None:
        """Cancel every task and wait until all have ended."""
        self._is_stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._ended.clear()

    def ended(self) -> str | None:
        """Return which tasks ended while they should run, and how; None if all run. Only a restart helps."""
        if not self._ended:
            return None
        return "; ".join(f"the task {name} ended: {how}" for name, how in sorted(self._ended.items()))

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """Log and count the end of a task."""
        if self._is_stopping:
            return
        problem = None if task.cancelled() else task.exception()
        how = "cancelled" if task.cancelled() else describe(problem) if problem is not None else "it returned"
        self._ended[task.get_name()] = how
        ENDED.labels(task.get_name()).inc()
        log.error("task_ended", task=task.get_name(), how=how)
