"""The herd: thousands of follow-ups due at one instant, through the gate, each call after a durable intent."""

import time
from datetime import timedelta

from bench.measuring import Result, figure
from bench.stage import durability, running

FOLLOW_UPS = 5000
_WAIT = timedelta(minutes=4)
"""Longer than laying them down takes, and shorter than the jump that would put the clock in doubt."""
_PLANNED_SECONDS = 90.0
_SENT_SECONDS = 60.0


async def run(rounds: int) -> Result:
    """Lay them down, move the clock to the instant, and count the provider's record; one round is enough."""
    settings = await durability()
    rates, firsts, bursts = [], [], []
    for _ in range(min(rounds, 1)):
        async with running(wait="4m") as stage:
            at = stage.now()
            await stage.post(0, FOLLOW_UPS, at)
            await stage.wait_for("pending", FOLLOW_UPS, _PLANNED_SECONDS)
            jump = (at + _WAIT) - stage.now()
            assert jump > timedelta(), "they became due while they were laid down"
            stage.move(stage.offset + jump)
            began, due = time.monotonic(), stage.now().timestamp()
            while len(calls := stage.calls()) < FOLLOW_UPS and time.monotonic() - began < _SENT_SECONDS:
                await stage.look()
            assert len(calls) == FOLLOW_UPS, f"{len(calls)} of {FOLLOW_UPS}"
            rates.append(FOLLOW_UPS / (calls[-1] - due))
            firsts.append(calls[0] - due)
            bursts.append(FOLLOW_UPS / (calls[-1] - calls[0]))
    return Result(
        "5,000 at one instant",
        (
            figure("calls, from the instant to the last one", "calls/s", rates, ">= 600, aim 1,000"),
            figure("calls, from the first to the last one", "calls/s", bursts),
            figure("the instant to the first call", "s", firsts),
        ),
        settings | {"follow-ups": str(FOLLOW_UPS)},
    )
