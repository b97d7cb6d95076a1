"""The herd: thousands of follow-ups due at one instant, through the gate, each call after a durable intent."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial

from bench import cluster_harness, harness
from bench.measurement import Result, figure

FOLLOW_UPS = 5000
_WAIT = timedelta(minutes=4)
"""Longer than laying them down takes, and shorter than the jump that would put the clock in doubt."""
_BEFORE = timedelta(seconds=3)
"""The clock is moved to this long before the instant, which then comes by itself, so that no loop oversleeps."""
_PLANNED_SECONDS = 90.0
_SENT_SECONDS = 60.0


Opened = AbstractAsyncContextManager[harness.RunningApplication]


async def run(rounds: int) -> Result:
    """Measure embedded mode."""
    opened = partial(harness.running, wait="4m")
    return await _measured("5,000 at one instant", rounds, opened, await harness.durability())


async def run_distributed(rounds: int) -> Result:
    """Measure distributed mode."""
    opened = partial(cluster_harness.running, wait="4m")
    return await _measured("5,000 at one instant, distributed", rounds, opened, cluster_harness.ASSERTED)


async def _measured(name: str, rounds: int, opened: Callable[[], Opened], settings: dict[str, str]) -> Result:
    """Lay them down, move the clock to the instant, and count the provider's record."""
    rates, firsts, bursts = [], [], []
    for _ in range(rounds):
        async with opened() as application:
            at = application.now()
            await application.post(0, FOLLOW_UPS, at)
            await application.wait_for("pending", FOLLOW_UPS, _PLANNED_SECONDS)
            jump = (at + _WAIT) - _BEFORE - application.now()
            assert jump > timedelta(), "they became due while they were laid down"
            application.move(application.offset + jump)
            began, due = time.monotonic(), (at + _WAIT).timestamp()
            while len(calls := application.calls()) < FOLLOW_UPS and time.monotonic() - began < _SENT_SECONDS:
                await application.look()
            assert len(calls) == FOLLOW_UPS, f"{len(calls)} of {FOLLOW_UPS}"
            rates.append(FOLLOW_UPS / (calls[-1] - due))
            firsts.append(calls[0] - due)
            bursts.append(FOLLOW_UPS / (calls[-1] - calls[0]))
    return Result(
        name,
        (
            figure("calls, from the instant to the last one", "calls/s", rates, ">= 600, aim 1,000"),
            figure("calls, from the first to the last one", "calls/s", bursts),
            figure("the instant to the first call", "s", firsts),
        ),
        settings | {"follow-ups": str(FOLLOW_UPS)},
    )
