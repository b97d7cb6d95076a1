"""The entry point of time: a loop runs a step, sleeps for the seconds the step returned, and can be woken earlier."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from shared.errors import Fault, describe
from shared.telemetry.logs import logger
from shared.telemetry.metrics import counter, gauge

_BACKOFF_SECONDS: Final = (0.2, 1.0, 5.0)
TROUBLED_FAILURES: Final = 5
"""So many failing steps in a row, some 15 seconds, are reported as trouble."""
FAILING_SECONDS: Final = 15.0
"""The same if each failure takes long: a forgotten lock is waited for up to a limit each time."""
TROUBLED_SECONDS: Final = 30.0
"""A step that takes so long counts as hanging: every statement and every call in one has a shorter limit of its own."""
SLOW_SECONDS: Final = 900.0
"""The same for steps that go through many rows in slices, or ask providers again."""
FAILED = counter("followup_loop_failures_total", "Steps of a loop that failed and were tried again.", ["loop"])
FAILING = gauge("followup_loop_failures_in_a_row", "Steps of a loop that failed since the last that did not.", ["loop"])

log = logger(__name__)


class Pulse:
    """Whether something that repeats makes progress: how often it failed in a row, and since when it is running.

    Read by health checks; written by what repeats. Times are those of the running event loop, in seconds.
    """

    def __init__(self, name: str, longest_seconds: float = TROUBLED_SECONDS) -> None:
        self._name = name
        self._longest_seconds = longest_seconds
        self._failures = 0
        self._code = ""
        self._begun_at: float | None = None
        self._failing_since: float | None = None

    @property
    def failures(self) -> int:
        """How many attempts in a row have failed."""
        return self._failures

    @property
    def code(self) -> str:
        """The code of the newest failure; empty where the newest attempt succeeded."""
        return self._code

    def began(self) -> None:
        """Record that an attempt begins."""
        self._begun_at = asyncio.get_running_loop().time()

    def succeeded(self) -> None:
        """Record that the attempt succeeded."""
        self._begun_at = self._failing_since = None
        self._failures = 0
        self._code = ""

    def failed(self, code: str) -> None:
        """Record that the attempt failed, and with which code."""
        begun_at, self._begun_at = self._begun_at, None
        if self._failing_since is None:
            self._failing_since = begun_at
        self._failures += 1
        self._code = code

    def trouble(self) -> str | None:
        """Return what is wrong in a sentence, or None."""
        now = asyncio.get_running_loop().time()
        fails_for_long = self._failing_since is not None and now - self._failing_since > FAILING_SECONDS
        if self._failures >= TROUBLED_FAILURES or (self._failures > 1 and fails_for_long):
            return f"{self._name} failed {self._failures} times in a row ({self._code})"
        if self._begun_at is not None:
            seconds = now - self._begun_at
            if seconds > self._longest_seconds:
                return f"{self._name} has been in one step for {seconds:.0f} s"
        return None


class Loop:
    """Runs a step again and again in one task."""

    def __init__(
        self, name: str, step: Callable[[], Awaitable[float]], *, longest_seconds: float = TROUBLED_SECONDS
    ) -> None:
        self.name = name
        self.pulse = Pulse(f"the loop {name}", longest_seconds)
        self._step = step
        """Does what is due and returns the seconds until it wants to run again."""
        self._woken = asyncio.Event()
        FAILING.labels(name).set(0)

    def wake(self) -> None:
        """Run the next step now; a step that failed is not tried earlier for it."""
        self._woken.set()

    async def step(self) -> float:
        """Do once what is due, for whoever drives the clock; return the seconds until it wants to run again."""
        return await self._step()

    async def run_forever(self) -> None:
        """Step until cancelled; a failing step is logged, counted and tried again after a pause."""
        while True:
            self._woken.clear()
            self.pulse.began()
            try:
                pause = await self._step()
            except Exception as problem:  # noqa: BLE001 - a loop outlives its step's failures
                await asyncio.sleep(self._note_failure(problem))
                continue
            if self.pulse.failures:
                FAILING.labels(self.name).set(0)
            self.pulse.succeeded()
            if pause > 0:
                try:
                    async with asyncio.timeout(pause):  # `wait_for` may lose a cancellation (Python 3.11)
                        await self._woken.wait()
                except TimeoutError:
                    continue
            else:
                await asyncio.sleep(0)

    def _note_failure(self, problem: Exception) -> float:
        """Log and count a failing step; return the seconds to wait, even if woken meanwhile."""
        pause = _BACKOFF_SECONDS[min(self.pulse.failures, len(_BACKOFF_SECONDS) - 1)]
        code = problem.code if isinstance(problem, Fault) else type(problem).__name__
        self.pulse.failed(code)
        FAILED.labels(self.name).inc()
        FAILING.labels(self.name).set(self.pulse.failures)
        log.warning("loop_step_failed", loop=self.name, code=code, detail=describe(problem), pause_seconds=pause)
        return pause


class LoopWaker:
    """Wakes one loop after a delay; safe in any thread, before there is a loop, and after its event loop has ended."""

    def __init__(self) -> None:
        self._event_loop: asyncio.AbstractEventLoop | None = None
        self._loop: Loop | None = None

    def attach(self, loop: Loop) -> None:
        """Name the loop to wake; it is woken only after `start`."""
        self._loop = loop

    async def start(self) -> None:
        """Remember the event loop in which the attached loop runs."""
        self._event_loop = asyncio.get_running_loop()

    def wake(self) -> None:
        """Wake the loop now: of a unit of work that gives it something to do, `UnitOfWork.after_commit`."""
        self.wake_after(0.0)

    def wake_after(self, seconds: float) -> None:
        """Wake the loop after so many seconds."""
        if self._event_loop is None or self._loop is None:
            return
        try:
            self._event_loop.call_soon_threadsafe(self._event_loop.call_later, seconds, self._loop.wake)
        except RuntimeError:  # the event loop has ended, and nothing waits any more
            return
