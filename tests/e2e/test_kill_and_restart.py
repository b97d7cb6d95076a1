"""SIGKILL at each named failpoint, restart, and the provider's own record: nothing lost, nothing twice."""

import asyncio
import signal
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.sender.simulator.count import count
from shared.clock import SystemClock, read_offset, write_offset
from shared.failpoints import NAMES
from shared.testing.process import API_KEY, free_port, house_process, simulator_process, write_shop

FLOW = """
flow: order-thank-you
on: purchase
enter: {once_per: trigger.subject}
steps:
  - wait: 1s
  - text: thanks
    purpose: transactional
    expire_after: 3d
    body: {en: "Thanks for order {{ trigger.order_name }}!"}
"""
HEADERS = {"Authorization": f"Bearer {API_KEY}"}
ENDS = {"delivered", "unconfirmed", "failed", "unknown", "blocked", "cancelled", "expired"}
BY_A_REPLY = {"sender.before_reply_commit", "sender.after_reply_commit"}
"""Reached by a reply, not by a send."""
IN_EVERY_UNIT = {"runner.before_commit", "runner.after_commit"}
"""Reached by every consumer of the house, also while it starts."""
UNITS_BEFORE = 6
STOPS = 3
BATCH = 25
JUMP_MINUTES = 3
UNCONFIRMED_AFTER = timedelta(hours=73)
JUMPS = 8
"""Enough for deadline + 30 s (reaper), deadline + 120 s and five minutes more (reconciler)."""


def phone(number: int) -> str:
    return f"+1212555{number:04d}"


def order(number: int, at: str) -> dict[str, Any]:
    return {
        "id": f"evt-{number}",
        "kind": "purchase",
        "occurred_at": at,
        "subject": f"order-{number}",
        "recipient": {"phone": phone(number), "country": "US", "state": "NY", "time_zone": "America/New_York"},
        "amount": {"minor": 4900, "currency": "USD"},
        "consent": [
            {
                "scope": "informational",
                "event": "granted",
                "level": "contract",
                "captured_at": at,
                "method": "checkout",
                "disclosure": "texts about this order",
                "source": "https://acme.example/checkout",
            }
        ],
        "facts": {"order_name": f"#{number}"},
    }


async def states(client: httpx2.AsyncClient) -> Counter[str]:
    """Return how many follow-ups stand in each state, read page by page through the API."""
    found: Counter[str] = Counter()
    cursor = None
    while True:
        query = {"limit": "200", **({"cursor": cursor} if cursor else {})}
        page = (await client.get("/v1/follow-ups", params=query, headers=HEADERS)).json()
        found.update(each["state"] for each in page["follow_ups"])
        cursor = page.get("next_cursor")
        if not cursor:
            return found


def ended(found: Counter[str]) -> int:
    return sum(found[state] for state in ENDS)


async def settled(client: httpx2.AsyncClient, expected: int, seconds: float) -> Counter[str]:
    """Wait until every follow-up has ended, or `seconds` have passed."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await states(client)
        if (ended(found) == found.total() >= expected) or asyncio.get_running_loop().time() > deadline:
            return found
        await asyncio.sleep(0.3)


class Run:
    """One house and one provider, killed and started again by a test."""

    def __init__(self, folder: Path, failpoint: str, visit: int) -> None:
        port, provider_port = free_port(), free_port()
        self.folder, self.failpoint = folder, failpoint
        self.address = f"http://127.0.0.1:{port}"
        self.provider_address = f"http://127.0.0.1:{provider_port}"
        self.clock_file, self.proof = folder / "clock", folder / "reached"
        self.armed = {
            "FOLLOWUP_FAILPOINTS": f"{failpoint}=kill@{visit}",
            "FOLLOWUP_FAILPOINT_LOG": str(self.proof),
        }
        write_offset(self.clock_file, timedelta())
        shared = {"FOLLOWUP_CLOCK_FILE": str(self.clock_file)}
        merchants = write_shop(folder, house=self.address, provider=self.provider_address, flow=FLOW)
        self.house = house_process(folder, port, merchants, **shared)
        self.provider = simulator_process(folder, provider_port, self.address, **shared)
        self.was_killed = False

    async def start(self) -> None:
        await self.provider.start()
        await self.house.start(**self.armed)
        await self.provider.ready(f"{self.provider_address}/simulator/health")
        await self.house.ready(f"{self.address}/healthz")

    async def stop(self) -> None:
        await self.house.stop()
        await self.provider.stop()

    async def come_back(self) -> None:
        """Wait for the kill, prove where it struck, and start without it."""
        assert await self.house.ended(60) == -signal.SIGKILL, f"{self.failpoint} was not reached"
        assert self.proof.read_text().split() == [self.failpoint]
        self.was_killed = True
        await self.house.start()
        await self.house.ready(f"{self.address}/healthz")

    async def post_orders(self, client: httpx2.AsyncClient, follow_ups: int) -> None:
        """Post until each batch is answered 202, as a shop that repeats what got no answer."""
        at = SystemClock(self.clock_file).now().isoformat()
        for start in range(0, follow_ups, BATCH):
            batch = [order(n, at) for n in range(start, min(start + BATCH, follow_ups))]
            while not await self._posted(client, batch):
                await self.come_back()

    async def _posted(self, client: httpx2.AsyncClient, batch: list[dict[str, Any]]) -> bool:
        try:
            answer = await client.post("/v1/events", json=batch, headers=HEADERS)
        except httpx2.HTTPError:
            return False
        assert answer.status_code == 202, answer.text
        return True

    async def say_stop(self) -> None:
        async with httpx2.AsyncClient(base_url=self.provider_address, timeout=20) as phones:
            said = (phones.post(f"/simulator/phones/{phone(n)}/replies", json={"text": "STOP"}) for n in range(STOPS))
            await asyncio.gather(*said)

    async def settle(self, client: httpx2.AsyncClient, follow_ups: int) -> Counter[str]:
        """Let time pass in steps until everything has ended.

        The reaper and the reconciler need minutes; a receipt that was lost while nobody listened needs three days.
        """
        found = await settled(client, follow_ups, 8)
        for jump in (*[timedelta(minutes=JUMP_MINUTES)] * JUMPS, UNCONFIRMED_AFTER):
            if found.total() >= follow_ups and ended(found) == found.total():
                break
            if jump is not UNCONFIRMED_AFTER and set(found) - ENDS == {"dispatched"}:
                continue
            write_offset(self.clock_file, read_offset(self.clock_file) + jump)
            found = await settled(client, follow_ups, 4)
        return found


async def kill_and_restart(folder: Path, failpoint: str, follow_ups: int, visit: int) -> None:
    """One run: post orders, die at the failpoint, come back, settle, and compare with the provider's record."""
    run = Run(folder, failpoint, visit)
    try:
        await run.start()
        async with httpx2.AsyncClient(base_url=run.address, timeout=10) as client:
            await run.post_orders(client, follow_ups)
            if failpoint in BY_A_REPLY:
                await settled(client, follow_ups, 60)
                await run.say_stop()
            if not run.was_killed:
                await run.come_back()
            found = await run.settle(client, follow_ups)
    finally:
        await run.stop()
    answers = STOPS if failpoint in BY_A_REPLY else 0
    assert found.total() in range(follow_ups, follow_ups + answers + 1)
    assert ended(found) == found.total(), found
    record = count(folder / "simulator.db")
    assert record["duplicates"] == []
    assert record["accepted"] >= found["delivered"]
    assert record["accepted"] + found["unknown"] + found["failed"] >= follow_ups


@pytest.mark.parametrize("failpoint", NAMES)
@pytest.mark.timeout(180)
async def test_a_kill_at_each_failpoint_loses_nothing_and_doubles_nothing(tmp_path: Path, failpoint: str) -> None:
    await kill_and_restart(tmp_path, failpoint, follow_ups=40, visit=UNITS_BEFORE if failpoint in IN_EVERY_UNIT else 1)


@pytest.mark.torture
@pytest.mark.parametrize("failpoint", NAMES)
@pytest.mark.timeout(600)
async def test_a_kill_in_the_middle_of_five_hundred_follow_ups(tmp_path: Path, failpoint: str) -> None:
    visit = 1 if failpoint in BY_A_REPLY else 4 * UNITS_BEFORE if failpoint in IN_EVERY_UNIT else 2
    await kill_and_restart(tmp_path, failpoint, follow_ups=500, visit=visit)
