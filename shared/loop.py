"""The third door: time. A loop steps, sleeps as long as its step says, and can be woken earlier."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.errors import Fault, told
from shared.telemetry.logs import logger
from shared.telemetry.metrics import counter

_BACKOFF_SECONDS = (0.2, 1.0, 5.0)
FAILED = counter("followup_loop_failures_total", "Steps of a loop that failed and were tried again.", ["loop"])

log = logger(__name__)


class Loop:
    """Runs a step again and again in one task."""

    def __init__(self, name: str, step: Callable[[], Awaitable[float]]) -> None:
        self.name = name
        self._step = step
        """Does what is due and returns the seconds until it wants to run again."""
        self._bell = asyncio.Event()

    def wake(self) -> None:
        """Run the next step now."""
        self._bell.set()

    async def run_forever(self) -> None:
        """Step until cancelled; a failing step is logged, counted and tried again after a pause."""
        failures = 0
        while True:
            self._bell.clear()
            try:
                pause = await self._step()
                failures = 0
            except Exception as problem:  # noqa: BLE001 - a loop outlives what its step meets
                pause = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)]
                failures += 1
                FAILED.labels(self.name).inc()
                code = problem.code if isinstance(problem, Fault) else type(problem).__name__
                log.warning("loop_step_failed", loop=self.name, code=code, detail=told(problem), pause_seconds=pause)
            if pause > 0:
                try:
                    async with asyncio.timeout(pause):  # `wait_for` may lose a cancellation (Python 3.11)
                        await self._bell.wait()
                except TimeoutError:
                    continue
            else:
                await asyncio.sleep(0)
