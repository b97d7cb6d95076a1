"""A scheduler on a temporary database, with a clock that tests move and an HTTP client."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx2
import orjson
import sqlalchemy as sa

from services.compliance.gate.advice import advise
from services.scheduler import app, tables
from services.scheduler.runs.previews import GateAdvice
from services.scheduler.tables import follow_ups, timers
from shared.db.transaction import Row
from shared.events.dispatch import DispatchEvent
from shared.events.envelope import Event
from shared.events.follow_up import FollowUpCancelled, FollowUpDue, FollowUpEvent, FollowUpExpired, FollowUpPlanned
from shared.events.trigger import TriggerReceived
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit
from shared.http.console_tokens import TokenSigner, TokenVerifier
from shared.privacy import Sealer
from shared.service import Runtime, Service
from shared.telemetry.health import Health
from shared.testing import make, make_scheduler
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness, harness

EventT = TypeVar("EventT", bound=Event)
AnswerT = TypeVar("AnswerT", bound=FollowUpEvent | DispatchEvent)


@dataclass(slots=True)
class SchedulerDriver:
    """Everything a test of the scheduler needs within reach."""

    harness: ServiceHarness
    clock: FakeClock
    service: Service
    http: httpx2.AsyncClient
    signer: TokenSigner
    """The console's."""

    @property
    def sealer(self) -> Sealer:
        return self.harness.runtime.sealer

    def trigger(self, kind: str = "purchase", **changes: Any) -> TriggerReceived:
        at = changes.pop("occurred_at", self.clock.now())
        return make_scheduler.trigger(self.sealer, at, kind, **changes)

    async def hear(self, *events: Event) -> None:
        """Put events into the log and let the scheduler read them."""
        await self.harness.publish(*events)
        await self.harness.settle(self.service)

    async def fire(self, **later: float) -> float:
        """Move the clock, and take one step of the loop; return when it wants the next."""
        self.clock.advance(**later)
        return await self.service.loops[0]._step()

    async def rows(self) -> Sequence[Row]:
        """Return every follow-up in the order they are due."""
        return await self.harness.rows(sa.select(follow_ups).order_by(follow_ups.c.first_due_at, follow_ups.c.id))

    async def states(self) -> list[tuple[str, str | None]]:
        """Return state and reason of every follow-up, in the order they are due."""
        return [(row["state"], row["reason"]) for row in await self.rows()]

    async def timers(self) -> list[tuple[str, Any]]:
        rows = await self.harness.rows(sa.select(timers).order_by(timers.c.due_at))
        return [(row["kind"], row["due_at"]) for row in rows]

    async def published(self, kind: type[EventT]) -> list[EventT]:
        return await self.harness.published(kind)

    async def planned(self) -> list[FollowUpPlanned]:
        return await self.published(FollowUpPlanned)

    async def dues(self) -> list[FollowUpDue]:
        return await self.published(FollowUpDue)

    async def endings(self) -> list[tuple[str, str, int]]:
        """Return the published ends: type, reason, release."""
        return [
            (event.type, event.reason, event.release)
            for event in await self.harness.log_events()
            if isinstance(event, FollowUpCancelled | FollowUpExpired)
        ]

    async def released(self) -> FollowUpDue:
        """Plan the thank-you of a purchase, release its first text, and return the question to the gate."""
        await self.hear(self.trigger())
        await self.fire(hours=1)
        return (await self.dues())[-1]

    def answer(self, kind: type[AnswerT], due: FollowUpDue, **changes: Any) -> AnswerT:
        """Return an answer of another service to a release."""
        own = {
            name: getattr(due, name)
            for name in ("merchant_id", "recipient_id", "follow_up_id", "flow", "step", "purpose", "release")
        }
        if issubclass(kind, FollowUpEvent):
            own |= {"enrollment_id": due.enrollment_id, "flow_version": due.flow_version}
        values = {**own, "occurred_at": self.clock.now(), "event_id": uuid4(), **changes}
        return make.event(kind, **values)

    def headers(self, key: str | None = None, merchant: str = make_scheduler.MERCHANT) -> dict[str, str]:
        """Return the headers of a caller."""
        found = {"Authorization": f"Bearer fu_{merchant}"}
        return found if key is None else {**found, "Idempotency-Key": key}

    async def ask(self, *, key: str | None = None, **body: Any) -> httpx2.Response:
        """Post to /v1/follow-ups."""
        return await self.http.post("/v1/follow-ups", json=body, headers=self.headers(key))

    async def as_user(
        self, user: str, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> httpx2.Response:
        """Ask as a user of the console who may change controls."""
        content = b"" if body is None else orjson.dumps(body)
        token = self.signer.token(
            self.clock.now(),
            person=f"user:{user}",
            merchant=make_scheduler.MERCHANT,
            scopes=["controls:write"],
            method=method,
            path=path,
            body=content,
        )
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return await self.http.request(method, path, content=content, headers=headers)

    async def get(self, path: str, merchant: str = make_scheduler.MERCHANT) -> httpx2.Response:
        return await self.http.get(path, headers=self.headers(merchant=merchant))


@asynccontextmanager
async def open_driver(
    folder: Path, advice: GateAdvice = advise, build: Callable[[Runtime], Service] | None = None, **merchants: Any
) -> AsyncIterator[SchedulerDriver]:
    """Build a scheduler over a merchants folder made for it."""
    clock = FakeClock()
    directory = make_scheduler.merchants(folder / "merchants", **merchants)
    async with harness(folder, clock, directory) as built:
        await built.create(tables.metadata)
        service = build(built.runtime) if build else app.build(built.runtime, advice)
        signer = TokenSigner.new()
        web = create_app(
            "scheduler",
            service.routers,
            keys=Keys(directory, RateLimit(10_000, clock), console=TokenVerifier(signer.public_key, clock)),
            health=Health(),
            max_body_bytes=100_000,
        )
        transport = httpx2.ASGITransport(app=web)
        async with httpx2.AsyncClient(transport=transport, base_url="http://scheduler") as client:
            yield SchedulerDriver(built, clock, service, client, signer)
