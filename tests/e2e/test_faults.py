"""Distributed mode under faults: whatever dies, freezes or goes away, nothing is lost and nothing is sent twice."""

import asyncio
import contextlib
import itertools
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import httpx2
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from shared.bus.kafka_wire import KafkaCluster
from shared.events.topics import Topic
from shared.failpoints import NAMES
from shared.testing.cluster import PARTITIONS
from shared.testing.connected import Server
from shared.testing.waiting import until
from shared.vocabulary.service_names import EVENT_SERVICES
from tests.e2e.orders import HEADERS, phone
from tests.e2e.trial import PATIENCE_SECONDS, SESSION_SECONDS, Trial, trial

pytestmark = [pytest.mark.connected, pytest.mark.timeout(480)]

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
        "scheduler.after_control",
        "scheduler.after_control_work",
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
        "sender.after_call",
        "sender.after_outcome",
        "sender.after_control",
        "sender.after_obeyed",
        "relay.after_produce",
    ),
    ("sender", 1): (
        "runner.before_commit",
        "runner.after_commit",
        "sender.after_receipt",
        "sender.before_reply_commit",
        "sender.after_reply_commit",
        "relay.after_produce",
    ),
    ("metrics", 0): ("runner.before_commit", "runner.after_commit", "relay.after_produce"),
}
"""Where each process dies, one after the other, while its neighbours die too.

Of two replicas one relays as long as it lives: both are killed there, and last, so that none waits behind the other.
"""
QUICK: Mapping[Place, Sequence[str]] = {
    ("ingest", 0): ("ingest.after_commit", "relay.after_produce"),
    ("scheduler", 0): ("scheduler.after_release", "relay.after_produce"),
    ("compliance", 0): ("compliance.after_verdict", "relay.after_produce"),
    ("sender", 0): ("sender.after_intent", "sender.after_call", "relay.after_produce"),
    ("sender", 1): ("runner.after_commit", "sender.after_receipt", "sender.after_reply_commit", "relay.after_produce"),
    ("metrics", 0): ("runner.before_commit",),
}
"""The same in a minute: each service, each relay that works all day; embedded mode dies at every place each time."""
BY_A_REPLY = {"sender.before_reply_commit", "sender.after_reply_commit"}
BY_A_CONTROL = {
    "scheduler.after_control",
    "scheduler.after_control_work",
    "sender.after_control",
    "sender.after_obeyed",
}
DEATH_SECONDS = 150.0
"""To die at a place a service must get there, and those before it are dying as well."""
NEVER_ORDERED = 9_999
"""The last of those whose numbers no order ever reaches."""
TOPICS = {"scheduler": 5, "compliance": 4, "sender": 3}
"""Of how many topics these services read every partition."""
ORDERS_AFTER = 10


def test_every_failpoint_kills_a_process() -> None:
    assert {failpoint for places in DEATHS.values() for failpoint in places} == set(NAMES)


async def all_die(run: Trial, deaths: Mapping[Place, Sequence[str]], visit: int) -> None:
    """Let every process die at all its places; a service's replicas live again once each of them is through."""

    async def service_dies(places: Sequence[Place]) -> None:
        await asyncio.gather(*(dies(run, place, deaths[place], visit) for place in places))
        await asyncio.gather(*(run.application.start(*place) for place in places))

    services = itertools.groupby(deaths, key=lambda place: place[0])
    await asyncio.gather(*(service_dies([*places]) for _, places in services))


async def dies(run: Trial, place: Place, failpoints: Sequence[str], visit: int) -> None:
    """Kill one process at one place after the other, each time while it works; it stays dead in the end."""
    for failpoint in failpoints:
        proof = run.application.folder / f"reached-{place[0]}-{place[1]}-{failpoint}"
        at = 1 if failpoint in BY_A_REPLY | BY_A_CONTROL else visit
        armed = {"FOLLOWUP_FAILPOINTS": f"{failpoint}=kill@{at}", "FOLLOWUP_FAILPOINT_LOG": str(proof)}
        await run.application.launch(place[0], place[1], **armed)
        await died(run, place, failpoint)
        assert proof.read_text(encoding="ascii").split() == [failpoint]


async def died(run: Trial, place: Place, failpoint: str) -> None:
    """Wait for a kill; where it takes news from outside, bring them."""
    process = run.application.replicas[place]

    strangers = itertools.count()

    async def has_died() -> bool:
        if failpoint in BY_A_REPLY and len(run.stopped) < run.orders:
            await run.say_stop(len(run.stopped))
            await asyncio.sleep(0.5)
        if place[0] == "metrics" and failpoint == "relay.after_produce":  # of an erasure every service gives account
            await ask_erasure(run, NEVER_ORDERED - next(strangers))
            await asyncio.sleep(0.5)
        if failpoint in BY_A_CONTROL:
            await pause_and_resume(run)
            await asyncio.sleep(0.5)
        return not process.is_running

    try:
        await until(has_died, DEATH_SECONDS)
    except AssertionError:
        raise AssertionError(f"{place} was not killed at {failpoint}") from None
    assert process.child is not None
    assert process.child.returncode == -signal.SIGKILL, process.log.read_text(encoding="utf-8")[-2000:]


async def ask_erasure(run: Trial, stranger: int) -> None:
    """Request the erasure of a person who never ordered anything; the answer does not matter."""
    headers = {**HEADERS, "Idempotency-Key": f"forget-{stranger}"}
    await run.client.post("/v1/erasures", json={"to": phone(stranger)}, headers=headers)


async def pause_and_resume(run: Trial) -> None:
    """Pause the texts to a person who never ordered anything, and let them go on; the answers do not matter."""
    for action in ("pause", "resume"):
        body = {"action": action, "scope": {"to": phone(NEVER_ORDERED)}, "reason": "none"}
        with contextlib.suppress(httpx2.HTTPError):
            await run.client.post("/v1/controls", json=body, headers=HEADERS)


async def kill_everybody(
    folder: Path,
    postgresql: Server,
    kafka: Server,
    deaths: Mapping[Place, Sequence[str]],
    *,
    size: int,
    visit: int,
) -> None:
    async with trial(folder, postgresql, kafka) as run:
        await run.application.start_simulator()
        async with run.traffic(size=size, every_seconds=1):
            await all_die(run, deaths, visit)
        await run.end()


async def test_a_kill_of_every_service_with_work_in_flight_loses_nothing_and_doubles_nothing(
    tmp_path: Path, postgresql: Server, kafka: Server
) -> None:
    await kill_everybody(tmp_path, postgresql, kafka, QUICK, size=3, visit=1)


async def rebalanced(run: Trial, service: str, seconds: float) -> None:
    """Join a service's group for a while, which takes partitions from every member, and leave it again."""
    cluster = KafkaCluster(run.application.environment["FOLLOWUP_KAFKA_BOOTSTRAP"], prefix=run.application.prefix)
    visitor = AIOKafkaConsumer(
        *(cluster.topic(topic) for topic in Topic),
        bootstrap_servers=cluster.bootstrap,
        group_id=cluster.topic(f"followup-{service}"),
        partition_assignment_strategy=(RangePartitionAssignor,),
        session_timeout_ms=SESSION_SECONDS * 1000,
        heartbeat_interval_ms=500,
        enable_auto_commit=False,
    )
    await visitor.start()
    await asyncio.sleep(seconds)
    await visitor.stop()


async def disturbed(run: Trial, visits: int) -> None:
    """Rebalance every group again and again: each visitor comes and goes, all of them at once."""
    for _ in range(visits):
        await asyncio.gather(*(rebalanced(run, service, 2.5) for service in EVENT_SERVICES))
        await asyncio.sleep(2.5)


async def frozen(run: Trial, services: Sequence[str]) -> None:
    """Freeze the replica of each service that relays, until the other has all its work; then let it go on."""
    zombies = {service: await relaying(run, service) for service in services}
    for place in zombies.items():
        run.application.replicas[place].send(signal.SIGSTOP)
    for service, zombie in zombies.items():
        await until(partial(has_taken_over, run, service, 1 - zombie), PATIENCE_SECONDS)
    await until(partial(run.has_posted, run.orders + ORDERS_AFTER), PATIENCE_SECONDS)
    for place in zombies.items():
        run.application.replicas[place].send(signal.SIGCONT)
    for service, zombie in zombies.items():
        await until(partial(is_back, run, service, zombie), PATIENCE_SECONDS)


async def relaying(run: Trial, service: str) -> int:
    """Return which replica of a service takes its events to the log."""

    async def seen() -> list[int]:
        return [number for number in (0, 1) if await run.metric(service, number, "followup_outbox_relay_active")]

    return (await until(seen, PATIENCE_SECONDS))[0]


async def has_taken_over(run: Trial, service: str, replica: int) -> bool:
    """Return whether a replica reads what the frozen one read, and relays in its place."""
    partitions = await run.metric(service, replica, "followup_consumer_partitions")
    is_active = await run.metric(service, replica, "followup_outbox_relay_active")
    return partitions == TOPICS[service] * PARTITIONS and is_active == 1


async def is_back(run: Trial, service: str, replica: int) -> bool:
    """Return whether a replica that was frozen reads again."""
    return await run.metric(service, replica, "followup_consumer_partitions") > 0


async def two_of_each(folder: Path, postgresql: Server, kafka: Server, *, size: int, visits: int) -> None:
    async with trial(folder, postgresql, kafka) as run:
        await run.application.start_all(replicas=2)
        async with run.traffic(size=size, every_seconds=0.5):
            await disturbed(run, visits)
            await frozen(run, [*TOPICS])
        await run.end()


async def test_groups_that_are_rebalanced_and_replicas_that_freeze_lose_nothing_and_double_nothing(
    tmp_path: Path, postgresql: Server, kafka: Server
) -> None:
    await two_of_each(tmp_path, postgresql, kafka, size=3, visits=3)


@pytest.mark.torture
@pytest.mark.timeout(1800)
async def test_every_service_dies_at_each_of_its_failpoints_in_the_middle_of_hundreds(
    tmp_path: Path, postgresql: Server, kafka: Server
) -> None:
    await kill_everybody(tmp_path, postgresql, kafka, DEATHS, size=10, visit=3)


@pytest.mark.torture
@pytest.mark.timeout(1800)
async def test_two_minutes_of_rebalances_and_a_freeze_in_the_middle_of_hundreds(
    tmp_path: Path, postgresql: Server, kafka: Server
) -> None:
    await two_of_each(tmp_path, postgresql, kafka, size=5, visits=24)
