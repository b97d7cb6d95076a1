"""The scheduler's entry point for time: releases, retention, and day partitions of the timers."""

from collections.abc import Sequence

from services.scheduler import retention
from services.scheduler.release.loop import DueWaker, ReleaseLoop
from services.scheduler.release.timer_day_store import maintain_days
from services.scheduler.runs.versions import Versions
from services.scheduler.settings import SchedulerSettings
from shared.bus.read_progress import ReadProgress
from shared.loop import SLOW_SECONDS, Loop
from shared.service import Runtime

_DAYS_PAUSE_SECONDS = 3600.0


def create_loops(
    runtime: Runtime, settings: SchedulerSettings, progress: ReadProgress, versions: Versions, waker: DueWaker
) -> Sequence[Loop]:
    """Return the loops; `waker` wakes the release loop from now on."""
    units = runtime.units
    release = Loop("fire", ReleaseLoop(units, runtime.merchants, settings, progress, versions).step)
    waker.attach(release)

    async def days() -> float:
        await maintain_days(units, units.clock.now())
        return _DAYS_PAUSE_SECONDS

    return (
        release,
        Loop("retention", retention.step_of(units, settings), longest_seconds=SLOW_SECONDS),
        Loop("timer-days", days, longest_seconds=SLOW_SECONDS),
    )
