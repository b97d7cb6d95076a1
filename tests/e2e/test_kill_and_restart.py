"""SIGKILL at each named failpoint, restart, and the provider's own record: nothing lost, nothing twice."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.simulator.count import count
from shared.clock import SystemClock, write_offset
from shared.failpoints import NAMES
from shared.testing.process import application_process, free_port, simulator_process, write_shop
from shared.testing.waiting import until
from tests.e2e.orders import BATCH, FLOW, HEADERS, all_ended, ended, order, phone, settled

BY_A_REPLY = {"sender.before_reply_commit", "sender.after_reply_commit"}
"""Reached by a reply, not by a send."""
BY_A_CONTROL = {
    "scheduler.after_control",
    "scheduler.after_control_work",
    "sender.after_control",
    "sender.after_obeyed",
}
"""Reached by a pause that is made and lifted."""
IN_EVERY_UNIT = {"runner.before_commit", "runner.after_commit"}
"""Reached by every consumer of the application, also while it starts."""
UNITS_BEFORE = 14
"""More than the consumers of an application that starts run before it is ready, fewer than forty texts need."""
EMBEDDED = [name for name in NAMES if not name.startswith("relay.")]
"""One process has no relay: what a unit publishes is in the log already."""
STOPS = 3


class Run:
    """One application and one provider, killed and started again by a test."""

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
        merchants = write_shop(folder, application=self.address, provider=self.provider_address, flow=FLOW)
        self.application = application_process(folder, port, merchants, **shared)
        self.provider = simulator_process(folder, provider_port, self.address, **shared)
        self.was_killed = False

    async def start(self) -> None:
        await self.provider.start()
        await self.application.start(**self.armed)
        await self.provider.ready(f"{self.provider_address}/simulator/health")
        await self.application.ready(f"{self.address}/healthz")

    async def stop(self) -> None:
        await self.application.stop()
        await self.provider.stop()

    async def come_back(self) -> None:
        """Wait for the kill, prove where it struck, and start without it."""
        assert await self.application.ended(60) == -signal.SIGKILL, f"{self.failpoint} was not reached"
        assert self.proof.read_text().split() == [self.failpoint]
        self.was_killed = True
        await self.application.start()
        await self.application.ready(f"{self.address}/healthz")

    async def post_orders(self, client: httpx2.AsyncClient, first: int, end: int) -> None:
        """Post until each batch is answered 202, as a shop that repeats what got no answer."""
        at = SystemClock(self.clock_file).now().isoformat()
        for start in range(first, end, BATCH):
            batch = [order(n, at) for n in range(start, min(start + BATCH, end))]
            while not await self._posted(client, batch):
                await self.come_back()

    async def see_all_end(self, client: httpx2.AsyncClient, follow_ups: int) -> None:
        """Wait until all have ended, or until the kill."""
        with contextlib.suppress(httpx2.HTTPError):
            await settled(client, follow_ups, 60)
        if await self.application.ended(0.1) is not None:
            await self.come_back()

    async def _posted(self, client: httpx2.AsyncClient, batch: list[dict[str, Any]]) -> bool:
        try:
            answer = await client.post("/v1/events", json=batch, headers=HEADERS)
        except httpx2.HTTPError:
            return False
        assert answer.status_code == 202, answer.text
        return True

    async def pause_and_resume(self, client: httpx2.AsyncClient) -> None:
        """Pause the flow, wait until the sender obeys, and resume, whatever dies meanwhile; and once more."""
        for _ in range(2):
            await self._control(client, "pause")
            await until(partial(self._is_obeyed, client))
            await self._control(client, "resume")

    async def _control(self, client: httpx2.AsyncClient, action: str) -> None:
        body = {"action": action, "scope": {"flow": "order-thank-you"}, "reason": "a wrong code"}
        repeated = False
        while (answer := await self._asked(client.post("/v1/controls", json=body, headers=HEADERS))) is None:
            repeated = True
            await self.come_back()
        was_lifted_already = repeated and action == "resume" and answer.json().get("code") == "nothing_in_force"
        assert answer.status_code == 202 or was_lifted_already, answer.text

    async def _is_obeyed(self, client: httpx2.AsyncClient) -> bool:
        """Return whether what is in force is obeyed; a process that died meanwhile is started again."""
        answer = await self._asked(client.get("/v1/controls", headers=HEADERS))
        if answer is None:
            await self.come_back()
            return False
        return all(each["in_force_at"] for each in answer.json()["controls"])

    @staticmethod
    async def _asked(request: Awaitable[httpx2.Response]) -> httpx2.Response | None:
        try:
            return await request
        except httpx2.HTTPError:
            return None

    async def say_stop(self) -> None:
        async with httpx2.AsyncClient(base_url=self.provider_address, timeout=20) as phones:
            said = (phones.post(f"/simulator/phones/{phone(n)}/replies", json={"text": "STOP"}) for n in range(STOPS))
            await asyncio.gather(*said)


async def kill_and_restart(folder: Path, failpoint: str, follow_ups: int, visit: int) -> None:
    """One run: post orders, die at the failpoint, come back, settle, and compare with the provider's record."""
    run = Run(folder, failpoint, visit)
    try:
        await run.start()
        async with httpx2.AsyncClient(base_url=run.address, timeout=10) as client:
            half = follow_ups // 2
            await run.post_orders(client, 0, half)
            if visit > 1 and not run.was_killed:
                await run.see_all_end(client, half)  # a unit may hold a whole half: the second visit is in the other
            await run.post_orders(client, half, follow_ups)
            if failpoint in BY_A_CONTROL:
                await run.pause_and_resume(client)
            if failpoint in BY_A_REPLY:
                await settled(client, follow_ups, 60)
                await run.say_stop()
            if not run.was_killed:
                await run.come_back()
            found = await all_ended(client, run.clock_file, follow_ups)
    finally:
        await run.stop()
    answers = STOPS if failpoint in BY_A_REPLY else 0
    assert found.total() in range(follow_ups, follow_ups + answers + 1)
    assert ended(found) == found.total(), found
    record = count(folder / "simulator.db")
    assert record["duplicates"] == []
    assert record["accepted"] >= found["delivered"]
    assert record["accepted"] + found["unknown"] + found["failed"] >= follow_ups


@pytest.mark.parametrize("failpoint", EMBEDDED)
@pytest.mark.timeout(180)
async def test_a_kill_at_each_failpoint_loses_nothing_and_doubles_nothing(tmp_path: Path, failpoint: str) -> None:
    await kill_and_restart(tmp_path, failpoint, follow_ups=40, visit=UNITS_BEFORE if failpoint in IN_EVERY_UNIT else 1)


@pytest.mark.torture
@pytest.mark.parametrize("failpoint", EMBEDDED)
@pytest.mark.timeout(600)
async def test_a_kill_in_the_middle_of_five_hundred_follow_ups(tmp_path: Path, failpoint: str) -> None:
    visit = 1 if failpoint in BY_A_REPLY else 2 * UNITS_BEFORE if failpoint in IN_EVERY_UNIT else 2
    await kill_and_restart(tmp_path, failpoint, follow_ups=500, visit=visit)
