"""Durable ingest: signed Shopify orders a second over real HTTP, each on disk before its 200.

Baseline of the same run: a bare FastAPI route that checks the same signature and keeps nothing.
"""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from bench.harness import UNBOUNDED, durability
from bench.measurement import Result, cpu_seconds, figure, percentile
from shared.testing.process import Process, free_port

ORDERS = 4000
_WARM_UP = 200


@dataclass(frozen=True, slots=True)
class Round:
    """What one endpoint did in one round."""

    per_second: float
    p99_milliseconds: float
    cpu_milliseconds: float


async def run(rounds: int) -> Result:
    """Measure ingest and the bare route in turns."""
    settings = await durability()
    ingest, bare = [], []
    for _ in range(rounds):
        bare.append(await _round("bare"))
        ingest.append(await _round("ingest"))
    ratios = [ours.per_second / theirs.per_second for ours, theirs in zip(ingest, bare, strict=True)]
    return Result(
        "durable ingest",
        (
            figure("signed webhooks on disk", "webhooks/s", [each.per_second for each in ingest], ">= 2,000"),
            figure("baseline: bare route", "webhooks/s", [each.per_second for each in bare]),
            figure("ratio to the baseline", "x", ratios),
            figure("latency p99, 64 connections", "ms", [each.p99_milliseconds for each in ingest], "< 100"),
            figure("ingest", "CPU-ms/webhook", [each.cpu_milliseconds for each in ingest]),
            figure("baseline", "CPU-ms/webhook", [each.cpu_milliseconds for each in bare]),
        ),
        settings | {"orders a round": str(ORDERS)},
    )


async def _round(kind: str) -> Round:
    with TemporaryDirectory(prefix="followup-bench-") as name:
        folder, port = Path(name), free_port()
        endpoint = Process(["bench.endpoints", kind, str(port), str(folder)], folder / "door.log", UNBOUNDED)
        await endpoint.start()
        try:
            await endpoint.ready(f"http://127.0.0.1:{port}/healthz")
            await _loaded(port, _WARM_UP, 0)
            before = cpu_seconds(endpoint.pid)
            seconds, latencies = await _loaded(port, ORDERS, _WARM_UP)
            spent = cpu_seconds(endpoint.pid) - before
        finally:
            await endpoint.stop()
    return Round(ORDERS / seconds, percentile(latencies, 0.99) * 1000, spent * 1000 / ORDERS)


async def _loaded(port: int, count: int, first: int) -> tuple[float, list[float]]:
    """Let another process post; return the seconds it took and the latencies."""
    arguments = [sys.executable, "-m", "bench.load", str(port), str(count), str(first)]
    child = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate()
    assert child.returncode == 0
    found = orjson.loads(output)
    return found["seconds"], found["latencies"]
