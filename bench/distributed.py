"""The whole path in distributed mode: texts a second, and what each part costs in processor time.

Baseline of the same run: a bare client that posts the same number of creates to the same provider.
"""

import time

from bench.cluster_harness import PARTITIONS, ClusterHarness, running
from bench.measurement import Figure, Result, figure, memory_mb
from bench.whole_path import TEXTS, bare_client
from shared.vocabulary.service_names import SERVICES

_LONGEST_SECONDS = 120.0
_SETTINGS = {"texts a round": str(TEXTS), "partitions": str(PARTITIONS), "replicas of each service": "1"}
_PARTS = (*SERVICES, "postgresql", "kafka", "provider")


async def run(rounds: int) -> Result:
    """Measure the whole path, several counts on one application."""
    async with running() as harness:
        await harness.post(0, 1, harness.now())
        await harness.wait_for("delivered", 1, 30)  # templates compiled, connections open
        rates, bares = [], []
        costs: dict[str, list[float]] = {part: [] for part in _PARTS}
        for number in range(rounds):
            before, began = harness.cpu(), time.perf_counter()
            await harness.post(1 + number * TEXTS, TEXTS, harness.now())
            await harness.wait_for("delivered", 1 + (number + 1) * TEXTS, _LONGEST_SECONDS)
            rates.append(TEXTS / (time.perf_counter() - began))
            for part, seconds in harness.cpu().items():
                costs[part].append((seconds - before[part]) * 1000 / TEXTS)
            bare_seconds, _ = await bare_client(harness.cluster.simulator_url, None, number * TEXTS)
            bares.append(TEXTS / bare_seconds)
        return Result("distributed", _figures(rates, bares, costs, harness), harness.settings | _SETTINGS)


def _figures(
    rates: list[float], bares: list[float], costs: dict[str, list[float]], harness: ClusterHarness
) -> tuple[Figure, ...]:
    ratios = [rate / bare for rate, bare in zip(rates, bares, strict=True)]
    ours = [sum(each) for each in zip(*(costs[name] for name in SERVICES), strict=True)]
    everything = [sum(each) for each in zip(*costs.values(), strict=True)]
    return (
        figure("texts delivered", "texts/s", rates, ">= 300, aim 600"),
        figure("baseline: bare client's creates", "creates/s", bares),
        figure("ratio to the baseline", "x", ratios),
        *(figure(part, "CPU-ms/text", costs[part]) for part in _PARTS),
        figure("the five services together", "CPU-ms/text", ours),
        figure("everything", "CPU-ms/text", everything),
        *(figure(f"{name}, resident at its peak", "MB", [memory_mb(harness.pid_of(name))[1]]) for name in SERVICES),
    )
