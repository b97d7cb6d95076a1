"""Distributed mode under faults: whatever dies, freezes or goes away, nothing is lost and nothing is sent twice."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from shared.failpoints import NAMES
from shared.testing.connected import Server
from shared.testing.waiting import until
from tests.e2e.orders import HEADERS, phone
from tests.e2e.trial import PATIENCE_SECONDS, Trial, trial

pytestmark = [pytest.mark.connected, pytest.mark.timeout(300)]

Place = tuple[str, int]
DEATHS: Mapping[Place, Sequence[str]] = {
    ("ingest", 0): (
        "ingest.before_commit",
        "ingest.after_commit",
        "relay.after_produce",
        "runner.before_commit",
        "runner.after_commit",
    ),
    ("scheduler", 0): (
        "runner.before_commit",
        "runner.after_commit",
        "relay.after_produce",
        "scheduler.after_release",
    ),
    ("compliance", 0): (
        "runner.before_commit",
        "runner.after_commit",
        "relay.after_produce",
        "compliance.after_verdict",
    ),
    ("sender", 0): (
        "sender.after_claim",
        "sender.after_intent",
        "relay.after_produce",
        "sender.after_call",
        "sender.after_outcome",
    ),
    ("sender", 1): (
        "runner.before_commit",
        "runner.after_commit",
        "sender.after_receipt",
        "sender.before_reply_commit",
        "sender.after_reply_commit",
    ),
    ("metrics", 0): ("runner.before_commit", "runner.after_commit", "relay.after_produce"),
}
"""Where each process dies, one after the other: all at once, while its neighbours die too."""
BY_A_REPLY = {"sender.before_reply_commit", "sender.after_reply_commit"}
DEATH_SECONDS = 150.0
"""To die at a place a service must get there, and those before it are dying as well."""
NEVER_ORDERED = 9_999


def test_every_failpoint_kills_somebody() -> None:
    assert {failpoint for places in DEATHS.values() for failpoint in places} == set(NAMES)


async def dies_everywhere(run: Trial, place: Place, visit: int) -> None:
    """Kill one process at one place after the other, each time while it works, and let it live in the end."""
    for failpoint in DEATHS[place]:
        proof = run.house.folder / f"reached-{place[0]}-{place[1]}-{failpoint}"
        at = 1 if failpoint in BY_A_REPLY else visit
        armed = {"FOLLOWUP_FAILPOINTS": f"{failpoint}=kill@{at}", "FOLLOWUP_FAILPOINT_LOG": str(proof)}
        await run.house.launch(*place, **armed)
        await died(run, place, failpoint)
        assert proof.read_text(encoding="ascii").split() == [failpoint]
    await run.house.start(*place)


async def died(run: Trial, place: Place, failpoint: str) -> None:
    """Wait for a kill; where it takes news from outside, bring them."""
    process = run.house.replicas[place]

    async def has_died() -> bool:
        if failpoint in BY_A_REPLY and len(run.stopped) < run.orders:
            await run.say_stop(len(run.stopped))
            await asyncio.sleep(0.5)
        if place[0] == "metrics" and failpoint == "relay.after_produce":  # of an erasure every service gives account
            await ask_erasure(run)
            await asyncio.sleep(0.5)
        return not process.is_running

    try:
        await until(has_died, DEATH_SECONDS)
    except AssertionError:
        raise AssertionError(f"{place} was not killed at {failpoint}") from None
    assert process.child is not None
    assert process.child.returncode == -signal.SIGKILL, process.log.read_text(encoding="utf-8")[-2000:]


async def ask_erasure(run: Trial) -> None:
    """Ask that somebody be forgotten who never ordered anything; whether anybody answers does not matter."""
    headers = {**HEADERS, "Idempotency-Key": "forget"}
    await run.client.post("/v1/erasures", json={"to": phone(NEVER_ORDERED)}, headers=headers)


async def kill_everybody(folder: Path, postgresql: Server, kafka: Server, *, size: int, visit: int) -> None:
    async with trial(folder, postgresql, kafka) as run:
        await run.house.start_simulator()
        async with run.traffic(size=size, every_seconds=1):
            await asyncio.gather(*(dies_everywhere(run, place, visit) for place in DEATHS))
        await run.end()


async def test_a_kill_of_every_service_at_each_of_its_failpoints_loses_nothing_and_doubles_nothing(
    tmp_path: Path, postgresql: Server, kafka: Server
) -> None:
    await kill_everybody(tmp_path, postgresql, kafka, size=3, visit=1)


assert PATIENCE_SECONDS
