"""A sender on a temporary database, a scripted provider, and an HTTP client for its routes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import sqlalchemy as sa

from services.sender import app, tables
from services.sender.dependencies import SenderDependencies
from services.sender.instruments import ALARMS
from services.sender.settings import SenderSettings
from shared.config.directory import MerchantDirectory
from shared.db.transaction import Row, Transaction, WritePriority
from shared.events.envelope import Event
from shared.events.follow_up import FollowUpCleared
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit
from shared.privacy import Sealer
from shared.service import Service
from shared.telemetry.health import Health
from shared.testing import make_sender
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness, harness
from shared.testing.make_sender import ScriptedProvider

EventT = TypeVar("EventT", bound=Event)


@dataclass(slots=True)
class SenderDriver:
    """Everything a test of the sender needs within reach."""

    harness: ServiceHarness
    clock: FakeClock
    provider: ScriptedProvider
    sender: SenderDependencies
    service: Service
    http: httpx2.AsyncClient

    @property
    def sealer(self) -> Sealer:
        return self.harness.runtime.sealer

    def cleared(self, number: int = 1, **changes: Any) -> FollowUpCleared:
        return make_sender.cleared(self.sealer, self.clock.now(), number, **changes)

    async def hear(self, *events: Event) -> None:
        """Put events into the log and let the sender read them."""
        await self.harness.publish(*events)
        await self.harness.settle(self.service)

    async def send(self) -> None:
        """One pass of the loop, until every call is written down."""
        await self.sender.dispatcher.step()
        await self.sender.calls.drain()

    async def reconcile(self, **later: float) -> None:
        """Move the clock and look after unanswered calls."""
        self.clock.advance(**later)
        await self.sender.reconciler.step()

    async def published(self, kind: type[EventT]) -> list[EventT]:
        return await self.harness.published(kind)

    async def attempts(self) -> Sequence[Row]:
        return await self.harness.rows(sa.select(tables.attempts).order_by(tables.attempts.c.n))

    async def dispatches(self) -> Sequence[Row]:
        return await self.harness.rows(sa.select(tables.dispatches))

    async def people(self) -> Sequence[Row]:
        return await self.harness.rows(sa.select(tables.recipients))

    async def receipts(self) -> Sequence[Row]:
        return await self.harness.rows(sa.select(tables.receipts))

    async def replies(self) -> Sequence[Row]:
        return await self.harness.rows(sa.select(tables.replies))

    async def reply(self, text: str, sid: str = "SM-in-1", phone: str = make_sender.PERSON) -> httpx2.Response:
        form = {"MessageSid": sid, "From": phone, "To": make_sender.SENDER_NUMBER, "Body": text}
        return await self.http.post(**make_sender.signed_post(make_sender.replies_url(), form))

    async def lose_everything_sent(self) -> None:
        """Put the database back to before any intent, as an old backup does: dispatches queued, no attempt."""

        async def work(tx: Transaction) -> None:
            for table in (tables.attempts, tables.in_flight):
                await tx.execute(sa.delete(table))
            template = self.cleared()
            content = template.content
            await tx.execute(
                sa.update(tables.dispatches).values(
                    state="queued", attempts=0, body=content.body, contact=content.contact, facts=content.facts
                )
            )

        await self.harness.runtime.database.write(work, WritePriority.BATCHES)

    async def forget_everything(self) -> None:
        """Put the database back to before the clearance, as an older backup does: the text is not even queued."""

        async def work(tx: Transaction) -> None:
            for table in (tables.attempts, tables.in_flight, tables.dispatches):
                await tx.execute(sa.delete(table))

        await self.harness.runtime.database.write(work, WritePriority.BATCHES)

    def restarted(self, **settings: Any) -> None:
        """Forget everything in memory, as a killed process does, and start again on the same database."""
        self.sender = assembled(self.harness, **settings)
        self.service = app.service_of(self.sender)
        self.http = client(self.harness, self.service)


def alarms(kind: str) -> float:
    """Return how often an alarm was raised in this process."""
    return float(ALARMS.labels(kind)._value.get())


def assembled(built: ServiceHarness, **settings: Any) -> SenderDependencies:
    return SenderDependencies.of(built.runtime, SenderSettings(**settings), make_sender.ENVIRON)


def client(built: ServiceHarness, service: Service) -> httpx2.AsyncClient:
    keys = Keys(built.runtime.merchants, RateLimit(500, built.runtime.clock))
    application = create_app("t", service.routers, keys=keys, health=Health(), max_body_bytes=100_000)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=application), base_url="http://test")


@asynccontextmanager
async def open_driver(folder: Path, **changes: Any) -> AsyncIterator[SenderDriver]:
    """Open a driver whose merchant's file has these changes."""
    clock = FakeClock()
    provider = ScriptedProvider(clock)
    await provider.start()
    merchants = MerchantDirectory.load(
        make_sender.merchants_folder(folder, provider.base_url, **changes), make_sender.ENVIRON
    )
    async with harness(folder, clock, merchants) as built:
        sender = assembled(built)
        service = app.service_of(sender)
        await built.create(service.metadata)
        driver = SenderDriver(built, clock, provider, sender, service, client(built, service))
        yield driver
        await driver.sender.calls.stop()
        await sender.providers.close()
        await driver.sender.providers.close()
    await provider.stop()
