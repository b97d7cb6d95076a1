"""Visits to short links over HTTP, on a real database and log."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from services.sender.engagement.attribution.store import record_delivered
from services.sender.engagement.links import api, store
from services.sender.engagement.links.shorten import Shortener
from services.sender.engagement.links.store import LINK_LIFETIME, LinkOwner
from services.sender.retention import sweeps
from services.sender.settings import SenderSettings
from services.sender.tables import clicks, metadata, short_links, touches
from shared import ids
from shared.config.directory import MerchantDirectory
from shared.db.sweep import swept
from shared.db.transaction import Row, Transaction, WritePriority
from shared.db.unit_of_work import Database, UnitOfWork, UnitOfWorkRunner
from shared.errors import DatabaseUnavailable
from shared.events.engagement import ClickRecorded
from shared.ids import FollowUpId, MerchantId
from shared.phone import E164
from shared.privacy import Keyring, Sealer
from shared.telemetry.metrics import exposition
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness, harness
from tests.unit.sender.queue.test_conclusion import DISPATCH

T = TypeVar("T")

ACME = MerchantId("acme")
TARGET = "https://acme.example/o/1001?token=secret"
PERSON = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148 "
    "Safari/604.1"
)


class Shop:
    """A text with a link, sent a minute ago, and a browser to follow it with."""

    def __init__(self, harness: ServiceHarness, clock: FakeClock) -> None:
        self.harness = harness
        self.clock = clock
        self.units = harness.runtime.units
        self.sealer = harness.runtime.sealer
        self.owner = LinkOwner(
            FollowUpId(ids.derived("follow-up", "a", at=clock.now())),
            ACME,
            self.sealer.recipient_id(ACME, E164("+12125550123")),
            "webhook-1",
            click_days=5,
        )
        self.app = self.create_app(self.units, self.sealer)

    def create_app(self, units: UnitOfWorkRunner, sealer: Sealer, record_seconds: float = 5) -> FastAPI:
        app = FastAPI()
        app.include_router(api.create_router(units, sealer, record_seconds=record_seconds))
        return app

    async def send(self, target: str = TARGET, owner: LinkOwner | None = None) -> str:
        """Commit a text with one link, let a minute pass, and return the path of the link."""
        shortener = Shortener("https://go.acme.example")
        address = shortener(target)
        rows = store.link_rows(shortener.codes, owner or self.owner, self.sealer, at=self.clock.now())
        await self.units.run(lambda uow: store.add_links(uow, rows), WritePriority.INTENTS)
        self.clock.advance(seconds=60)
        return address.removeprefix("https://go.acme.example")

    async def visit(
        self, path: str, *, method: str = "GET", agent: str = PERSON, app: FastAPI | None = None, **headers: str
    ) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app or self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as browser:
            return await browser.request(method, path, headers={"user-agent": agent, **headers})

    async def deliver(self, at: datetime) -> None:
        text = DISPATCH._replace(follow_up_id=self.owner.follow_up_id, recipient_id=self.owner.recipient_id)

        async def work(uow: UnitOfWork) -> None:
            record_delivered(uow, text, at)

        await self.units.run(work, WritePriority.OUTCOMES)

    async def clicks(self) -> list[ClickRecorded]:
        return await self.harness.published(ClickRecorded)

    async def rows(self, table: sa.Table) -> list[Row]:
        return [*await self.harness.rows(sa.select(table))]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Shop]:
    clock = FakeClock()
    async with harness(folder, clock, MerchantDirectory(folder, {})) as base:
        await base.create(metadata)
        yield Shop(base, clock)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with opened(tmp_path) as made:
        yield made


class BrokenWriter:
    """A database that can be read; writes fail, or never end."""

    dialect = "sqlite"

    def __init__(self, inner: Database, *, hangs: bool) -> None:
        self._inner = inner
        self._hangs = hangs

    async def start(self) -> None:
        await self._inner.start()

    async def stop(self) -> None:
        await self._inner.stop()

    async def write(self, work: Callable[[Transaction], Awaitable[T]], priority: WritePriority) -> T:
        if self._hangs:
            await asyncio.Event().wait()
        raise DatabaseUnavailable("the disk is full")

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        return await self._inner.read(work)


class UnreadableDatabase(BrokenWriter):
    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        raise DatabaseUnavailable("no connection")


def lost() -> float:
    line = next(line for line in exposition().decode().splitlines() if line.startswith("followup_clicks_lost_total "))
    return float(line.split()[1])


async def test_a_person_is_led_to_the_shop_and_the_click_is_published(shop: Shop) -> None:
    answer = await shop.visit(await shop.send())
    assert answer.status_code == 302
    assert answer.headers["location"] == TARGET
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    (click,) = await shop.clicks()
    assert not click.robot
    assert (click.follow_up_id, click.recipient_id) == (shop.owner.follow_up_id, shop.owner.recipient_id)
    assert click.correlation_id == "webhook-1"
    assert click.occurred_at == shop.clock.now()
    (touch,) = await shop.rows(touches)
    assert (touch["id"], touch["kind"], touch["window_hours"]) == (click.click_id, "clicked", 120)


async def test_where_a_link_leads_rests_sealed_and_is_not_published(shop: Shop) -> None:
    await shop.visit(await shop.send())
    (row,) = await shop.rows(short_links)
    assert b"acme.example" not in row["target"]
    assert "acme.example" not in repr(await shop.clicks())


@pytest.mark.parametrize(("method", "agent"), [("HEAD", PERSON), ("GET", "WhatsApp/2.23"), ("GET", "")])
async def test_a_robot_is_led_on_and_marked_and_earns_nothing(shop: Shop, method: str, agent: str) -> None:
    answer = await shop.visit(await shop.send(), method=method, agent=agent)
    assert (answer.status_code, answer.headers["location"]) == (302, TARGET)
    (click,) = await shop.clicks()
    assert click.robot
    assert await shop.rows(touches) == []


async def test_a_visit_within_two_seconds_of_sending_or_of_the_receipt_is_a_robots(shop: Shop) -> None:
    path = await shop.send()
    shop.clock.advance(seconds=-59)
    await shop.visit(path)
    await shop.deliver(at=shop.clock.now())
    shop.clock.advance(seconds=1)
    await shop.visit(path)
    assert [click.robot for click in await shop.clicks()] == [True]
    shop.clock.advance(seconds=1)
    await shop.visit(path)
    assert [click.robot for click in await shop.clicks()] == [True, False]


@pytest.mark.parametrize("tail", ["/", ".", ").", "%22", "!", "\u2026"])
async def test_what_a_phone_takes_for_a_part_of_the_link_is_overlooked(shop: Shop, tail: str) -> None:
    answer = await shop.visit(await shop.send() + tail)
    assert (answer.status_code, answer.headers["location"]) == (302, TARGET)


async def test_more_after_a_code_is_no_link(shop: Shop) -> None:
    path = await shop.send()
    for tail in ("x", ".x", "." * 9, "/x"):
        assert (await shop.visit(path + tail)).status_code == 404


async def test_a_link_visited_twice_within_a_minute_is_one_click(shop: Shop) -> None:
    path = await shop.send()
    first, again = await shop.visit(path), await shop.visit(path)
    assert first.status_code == again.status_code == 302
    assert len(await shop.clicks()) == 1
    shop.clock.advance(seconds=60)
    await shop.visit(path)
    assert len(await shop.clicks()) == len(await shop.rows(clicks)) == 2


async def test_a_robot_never_hides_the_person_behind_it(shop: Shop) -> None:
    path = await shop.send()
    await shop.visit(path, agent="facebookexternalhit/1.1")
    await shop.visit(path)
    assert [click.robot for click in await shop.clicks()] == [True, False]


@pytest.mark.parametrize("path", ["/r/0000000000", "/r/short", "/r/" + "a" * 500, "/r/..%2f..%2f", "/r/%00000000000"])
async def test_an_unknown_code_leads_nowhere(shop: Shop, path: str) -> None:
    answer = await shop.visit(path)
    assert answer.status_code == 404
    assert "location" not in answer.headers


async def test_an_unknown_and_an_expired_link_answer_alike(shop: Shop) -> None:
    path = await shop.send()
    shop.clock.advance(seconds=LINK_LIFETIME.total_seconds() - 60)
    expired, unknown = await shop.visit(path), await shop.visit("/r/0000000000")
    assert expired.status_code == unknown.status_code == 404
    assert expired.text == unknown.text
    assert "leads nowhere" in expired.text
    assert await shop.clicks() == []


async def test_no_address_of_the_visitors_choice_is_ever_led_to(shop: Shop) -> None:
    path = await shop.send()
    answer = await shop.visit(f"{path}?url=https://evil.example&target=//evil.example")
    assert answer.headers["location"] == TARGET


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_person_is_led_on_although_the_click_cannot_be_recorded(shop: Shop, hangs: bool) -> None:  # noqa: FBT001 - a parameter of the test
    path = await shop.send()
    runtime = shop.harness.runtime
    units = UnitOfWorkRunner(BrokenWriter(runtime.database, hangs=hangs), runtime.log, shop.clock)
    before = lost()
    answer = await shop.visit(path, app=shop.create_app(units, shop.sealer, record_seconds=0.01))
    assert (answer.status_code, answer.headers["location"]) == (302, TARGET)
    assert lost() == before + 1


async def test_a_link_that_cannot_be_looked_up_asks_for_patience(shop: Shop) -> None:
    path = await shop.send()
    runtime = shop.harness.runtime
    units = UnitOfWorkRunner(UnreadableDatabase(runtime.database, hangs=False), runtime.log, shop.clock)
    answer = await shop.visit(path, app=shop.create_app(units, shop.sealer))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "30"


async def test_a_link_sealed_with_a_lost_key_asks_for_patience(shop: Shop) -> None:
    path = await shop.send()
    answer = await shop.visit(path, app=shop.create_app(shop.units, Sealer(Keyring.new())))
    assert answer.status_code == 503


async def test_an_erased_persons_link_leads_nowhere_and_others_stay(shop: Shop) -> None:
    other = shop.owner._replace(recipient_id=shop.sealer.recipient_id(ACME, E164("+12125550124")))
    path, others = await shop.send(), await shop.send(owner=other)
    await shop.units.run(lambda uow: store.blank_targets(uow.db, shop.owner.recipient_id), WritePriority.BATCHES)
    assert (await shop.visit(path)).status_code == 404
    assert (await shop.visit(others)).status_code == 302
    assert sorted(row["target"] is None for row in await shop.rows(short_links)) == [False, True]


async def test_a_code_that_exists_is_never_given_another_address(shop: Shop) -> None:
    path = await shop.send()
    rows = await shop.rows(short_links)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await shop.units.run(lambda uow: store.add_links(uow, [dict(rows[0])]), WritePriority.INTENTS)
    assert (await shop.visit(path)).headers["location"] == TARGET


async def test_pruning_deletes_expired_links_and_old_visits_only(shop: Shop) -> None:
    old = await shop.send()
    await shop.visit(old)
    shop.clock.advance(days=LINK_LIFETIME.days)
    await shop.visit(await shop.send())
    await swept(shop.units, sweeps(shop.clock.now(), SenderSettings()))
    assert len(await shop.rows(short_links)) == 1
    assert len(await shop.rows(clicks)) == 1
