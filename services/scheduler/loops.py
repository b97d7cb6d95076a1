"""The scheduler's entry point for time: releases, controls, removed flows, retention, days of timers, audit roots."""

from collections.abc import Sequence

from services.scheduler import retention
from services.scheduler.controls.loop import ControlLoop
from services.scheduler.dependencies import SchedulerDependencies
from services.scheduler.release.loop import ReleaseLoop
from services.scheduler.release.timer_day_store import maintain_days
from services.scheduler.tables import audit_tables
from shared.audit_log import audit_loops
from shared.bus.read_progress import ReadProgress
from shared.loop import SLOW_SECONDS, Loop

_DAYS_PAUSE_SECONDS = 3600.0


def create_loops(deps: SchedulerDependencies, progress: ReadProgress) -> Sequence[Loop]:
    """Return the loops; the wakers wake theirs from now on."""
    units, settings, merchants = deps.units, deps.settings, deps.runtime.merchants
    release = Loop("fire", ReleaseLoop(units, merchants, settings, progress, deps.versions).step)
    deps.waker.attach(release)
    controls = Loop("controls", ControlLoop(units, merchants, settings.unconfirmed_after, deps.waker).step)
    deps.control_waker.attach(controls)

    async def prune() -> float:
        return await retention.prune(units, settings)

    async def days() -> float:
        await maintain_days(units, units.clock.now())
        return _DAYS_PAUSE_SECONDS

    return (
        release,
        Loop("retention", prune, longest_seconds=SLOW_SECONDS),
        Loop("timer-days", days, longest_seconds=SLOW_SECONDS),
        controls,
        Loop("flow-files", deps.flow_files.step),
        *audit_loops(deps.runtime, audit_tables),
    )
