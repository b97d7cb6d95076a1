"""Idle: the CPU and memory of the application while nothing happens."""

import asyncio

from bench.harness import running
from bench.measurement import Result, cpu_seconds, figure, memory_mb

_QUIET_SECONDS = 3.0
_WATCHED_SECONDS = 10.0


async def run(rounds: int) -> Result:
    """Start an application, wait until it is idle, and measure it."""
    shares, resident = [], []
    for _ in range(rounds):
        async with running() as harness:
            await asyncio.sleep(_QUIET_SECONDS)
            before = cpu_seconds(harness.application.pid)
            await asyncio.sleep(_WATCHED_SECONDS)
            shares.append((cpu_seconds(harness.application.pid) - before) / _WATCHED_SECONDS * 100)
            resident.append(memory_mb(harness.application.pid)[0])
    return Result(
        "idle",
        (
            figure("processor, of one core, five services", "%", shares, "< 1 a service"),
            figure("resident after start", "MB", resident, "< 250"),
        ),
        {"watched seconds": str(_WATCHED_SECONDS)},
    )
