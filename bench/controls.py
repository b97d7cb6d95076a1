"""Controls: from the request of a pause to the moment from which the sender obeys, beside a hundred texts a second."""

import asyncio
from datetime import datetime, timedelta

import aiohttp
import orjson

from bench import harness
from bench.measurement import Result, figure, percentile
from shared.testing.process import API_KEY
from shared.testing.waiting import until

PAUSES = 100
"""Of one round; each is lifted before the next."""
_TEXTS = 10
_WAIT = timedelta(seconds=3)
_HEADERS = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}


async def run(rounds: int) -> Result:
    """Measure embedded mode; each pause is about one person, so that the others' texts go on."""
    done = [await _round() for _ in range(rounds)]
    return Result(
        "request to in_force_at at 100/s",
        (
            figure("p50", "ms", [percentile(taken, 0.5) * 1000 for taken in done]),
            figure("p99", "ms", [percentile(taken, 0.99) * 1000 for taken in done], "< 1,000"),
            figure("longest", "ms", [max(taken) * 1000 for taken in done]),
        ),
        await harness.durability() | {"pauses a round": str(PAUSES)},
    )


async def _round() -> list[float]:
    """Return the seconds that each pause took, while texts are posted, become due and are sent."""
    async with harness.running(wait=f"{_WAIT.seconds}s") as application:
        posting = asyncio.create_task(_keep_posting(application))
        await application.wait_for("delivered", 1, 30)
        try:
            return [await _pause(application, number) for number in range(PAUSES)]
        finally:
            posting.cancel()


async def _keep_posting(application: harness.BenchHarness) -> None:
    first = 0
    while True:
        await application.post(first, _TEXTS, application.now())
        first += _TEXTS
        await asyncio.sleep(0.1)


async def _pause(application: harness.BenchHarness, number: int) -> float:
    """Pause the texts to one person, wait until the sender obeys, resume; return how long that took, in seconds."""
    address, scope = f"{application.address}/v1/controls", {"to": harness.phone(500_000 + number)}
    asked_at = application.now()
    await _ask(application.client, address, "pause", scope)
    in_force_at = await until(lambda: _in_force_at(application.client, address), 30)
    await _ask(application.client, address, "resume", scope)
    await asyncio.sleep(0.4)  # a merchant may ask five times a second
    return (in_force_at - asked_at).total_seconds()


async def _ask(client: aiohttp.ClientSession, address: str, action: str, scope: dict[str, str]) -> None:
    body = orjson.dumps({"action": action, "scope": scope, "reason": "measured"})
    async with client.post(address, data=body, headers=_HEADERS) as answer:
        assert answer.status == 202, await answer.text()


async def _in_force_at(client: aiohttp.ClientSession, address: str) -> datetime | None:
    async with client.get(address, headers=_HEADERS) as answer:
        (control,) = (await answer.json())["controls"]
    return datetime.fromisoformat(control["in_force_at"]) if control["in_force_at"] else None
