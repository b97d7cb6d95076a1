"""Metrics in an application of its own, with two shops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
import pytest

from services.metrics import app
from shared.config.directory import MerchantDirectory
from shared.events.envelope import Event
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit
from shared.service import Service
from shared.telemetry.health import Health
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness, harness
from shared.testing.make_metrics import READ_KEY, merchants_folder


@dataclass
class Metrics:
    """The service under test and its entry points."""

    harness: ServiceHarness
    service: Service
    clock: FakeClock
    http: httpx2.AsyncClient
    """Signed in by a key of the shop acme."""

    async def take(self, *events: Event) -> None:
        """Publish events and let the service read them."""
        await self.harness.publish(*events)
        await self.harness.settle(self.service)


@pytest.fixture
async def metrics(tmp_path: Path) -> AsyncIterator[Metrics]:
    async with opened(tmp_path) as metrics:
        yield metrics


@asynccontextmanager
async def opened(tmp_path: Path, public_url: str = "") -> AsyncIterator[Metrics]:
    """Open metrics in a folder."""
    clock = FakeClock()
    clock.advance(days=1)
    merchants = MerchantDirectory.load(merchants_folder(tmp_path / "merchants"), {})
    async with harness(tmp_path, clock, merchants) as built:
        settings = built.runtime.settings.model_copy(update={"public_url": public_url})
        service = app.build(replace(built.runtime, settings=settings))
        await built.create(service.metadata)
        keys = Keys(merchants, RateLimit(10_000, clock))
        served = create_app("metrics", service.routers, keys=keys, health=Health(), max_body_bytes=100_000)
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(served),
            base_url="http://shop.test",
            headers={"Authorization": f"Bearer {READ_KEY}"},
        ) as client:
            yield Metrics(built, service, clock, client)
