"""Compliance behind its real entry points: events through a real log, HTTP over ASGI, a clock that tests set."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import sqlalchemy as sa

from services.compliance import app, store, tables
from services.compliance.gate.records import DecisionRecord, record_of
from services.compliance.store import RecipientState
from shared.chain import first_break
from shared.config.directory import MerchantDirectory
from shared.db.transaction import Row
from shared.events.consent import ConsentAct, ConsentChanged, ConsentReported
from shared.events.envelope import Event
from shared.events.follow_up import FollowUpBlocked, FollowUpCleared, FollowUpDeferred, FollowUpDue
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit
from shared.ids import RecipientId
from shared.telemetry.health import Health
from shared.testing import make, make_compliance
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness, harness

EventT = TypeVar("EventT", bound=Event)
Verdict = FollowUpCleared | FollowUpDeferred | FollowUpBlocked


class ComplianceDriver:
    """The service, and what a test says to it and reads from it."""

    def __init__(self, harness: ServiceHarness, clock: FakeClock) -> None:
        self.harness = harness
        self.clock = clock
        self.sealer = harness.runtime.sealer
        self.service = app.build(harness.runtime)

    async def hear(self, *events: Event) -> None:
        """Publish events in one transaction, and let the service read them in one poll."""
        await self.harness.publish(*events)
        await self.harness.settle(self.service)

    def claim(self, act: ConsentAct = ConsentAct.GRANTED, **changes: Any) -> ConsentReported:
        return make_compliance.claim(self.sealer, act, **changes)

    def due(self, name: str = "thanks", **changes: Any) -> FollowUpDue:
        return make_compliance.due(self.sealer, self.clock.now(), name, **changes)

    def about(self, kind: type[EventT], name: str = "thanks", **changes: Any) -> EventT:
        """Return an event about one marketing text, happening now."""
        fields = {
            "recipient_id": self.person(),
            "follow_up_id": make_compliance.follow_up(name),
            "occurred_at": self.clock.now(),
            "release": 1,
            "purpose": "marketing",
        }
        return make.event(kind, **{**fields, **changes})

    def person(self, phone: str = make_compliance.PHONE) -> RecipientId:
        return make_compliance.recipient(self.sealer, phone)

    async def judged(self, *dues: FollowUpDue) -> list[Verdict]:
        """Hear dues and return the verdicts that were published on them."""
        before = len(await self.verdicts())
        await self.hear(*dues)
        return (await self.verdicts())[before:]

    async def verdict(self, name: str = "thanks", **changes: Any) -> Verdict:
        """Hear one due and return the one verdict on it."""
        (answer,) = await self.judged(self.due(name, **changes))
        return answer

    async def verdicts(self) -> list[Verdict]:
        return [event for event in await self.harness.log_events() if isinstance(event, Verdict)]

    async def changes(self) -> list[ConsentChanged]:
        return await self.harness.published(ConsentChanged)

    async def rows(self, table: sa.Table) -> Sequence[Row]:
        return await self.harness.rows(sa.select(table))

    async def parked(self) -> Sequence[Row]:
        return await self.rows(tables.system_tables.parked)

    async def records(self) -> list[DecisionRecord]:
        return [record_of(bytes(row["record"])) for row in await self.rows(tables.decisions)]

    async def held(self, phone: str = make_compliance.PHONE) -> RecipientState:
        """Return what compliance holds about a known person."""
        who = self.person(phone)
        people = await self.harness.runtime.database.read(lambda db: store.people(db, [who]))
        return people[who]

    async def first_break(self, phone: str = make_compliance.PHONE) -> int | None:
        """Return where a person's chain breaks; None if it is unbroken."""
        who = self.person(phone)
        chains = await self.harness.runtime.database.read(lambda db: store.entries(db, [who]))
        return first_break((each.canonical, each.hash) for each in chains[who])

    @asynccontextmanager
    async def http(self, key: str | None = None) -> AsyncIterator[httpx2.AsyncClient]:
        """Open an HTTP client with an API key, by default the merchant's own."""
        runtime = self.harness.runtime
        keys = Keys(runtime.merchants, RateLimit(1000, self.clock))
        web = create_app("compliance", self.service.routers, keys=keys, health=Health(), max_body_bytes=1_000_000)
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=web),
            base_url="http://test",
            headers={"Authorization": f"Bearer {make_compliance.api_key() if key is None else key}"},
        ) as client:
            yield client


def only(*verdicts: Verdict) -> list[tuple[str, str]]:
    """Return each verdict as its type's last word and its reason."""
    return [(verdict.type.partition(".")[2], getattr(verdict, "reason", "ok")) for verdict in verdicts]


@asynccontextmanager
async def opened(
    folder: Path, *merchants: str, at: datetime | None = None, limits: str = ""
) -> AsyncIterator[ComplianceDriver]:
    """Build the service over a database in a folder."""
    clock = FakeClock() if at is None else FakeClock(at)
    directory = MerchantDirectory.load(make_compliance.merchants_folder(folder, *merchants, limits=limits), {})
    async with harness(folder, clock, directory) as base:
        driver = ComplianceDriver(base, clock)
        await base.create(driver.service.metadata)
        yield driver
