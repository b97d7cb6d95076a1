"""Distributed mode under faults: whatever dies, freezes or goes away, nothing is lost and nothing is sent twice."""

import asyncio
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from shared.bus.kafka_wire import Cluster
from shared.events.topics import Topic
from shared.failpoints import NAMES
from shared.testing import connected
from shared.testing.connected import Server
from shared.testing.fleet import PARTITIONS, SERVICES
from shared.testing.waiting import until
from tests.e2e.orders import HEADERS, order, phone
from tests.e2e.trial import PATIENCE_SECONDS, SESSION_SECONDS, Trial, trial
from tests.parts import part

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
ROWS = 400
"""What an outbox may hold in the tests."""
END_SECONDS = 8


def test_every_failpoint_kills_somebody() -> None:
    assert {failpoint for places in DEATHS.values() for failpoint in places} == set(NAMES)


async def dies_everywhere(run: Trial, place: Place, visit: int) -> None:
    """Kill one process at one place after the other, each time while it works, and let it live in the end."""
    for failpoint in DEATHS[place]:
        proof = run.house.folder / f"reached-{place[0]}-{place[1]}-{failpoint}"
        at = 1 if failpoint in BY_A_REPLY else visit
        armed = {"FOLLOWUP_FAILPOINTS": f"{failpoint}=kill@{at}", "FOLLOWUP_FAILPOINT_LOG": str(proof)}
        await run.house.launch(place[0], place[1], **armed)
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


async def rebalanced(run: Trial, service: str, seconds: float) -> None:
    """Join a service's group for a while, which takes partitions away from everybody, and leave it again."""
    cluster = Cluster(run.house.environment["FOLLOWUP_KAFKA_BOOTSTRAP"], prefix=run.house.prefix)
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
        await asyncio.gather(*(rebalanced(run, service, 2.5) for service in SERVICES))
        await asyncio.sleep(2.5)


async def frozen(run: Trial, services: Sequence[str]) -> None:
    """Freeze one replica of each service until the other one has all partitions and works; then let it go on."""
    processes = [run.house.replicas[service, 1] for service in services]
    for process in processes:
        process.send(signal.SIGSTOP)
    for service in services:
        await until(partial(holds_everything, run, service), PATIENCE_SECONDS)
    before = run.orders
    await until(partial(has_posted, run, before + 10), PATIENCE_SECONDS)
    for process in processes:
        process.send(signal.SIGCONT)
    for service in services:
        await until(partial(holds_something, run, service), PATIENCE_SECONDS)


async def holds_everything(run: Trial, service: str) -> bool:
    topics = {"scheduler": 5, "compliance": 4, "sender": 3}
    return await run.metric(service, 0, "followup_consumer_partitions") == topics[service] * PARTITIONS


async def holds_something(run: Trial, service: str) -> bool:
    return await run.metric(service, 1, "followup_consumer_partitions") > 0


async def has_posted(run: Trial, orders: int) -> bool:
    return run.orders >= orders


async def two_of_each(folder: Path, postgresql: Server, kafka: Server, *, size: int, visits: int) -> None:
    async with trial(folder, postgresql, kafka) as run:
        await run.house.start_all(replicas=2)
        async with run.traffic(size=size, every_seconds=0.5):
            await disturbed(run, visits)
            await frozen(run, ["scheduler", "compliance", "sender"])
        await run.end()


async def test_groups_that_are_rebalanced_and_replicas_that_freeze_lose_nothing_and_double_nothing(
    tmp_path: Path, postgresql: Server, kafka: Server
) -> None:
    await two_of_each(tmp_path, postgresql, kafka, size=3, visits=3)


@pytest.fixture
def mortal_kafka() -> Iterator[Server]:
    """A broker of one's own."""
    yield from part(connected.kafka())


@pytest.fixture
def mortal_postgresql() -> Iterator[Server]:
    """A database of one's own that writes through to the disk."""
    yield from part(connected.postgresql(fsync=True))


async def without_broker(folder: Path, postgresql: Server, kafka: Server, *, size: int, seconds: float) -> None:
    async with trial(folder, postgresql, kafka, FOLLOWUP_KAFKA_OUTBOX_ROWS=str(ROWS)) as run:
        await run.house.start_all()
        async with run.traffic(size=size, every_seconds=0.5):
            await until(partial(has_posted, run, 10 * size), PATIENCE_SECONDS)
            kafka.stop(signal.SIGKILL)
            await asyncio.to_thread(kafka.start)
            await until(partial(has_posted, run, run.orders + 10 * size), PATIENCE_SECONDS)
        assert not run.refusals, "a broker that restarts must not be seen at the door"
        await run.all_arrived()
        kafka.stop(signal.SIGKILL)
        begun = time.monotonic()
        for service in ("compliance", "metrics"):
            await ends_soon(run, service)
            await run.house.start(service)
        while time.monotonic() - begun < seconds:
            await run.post(size)
            await asyncio.sleep(0.5)
        assert not run.refusals, "a broker that is away must not be seen at the door"
        await is_full(run)
        await asyncio.to_thread(kafka.start)
        await run.post(size)
        await run.end()


async def ends_soon(run: Trial, service: str) -> None:
    """See that a process that is told to end does, although the log is away."""
    process = run.house.replicas[service, 0]
    process.send(signal.SIGTERM)
    assert await process.ended(END_SECONDS) == 0, f"{service} did not end within {END_SECONDS} s"


async def is_full(run: Trial) -> None:
    """Post until the outbox takes no more, and see what is said then."""

    async def refused() -> bool:
        at = run.house.clock.now().isoformat()
        numbers = range(run.orders, run.orders + 10)
        answer = await run.client.post("/v1/events", json=[order(n, at) for n in numbers], headers=HEADERS)
        if answer.is_success:
            run.orders += 10
            return False
        assert (answer.status_code, answer.json()["code"]) == (503, "outbox_full")
        assert int(answer.headers["Retry-After"]) > 0
        return True

    await until(refused, PATIENCE_SECONDS)


async def test_a_broker_that_dies_or_stays_away_costs_time_and_nothing_else(
    tmp_path: Path, postgresql: Server, mortal_kafka: Server
) -> None:
    await without_broker(tmp_path, postgresql, mortal_kafka, size=3, seconds=12)


async def without_database(folder: Path, postgresql: Server, kafka: Server, *, size: int, crashes: int) -> None:
    async with trial(folder, postgresql, kafka) as run:
        await run.house.start_all()
        async with run.traffic(size=size, every_seconds=0.5):
            for _ in range(crashes):
                await until(partial(has_posted, run, run.orders + 10 * size), PATIENCE_SECONDS)
                postgresql.stop(signal.SIGQUIT)
                await asyncio.sleep(2)
                await asyncio.to_thread(postgresql.start)
            await until(partial(has_posted, run, run.orders + 10 * size), PATIENCE_SECONDS)
        await run.end()


async def test_a_database_that_crashes_with_work_in_flight_loses_nothing_that_was_acknowledged(
    tmp_path: Path, mortal_postgresql: Server, kafka: Server
) -> None:
    await without_database(tmp_path, mortal_postgresql, kafka, size=3, crashes=2)
