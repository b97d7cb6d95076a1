"""The whole path: orders in over HTTP, texts out to a provider in a process of its own, receipts back, delivered.

Baseline of the same run: a bare client that posts the same number of creates to the same provider.
"""

import asyncio
import time

import aiohttp

from bench.harness import BenchHarness, durability, phone, running
from bench.measurement import Result, cpu_seconds, figure, memory_mb
from shared.testing.process import ACCOUNT_SID, AUTH_TOKEN

TEXTS = 5000
_CLIENTS = 64
_LONGEST_SECONDS = 60.0
_BASELINE_PHONES = 5_000_000
"""The first phone number of the baseline, beyond those the application texted."""


_FIGURES = {
    "texts delivered": ("texts/s", ">= 200, aim 400"),
    "baseline: bare client's creates": ("creates/s", ""),
    "ratio to the baseline": ("x", ""),
    "house": ("CPU-ms/text", ""),
    "provider, receipts included": ("CPU-ms/text", ""),
    "baseline: provider": ("CPU-ms/create", ""),
    "consumptions": ("events/text", "<= 14"),
    "house, per consumption": ("CPU-ms", ""),
    "row writes": ("rows/text", "<= 50"),
    "house, peak resident": ("MB", "< 250"),
}
"""Each with its unit and its target."""


async def run(rounds: int) -> Result:
    """Measure the whole path."""
    settings = await durability()
    done = [await _round() for _ in range(rounds)]
    figures = (figure(name, unit, [each[name] for each in done], target) for name, (unit, target) in _FIGURES.items())
    return Result("whole path", tuple(figures), settings | {"texts a round": str(TEXTS)})


async def _round() -> dict[str, float]:
    """Return the figures of one round."""
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
        consumptions = (now_handled - handled) / TEXTS
        return {
            "texts delivered": TEXTS / seconds,
            "baseline: bare client's creates": TEXTS / bare_seconds,
            "ratio to the baseline": bare_seconds / seconds,
            "house": application * 1000 / TEXTS,
            "provider, receipts included": provider * 1000 / TEXTS,
            "baseline: provider": bare_provider * 1000 / TEXTS,
            "consumptions": consumptions,
            "house, per consumption": application * 1000 / TEXTS / consumptions,
            "row writes": (now_written - written) / TEXTS,
            "house, peak resident": memory_mb(harness.application.pid)[1],
        }


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
