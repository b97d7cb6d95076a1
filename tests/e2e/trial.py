"""A fleet on trial: orders come in whatever happens to it, and in the end the provider's own record is the witness."""

import asyncio
import contextlib
import sqlite3
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from services.simulator.count import callback_id, count
from shared.testing.cluster import PARTITIONS, Cluster, cluster
from shared.testing.connected import Server
from shared.testing.process import write_shop
from shared.testing.waiting import until
from shared.vocabulary.service_names import SERVICES
from tests.e2e.orders import ENDS, HEADERS, TWO_TEXTS, all_ended, ended, order, phone, states

STEPS = ("thanks", "care")
SESSION_SECONDS = 3
PATIENCE_SECONDS = 120.0
_REQUEST_SECONDS = 25
_REPEAT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Taken:
    """A text as the provider's record has it."""

    place: int
    to: str
    body: str
    attempt: UUID


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an attempt was for, by the sender's tables."""

    enrollment: UUID
    step: str
    number: int


class Trial:
    """What was posted to a fleet, and what must hold of it in the end."""

    def __init__(self, application: Cluster, client: httpx2.AsyncClient) -> None:
        self.application = application
        self.client = client
        self.orders = 0
        """So many were answered 202."""
        self.refusals: Counter[int] = Counter()
        """Other answers that posts got; 0 for none at all."""
        self.stopped: set[str] = set()
        """Who wrote STOP."""

    async def post(self, size: int) -> None:
        """Post orders in one request, again and again until it is answered 202, as a shop does."""
        numbers = range(self.orders, self.orders + size)
        at = self.application.clock.now().isoformat()
        while (status := await self._posted([order(number, at) for number in numbers])) != httpx2.codes.ACCEPTED:
            self.refusals[status] += 1
            await asyncio.sleep(_REPEAT_SECONDS)
        self.orders += size

    @asynccontextmanager
    async def traffic(self, *, size: int, every_seconds: float) -> AsyncIterator[None]:
        """Post orders all the while the block runs; what was begun is brought to its end."""
        is_over = asyncio.Event()

        async def keep_posting() -> None:
            while not is_over.is_set():
                await self.post(size)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(every_seconds):
                        await is_over.wait()

        task = asyncio.create_task(keep_posting())
        try:
            yield
        except BaseException:
            task.cancel()
            raise
        finally:
            is_over.set()
            await asyncio.wait([task], timeout=PATIENCE_SECONDS)
        assert task.done(), f"the last orders were never taken: {self.refusals}"
        task.result()

    async def has_posted(self, orders: int) -> bool:
        """Return whether so many orders were taken."""
        return self.orders >= orders

    async def say_stop(self, number: int) -> None:
        """Let a person write STOP; the provider records if no webhook accepts it."""
        self.stopped.add(phone(number))
        url = f"{self.application.simulator_url}/simulator/phones/{phone(number)}/replies"
        await self.client.post(url, json={"text": "STOP"})

    async def all_arrived(self) -> None:
        """Wait until every text was received, without moving the clock."""
        planned = self.orders * len(STEPS)
        found: Counter[str] = Counter()

        async def seen() -> bool:
            nonlocal found
            found = await states(self.client)
            return found["delivered"] >= planned

        try:
            await until(seen, PATIENCE_SECONDS)
        except AssertionError:
            pytest.fail(f"{planned} texts were planned, and after {PATIENCE_SECONDS:.0f} s they stand thus: {found}")

    async def end(self) -> None:
        """See that nothing was lost, nothing doubled, nothing disordered, and that all numbers agree."""
        planned = self.orders * len(STEPS)
        found = await all_ended(self.client, self.application.clock_file, planned, seconds=15)
        assert planned <= found.total() <= planned + len(self.stopped)
        assert ended(found) == found.total(), found
        await self._are_well()
        witness = count(self.application.texts_file)
        assert witness["duplicates"] == []
        taken = record(self.application.texts_file)
        self._is_complete(taken, found, await self._reasons())
        meanings = await self._meanings()
        if wrong := disordered(taken, meanings):
            pytest.fail(f"{len(wrong)} people got their texts in another order, such as {await self._story(wrong[0])}")
        await self._agree({"planned": found.total(), "accepted": len(taken)})

    def _is_complete(self, taken: "list[Taken]", found: Counter[str], reasons: Mapping[str, int]) -> None:
        """Compare what was ordered with what the provider took; only an unknown text may be missing."""
        texts = Counter((text.to, text.body.partition("#")[0]) for text in taken if text.to not in self.stopped)
        kinds = len({kind for _, kind in texts})
        assert kinds == len(STEPS), texts.keys()
        wanted = (self.orders - len(self.stopped)) * len(STEPS)
        assert texts.total() + found["unknown"] >= wanted, (texts.total(), wanted, found, reasons)
        assert max(texts.values()) == 1
        lasting = found["failed"] + found["expired"] + found["blocked"] + found["cancelled"]
        assert lasting <= 2 * len(self.stopped), (found, reasons)

    async def _are_well(self) -> None:
        """Check that no consumer stopped and no event is parked."""
        for service, replica in self.application.replicas:
            answer = await self.client.get(f"{self.application.url_of(service, replica)}/healthz")
            assert answer.status_code == httpx2.codes.OK, (service, answer.text)
        parked = {service: await self.rows(service, "parked") for service in SERVICES}
        assert not any(parked.values()), parked

    async def rows(self, service: str, table: str) -> int:
        """Return how many rows one of a service's tables has."""
        [row] = await self._asked(f"SELECT count(*) AS n FROM {service}.{service}_{table}")  # noqa: S608 - our own names
        return int(row["n"])

    async def _agree(self, wanted: Mapping[str, int]) -> None:
        """Wait until the KPIs are what was counted elsewhere: by us, by the provider, by the scheduler."""
        seen: list[dict[str, int]] = []

        async def agree() -> bool:
            found = await states(self.client)
            here = {**wanted, **{state: found[state] for state in ("delivered", "blocked", "cancelled")}}
            said: Counter[str] = Counter()
            for each in (await self.client.get("/v1/kpis", headers=HEADERS)).json()["kpis"]:
                said[each["name"]] += int(each["numerator"])
            there = {name: said[name] for name in here}
            seen[:] = [here, there]
            return here == there

        try:
            await until(agree, PATIENCE_SECONDS)
        except AssertionError:
            pytest.fail(f"counted {seen[0]}, but metrics says {seen[1]}")

    async def _meanings(self) -> dict[UUID, Meaning]:
        query = (
            "SELECT a.id, a.n, d.enrollment_id, d.step FROM sender.sender_attempts a "
            "JOIN sender.sender_dispatches d ON d.follow_up_id = a.follow_up_id"
        )
        return {
            UUID(str(row["id"])): Meaning(row["enrollment_id"], row["step"], row["n"])
            for row in await self._asked(query)
        }

    async def metric(self, service: str, replica: int, name: str) -> float:
        """Return what a replica says of a metric of its service; 0 where it says nothing."""
        text = (await self.client.get(f"{self.application.url_of(service, replica)}/metrics")).text
        said = f'{name}{{service="{service}"}} '
        return next((float(line.removeprefix(said)) for line in text.splitlines() if line.startswith(said)), 0.0)

    async def _reasons(self) -> dict[str, int]:
        """Return why texts did not arrive, and how many."""
        query = (
            "SELECT state || ' ' || coalesce(reason, '') AS why, count(*) AS n FROM scheduler.scheduler_follow_ups "
            "WHERE state <> 'delivered' GROUP BY 1"
        )
        return {row["why"]: int(row["n"]) for row in await self._asked(query)}

    async def _story(self, enrollment: UUID) -> list[str]:
        """Return what the scheduler knows of a run, oldest first."""
        rows = await self._asked(
            "SELECT c.at, f.step, c.state, c.reason FROM scheduler.scheduler_state_changes c "  # noqa: S608 - a UUID
            "JOIN scheduler.scheduler_follow_ups f ON f.id = c.follow_up_id "
            f"WHERE f.enrollment_id = '{enrollment}' ORDER BY c.at, f.step, c.number"
        )
        return [f"{row['at']} {row['step']} {row['state']} {row['reason']}" for row in rows]

    async def _asked(self, query: str) -> list[Any]:
        connection = await asyncpg.connect(self.application.environment["FOLLOWUP_ADMIN_DATABASE_URL"])
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()

    async def _posted(self, batch: list[dict[str, Any]]) -> int:
        try:
            return (await self.client.post("/v1/events", json=batch, headers=HEADERS)).status_code
        except httpx2.HTTPError:
            return 0


def record(file: Path) -> list[Taken]:
    """Return every text the provider took over its API, in that order."""
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
    try:
        query = "SELECT seq, to_number, body, status_callback FROM texts WHERE direction = 'outbound-api' ORDER BY seq"
        return [Taken(seq, to, body, UUID(callback_id(url))) for seq, to, body, url in connection.execute(query)]
    finally:
        connection.close()


def disordered(taken: list[Taken], meanings: Mapping[UUID, Meaning]) -> list[UUID]:
    """Return the runs whose texts came in another order than planned, unless the first one was in doubt meanwhile."""
    runs: dict[UUID, dict[str, tuple[int, int]]] = defaultdict(dict)
    for text in taken:
        meaning = meanings.get(text.attempt)
        if meaning is not None and meaning.step in STEPS:
            runs[meaning.enrollment][meaning.step] = (text.place, meaning.number)
    return [
        enrollment
        for enrollment, run in runs.items()
        if len(run) == len(STEPS) and run["care"][0] < run["thanks"][0] and run["thanks"][1] == 1
    ]


@asynccontextmanager
async def trial(folder: Path, postgresql: Server, kafka: Server, **settings: str) -> AsyncIterator[Trial]:
    """Yield a fleet with a shop of two texts an order; nothing of it runs yet but its ingress."""
    given = {"FOLLOWUP_KAFKA_SESSION_SECONDS": str(SESSION_SECONDS), "FOLLOWUP_SENDER_RECONCILE_SECONDS": "1"}
    async with cluster(folder, postgresql, kafka, partitions=PARTITIONS, **given, **settings) as application:
        write_shop(folder, application=application.ingress.url, provider=application.simulator_url, flow=TWO_TEXTS)
        async with httpx2.AsyncClient(base_url=application.ingress.url, timeout=_REQUEST_SECONDS) as client:
            yield Trial(application, client)


__all__ = ["ENDS", "SESSION_SECONDS", "Trial", "trial"]
