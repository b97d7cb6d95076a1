"""Withdrawals and orders that were answered 202 but not relayed yet: no text goes that they forbid."""

import asyncio
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
import pytest

from shared.bus.marks import MARK_SECONDS
from shared.clock import write_offset
from shared.testing import connected
from shared.testing.clock import START
from shared.testing.cluster import Cluster, cluster
from shared.testing.connected import Server
from shared.testing.process import write_shop
from shared.testing.waiting import until
from tests.e2e.orders import HEADERS, phone, states
from tests.parts import part

pytestmark = [pytest.mark.connected, pytest.mark.timeout(480)]
PATIENCE_SECONDS = 120.0
CART = """
flow: cart
on: checkout_started
enter: {every: 1d}
cancel_on:
  - {on: purchase}
steps:
  - wait: 1h
  - text: reminder
    purpose: marketing
    expire_after: 1d
    body: {en: "You left something behind."}
"""
Outage: TypeAlias = Callable[["Story"], Awaitable[None]]


class Story:
    """A shop whose customers leave their carts; some of them buy or withdraw in the last moment."""

    def __init__(self, application: Cluster, kafka: Server, size: int) -> None:
        self.application = application
        self.kafka = kafka
        self.withdrawn = range(size)
        self.bought = range(size, 2 * size)
        self.others = range(2 * size, 2 * size + 5)
        self._posted = 0

    def event(self, kind: str, person: int, **more: Any) -> dict[str, Any]:
        self._posted += 1
        at = self.application.clock.now().isoformat()
        recipient = {"phone": phone(person), "country": "US", "state": "NY", "time_zone": "America/New_York"}
        return {
            "id": f"evt-{self._posted}",
            "kind": kind,
            "occurred_at": at,
            "subject": f"{kind}-{self._posted}",
            "recipient": recipient,
            **more,
        }

    async def post(self, events: list[dict[str, Any]], url: str | None = None) -> None:
        """Post events, and see that they are answered 202."""
        async with httpx2.AsyncClient(base_url=url or self.application.ingress.url, timeout=25) as client:
            for start in range(0, len(events), 50):
                answer = await client.post("/v1/events", json=events[start : start + 50], headers=HEADERS)
                assert answer.status_code == httpx2.codes.ACCEPTED, answer.text

    async def leave_carts(self) -> None:
        """Let every person start a checkout, with the best permission, and wait until their texts are planned."""
        at = self.application.clock.now().isoformat()
        permission = {
            "scope": "marketing",
            "event": "granted",
            "level": "pewc",
            "captured_at": at,
            "method": "checkout",
            "disclosure": "By ticking this box you agree to recurring automated marketing texts from Acme Coffee.",
            "source": "https://acme.example/checkout",
        }
        everybody = [*self.withdrawn, *self.bought, *self.others]
        await self.post([self.event("checkout_started", person, consent=[permission]) for person in everybody])
        await until(partial(self.is_so, {"pending": len(everybody)}), PATIENCE_SECONDS)

    async def change_their_minds(self, url: str | None = None) -> None:
        """Let some withdraw and others buy; all of it is answered 202."""
        no = [{"scope": "marketing", "event": "revoked"}]
        await self.post([self.event("inquiry", person, consent=no) for person in self.withdrawn], url)
        await self.post([self.event("purchase", person) for person in self.bought], url)

    async def fall_due(self) -> None:
        """Let every text become due five seconds after the last answer (promise P6)."""
        await asyncio.sleep(MARK_SECONDS + 0.2)
        self.application.jump(hours=1)

    async def is_so(self, wanted: dict[str, int]) -> bool:
        async with httpx2.AsyncClient(base_url=self.application.ingress.url, timeout=25) as client:
            found = await states(client)
        return all(found[state] >= number for state, number in wanted.items())

    async def ends(self, wanted: dict[str, int]) -> None:
        """Wait until follow-ups stand so."""
        try:
            await until(partial(self.is_so, wanted), PATIENCE_SECONDS)
        except AssertionError:
            async with httpx2.AsyncClient(base_url=self.application.ingress.url, timeout=25) as client:
                found = await states(client)
                health = (await client.get(f"{self.application.url_of('scheduler')}/readyz")).text
            pytest.fail(f"wanted {wanted}, found {found}, {health}")

    def texted(self) -> Counter[str]:
        """Return who got a text, by the provider's own record."""
        connection = sqlite3.connect(f"{self.application.texts_file.resolve().as_uri()}?mode=ro", uri=True)
        try:
            query = "SELECT to_number FROM texts WHERE direction = 'outbound-api'"
            return Counter(number for (number,) in connection.execute(query))
        finally:
            connection.close()

    async def relaying(self, service: str) -> int:
        """Return which replica is its service's relay."""
        async with httpx2.AsyncClient(timeout=5) as client:
            for name, replica in self.application.replicas:
                if name == service:
                    said = (await client.get(f"{self.application.url_of(name, replica)}/metrics")).text
                    if f'followup_outbox_relay_active{{service="{service}"}} 1.0' in said:
                        return replica
        raise AssertionError(f"nobody relays for {service}")


async def reported(folder: Path, postgresql: Server, kafka: Server, outage: Outage, *, size: int) -> None:
    """Let people change their minds in an outage, let their texts become due, and see who is texted."""
    async with story(folder, postgresql, kafka, size) as run:
        await run.leave_carts()
        await outage(run)
        await run.ends({"cancelled": 2 * size, "delivered": len(run.others)})
        texted = run.texted()
        wrong = [person for person in (*run.withdrawn, *run.bought) if texted[phone(person)]]
        assert not wrong, f"{len(wrong)} people got a text although their news was answered 202 before it was due"
        assert texted == Counter(phone(person) for person in run.others)


@asynccontextmanager
async def story(folder: Path, postgresql: Server, kafka: Server, size: int) -> AsyncIterator[Story]:
    """Yield a fleet at noon in New York, with two replicas of ingest."""
    async with cluster(folder, postgresql, kafka, FOLLOWUP_KAFKA_SESSION_SECONDS="3") as application:
        write_offset(application.clock_file, START - application.clock.now())
        write_shop(folder, application=application.ingress.url, provider=application.simulator_url, flow=CART)
        await application.start_all()
        await application.start("ingest", 1)
        yield Story(application, kafka, size)


async def relay_frozen(run: Story) -> None:
    """The process that relays for ingest stands still, with its connections open; the log is well."""
    holder = await run.relaying("ingest")
    process = run.application.replicas["ingest", holder]
    process.send(signal.SIGSTOP)
    try:
        await run.change_their_minds(run.application.url_of("ingest", 1 - holder))
        await run.fall_due()
        run.application.ingress.ports["ingest"] = [run.application.ports["ingest", 1 - holder]]
        await asyncio.sleep(15)
    finally:
        process.send(signal.SIGCONT)


async def service_killed(run: Story) -> None:
    """Every replica of ingest dies with what it had not relayed; texts become due before it is back."""
    holder = await run.relaying("ingest")
    run.application.replicas["ingest", holder].send(signal.SIGSTOP)
    await run.change_their_minds(run.application.url_of("ingest", 1 - holder))
    for replica in (0, 1):
        run.application.replicas["ingest", replica].send(signal.SIGKILL)
    await run.fall_due()
    await asyncio.sleep(8)
    for replica in (0, 1):
        await run.application.replicas["ingest", replica].ended(10)
        await run.application.start("ingest", replica)


async def broker_away(run: Story) -> None:
    """The broker is away, and what people say lies behind a long backlog when it is back."""
    run.kafka.stop(signal.SIGKILL)
    strangers = range(1000, 1000 + 40 * len(run.withdrawn))
    await run.post([run.event("inquiry", person) for person in strangers])
    await run.change_their_minds()
    await run.fall_due()
    await asyncio.sleep(3)
    await asyncio.to_thread(run.kafka.start)


@pytest.fixture
def mortal_kafka() -> Iterator[Server]:
    """A broker of one's own."""
    yield from part(connected.kafka())


async def test_a_frozen_relay_lets_no_text_overtake_a_withdrawal_or_an_order(
    tmp_path: Path, postgresql: Server, kafka: Server
) -> None:
    await reported(tmp_path, postgresql, kafka, relay_frozen, size=8)


async def test_a_service_that_was_killed_lets_no_text_overtake_what_it_had_answered(
    tmp_path: Path, postgresql: Server, kafka: Server
) -> None:
    await reported(tmp_path, postgresql, kafka, service_killed, size=8)


async def test_a_broker_that_comes_back_lets_no_text_overtake_what_waited_behind_a_backlog(
    tmp_path: Path, postgresql: Server, mortal_kafka: Server
) -> None:
    await reported(tmp_path, postgresql, mortal_kafka, broker_away, size=8)


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("outage", [relay_frozen, service_killed, broker_away])
async def test_a_hundred_withdrawals_and_a_hundred_orders_in_each_outage(
    tmp_path: Path, postgresql: Server, mortal_kafka: Server, outage: Outage
) -> None:
    await reported(tmp_path, postgresql, mortal_kafka, outage, size=100)
