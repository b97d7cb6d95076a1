"""The whole path: orders in over HTTP, texts out to a provider in a process of its own, receipts back, delivered.

Baseline of the same run: a bare client that posts the same number of creates to the same provider.
"""

import asyncio
import time
from dataclasses import dataclass

import aiohttp

from bench.harness import BenchHarness, durability, phone, running
from bench.measurement import Result, cpu_seconds, figure, memory_mb
from shared.testing.process import ACCOUNT_SID, AUTH_TOKEN

TEXTS = 5000
_CLIENTS = 64
_LONGEST_SECONDS = 60.0
_BASELINE_PHONES = 5_000_000
"""The first phone number of the baseline, beyond those the application texted."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round measured."""

    texts_per_second: float
    bare_per_second: float
    application_milliseconds: float
    provider_milliseconds: float
    bare_provider_milliseconds: float
    peak_mb: float
    consumptions: float
    row_writes: float


async def run(rounds: int) -> Result:
    """Measure the whole path."""
    settings = await durability()
    done = [await _round() for _ in range(rounds)]
    ratios = [each.texts_per_second / each.bare_per_second for each in done]
    return Result(
        "whole path",
        (
            figure("texts delivered", "texts/s", [each.texts_per_second for each in done], ">= 200, aim 400"),
            figure("baseline: bare client's creates", "creates/s", [each.bare_per_second for each in done]),
            figure("ratio to the baseline", "x", ratios),
            figure("house", "CPU-ms/text", [each.application_milliseconds for each in done]),
            figure("provider, receipts included", "CPU-ms/text", [each.provider_milliseconds for each in done]),
            figure("baseline: provider", "CPU-ms/create", [each.bare_provider_milliseconds for each in done]),
            figure("consumptions", "events/text", [each.consumptions for each in done], "<= 14"),
            figure(
                "house, per consumption", "CPU-ms", [each.application_milliseconds / each.consumptions for each in done]
            ),
            figure("row writes", "rows/text", [each.row_writes for each in done], "<= 50"),
            figure("house, peak resident", "MB", [each.peak_mb for each in done], "< 250"),
        ),
        settings | {"texts a round": str(TEXTS)},
    )


async def _round() -> Round:
    async with running() as harness:
        await harness.post(0, 1, harness.now())
        await harness.wait_for("delivered", 1, 10)  # templates compiled, connections open
        handled, written = await _counted(harness)
        processes = harness.application, harness.provider
        before, began = [cpu_seconds(each.pid) for each in processes], time.perf_counter()
        await harness.post(1, TEXTS, harness.now())
        await harness.wait_for("delivered", TEXTS + 1, _LONGEST_SECONDS)
        seconds = time.perf_counter() - began
        application, provider = (cpu_seconds(each.pid) - at for each, at in zip(processes, before, strict=True))
        now_handled, now_written = await _counted(harness)
        bare_seconds, bare_provider = await bare_client(harness.provider_address, harness.provider.pid, 0)
        return Round(
            texts_per_second=TEXTS / seconds,
            bare_per_second=TEXTS / bare_seconds,
            application_milliseconds=application * 1000 / TEXTS,
            provider_milliseconds=provider * 1000 / TEXTS,
            bare_provider_milliseconds=bare_provider * 1000 / TEXTS,
            peak_mb=memory_mb(harness.application.pid)[1],
            consumptions=(now_handled - handled) / TEXTS,
            row_writes=(now_written - written) / TEXTS,
        )


async def _counted(harness: BenchHarness) -> tuple[float, float]:
    """Return how many events the application's services have handled, and how many rows it has written."""
    return (
        await harness.metric("followup_events_handled_total"),
        await harness.metric("followup_database_rows_written_total"),
    )


async def bare_client(provider: str, pid: int | None, first: int) -> tuple[float, float]:
    """Post as many creates as the application did, and nothing else; return the seconds and the provider's CPU."""
    address = f"{provider}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
    numbers = iter(range(first, first + TEXTS))

    async def client(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            form = {"To": phone(_BASELINE_PHONES + number), "From": "+12025550100", "Body": f"Thanks! Order #{number}"}
            async with session.post(address, data=form) as answer:
                assert answer.status == 201
                await answer.read()

    before, began = cpu_seconds(pid) if pid else 0.0, time.perf_counter()
    async with aiohttp.ClientSession(auth=aiohttp.BasicAuth(ACCOUNT_SID, AUTH_TOKEN)) as session:
        await asyncio.gather(*(client(session) for _ in range(_CLIENTS)))
    return time.perf_counter() - began, (cpu_seconds(pid) if pid else 0.0) - before
