"""Lateness: from a text's due time to its call, at a steady hundred texts a second."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from bench import cluster_harness, harness
from bench.measurement import Result, figure, percentile
from bench.one_instant import Opened

TEXTS_PER_SECOND = 100
SECONDS = 10
_BURSTS_PER_SECOND = 10
_WAIT = timedelta(seconds=3)
_LONGEST_SECONDS = 30.0


async def run(rounds: int) -> Result:
    """Measure embedded mode."""
    opened = partial(harness.running, wait=f"{_WAIT.seconds}s")
    return await _measured("due to call at 100/s", rounds, opened, await harness.durability())


async def run_distributed(rounds: int) -> Result:
    """Measure distributed mode."""
    opened = partial(cluster_harness.running, wait=f"{_WAIT.seconds}s")
    return await _measured("due to call at 100/s, distributed", rounds, opened, cluster_harness.ASSERTED)


async def _measured(name: str, rounds: int, opened: Callable[[], Opened], settings: dict[str, str]) -> Result:
    """Post small batches at an even pace, each due three seconds later, and look when the provider was called."""
    done = [await _round(opened) for _ in range(rounds)]
    return Result(
        name,
        (
            figure("p50", "ms", [percentile(late, 0.5) * 1000 for late in done]),
            figure("p99", "ms", [percentile(late, 0.99) * 1000 for late in done], "< 1,000"),
            figure("longest", "ms", [max(late) * 1000 for late in done]),
        ),
        settings | {"texts a round": str(TEXTS_PER_SECOND * SECONDS)},
    )


async def _round(opened: Callable[[], Opened]) -> list[float]:
    async with opened() as application:
        size = TEXTS_PER_SECOND // _BURSTS_PER_SECOND
        due: dict[int, datetime] = {}
        began = time.monotonic()
        for burst in range(SECONDS * _BURSTS_PER_SECOND):
            await asyncio.sleep(max(0.0, began + burst / _BURSTS_PER_SECOND - time.monotonic()))
            at = application.now()
            await application.post(burst * size, size, at)
            due.update(dict.fromkeys(range(burst * size, (burst + 1) * size), at + _WAIT))
        await application.wait_for("delivered", len(due), _LONGEST_SECONDS)
        called = application.calls_by_order()
    return [called[number] - moment.timestamp() for number, moment in due.items()]
