"""The console and metrics in one application, with two shops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
import pytest
from argon2 import PasswordHasher

import services.console.app
import services.metrics.app
from services.console.accounts import passwords
from services.console.calls import ServiceCalls
from services.console.settings import ConsoleSettings
from shared.config.directory import MerchantDirectory
from shared.events.envelope import Event
from shared.http.app import create_app
from shared.http.auth import Keys, RateLimit
from shared.http.console_tokens import TokenSigner, TokenVerifier
from shared.service import Service
from shared.telemetry.health import Health
from shared.testing.clock import FakeClock
from shared.testing.harness import ServiceHarness, harness
from shared.testing.make_metrics import READ_KEY, merchants_folder

OPERATOR = "an operator's token of at least 32 characters"


@dataclass
class Console:
    """The services under test and their entry points."""

    harness: ServiceHarness
    metrics: Service
    clock: FakeClock
    http: httpx2.AsyncClient
    """With the header of a key of the shop acme."""

    async def take(self, *events: Event) -> None:
        """Publish events and let metrics read them."""
        await self.harness.publish(*events)
        await self.harness.settle(self.metrics)

    async def operate(self, method: str, path: str, merchant: str = "acme", **body: str) -> httpx2.Response:
        """Ask as the operator, in the name of a merchant."""
        headers = {"Authorization": f"Bearer {OPERATOR}", "X-Followup-Merchant": merchant}
        content = {"json": body} if body else {}
        return await self.http.request(method, path, headers=headers, **content)  # type: ignore[arg-type] # keyword arguments are checked where they are read


@pytest.fixture
def real_passwords() -> None:
    """Let passwords cost what they cost a user, for a test of just that."""


@pytest.fixture(autouse=True)
def quick_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute no password for a fifth of a second, as whoever signs in does: most tests are about what comes after."""
    if "real_passwords" not in request.fixturenames:
        monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Console]:
    async with opened(tmp_path) as console:
        yield console


@asynccontextmanager
async def opened(tmp_path: Path, public_url: str = "") -> AsyncIterator[Console]:
    """Open both services in a folder."""
    clock = FakeClock()
    clock.advance(days=1)
    merchants = MerchantDirectory.load(merchants_folder(tmp_path / "merchants"), {})
    async with harness(tmp_path, clock, merchants) as built:
        settings = built.runtime.settings.model_copy(update={"public_url": public_url})
        runtime = replace(built.runtime, settings=settings)
        signer = TokenSigner.new()
        calls = ServiceCalls(signer, clock, ConsoleSettings())
        metrics, console = services.metrics.app.build(runtime), services.console.app.build(runtime, calls)
        await built.create(metrics.metadata, console.metadata)
        verifier = TokenVerifier(signer.public_key, clock)
        keys = Keys(merchants, RateLimit(10_000, clock), OPERATOR, verifier)
        routers = [*metrics.routers, *console.routers]
        served = create_app("both", routers, keys=keys, health=Health(), max_body_bytes=100_000)
        calls.stay_in(served)
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(served),
            base_url="http://shop.test",
            headers={"Authorization": f"Bearer {READ_KEY}"},
        ) as client:
            yield Console(built, metrics, clock, client)
