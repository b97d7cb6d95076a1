"""Many texts through the simulated provider over real HTTP, with its faults: none is ever there twice."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import uvicorn
from fastapi import FastAPI

from services.sender.app import service_of
from services.sender.tables import metadata
from services.simulator.app import Simulator, create_app
from services.simulator.config import SimulatorConfig
from services.simulator.faults import FaultKind, FaultPlan, FaultRule
from shared.clock import SystemClock
from shared.config.directory import MerchantDirectory
from shared.testing import make_sender
from shared.testing.clock import FakeClock
from shared.testing.harness import harness
from shared.testing.make_sender import ScriptedProvider
from tests.integration.sender.driver import SenderDriver, assembled, client

TEXTS = 40


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve an app on a free port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(60):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await task
    listener.close()


async def test_where_no_receipt_ever_comes_the_provider_says_the_end_when_it_is_asked(tmp_path: Path) -> None:
    simulator = Simulator(
        SimulatorConfig(
            data_file=tmp_path / "texts.db", accounts={make_sender.ACCOUNT_SID: make_sender.AUTH_TOKEN}, latency_ms=0
        )
    )
    unlucky = FaultRule(kind=FaultKind.UNDELIVERED, to="*00", code=30003)
    simulator.faults.replace(FaultPlan(rules=(FaultRule(kind=FaultKind.RECEIPTS_LOST), unlucky)))
    async with served(create_app(simulator)) as url:
        clock = FakeClock(SystemClock().now())
        folder = make_sender.merchants_folder(tmp_path, url, rate=1000)
        merchants = MerchantDirectory.load(folder, make_sender.ENVIRON)
        async with harness(tmp_path, clock, merchants) as built:
            sender = assembled(built)
            service = service_of(sender)
            await built.create(metadata)
            driver = SenderDriver(built, clock, ScriptedProvider(clock), sender, service, client(built, service))
            await driver.hear(*(driver.cleared(n, phone=f"+121255501{n:02}") for n in range(TEXTS)))
            for _ in range(20):  # a loaded machine may make a call too late for its provider: it is put off
                await driver.send()
                if not any(row["state"] == "queued" for row in await driver.dispatches()):
                    break
                clock.advance(seconds=10)
            async with asyncio.timeout(60):
                while simulator._carrier.on_the_way:  # noqa: ASYNC110 - its texts take no time, but turns of the loop
                    await asyncio.sleep(0.01)
            clock.advance(minutes=12)
            await sender.status_poller.step()
            states = Counter(row["state"] for row in await driver.dispatches())
            await sender.calls.stop()
            await sender.providers.close()
    assert states == {"delivered": TEXTS - 1, "failed": 1}


async def test_a_stop_that_the_simulated_provider_could_not_bring_is_asked_for(tmp_path: Path) -> None:
    simulator = Simulator(
        SimulatorConfig(
            data_file=tmp_path / "texts.db", accounts={make_sender.ACCOUNT_SID: make_sender.AUTH_TOKEN}, latency_ms=0
        )
    )
    async with served(create_app(simulator)) as url:
        clock = FakeClock(SystemClock().now())
        merchants = MerchantDirectory.load(make_sender.merchants_folder(tmp_path, url), make_sender.ENVIRON)
        async with harness(tmp_path, clock, merchants) as built:
            sender = assembled(built)
            service = service_of(sender)
            await built.create(metadata)
            driver = SenderDriver(built, clock, ScriptedProvider(clock), sender, service, client(built, service))
            await sender.missed_replies.step()
            await simulator._carrier.receive(
                phone=make_sender.PERSON,
                number=make_sender.SENDER_NUMBER,
                account_sid=make_sender.ACCOUNT_SID,
                body="STOP",
            )
            clock.advance(minutes=10)
            await sender.missed_replies.step()
            assert [row["suppressed"] for row in await driver.people()] == ["opt_out"]
            await sender.providers.close()


async def test_faults_of_every_kind_never_make_two_texts_of_one_follow_up(tmp_path: Path) -> None:
    simulator = Simulator(
        SimulatorConfig(
            data_file=tmp_path / "texts.db", accounts={make_sender.ACCOUNT_SID: make_sender.AUTH_TOKEN}, latency_ms=0
        )
    )
    simulator.faults.replace(
        FaultPlan(
            seed=7,
            rules=(
                FaultRule(kind=FaultKind.ACCEPTED_THEN_RESET, probability=0.15),
                FaultRule(kind=FaultKind.ACCEPTED_THEN_500, probability=0.15),
                FaultRule(kind=FaultKind.UNAVAILABLE, probability=0.15),
                FaultRule(kind=FaultKind.THROTTLE, probability=0.2, retry_after_seconds=1),
            ),
        )
    )
    async with served(create_app(simulator)) as url:
        clock = FakeClock(SystemClock().now())
        folder = make_sender.merchants_folder(tmp_path, url, rate=1000)
        merchants = MerchantDirectory.load(folder, make_sender.ENVIRON)
        async with harness(tmp_path, clock, merchants) as built:
            sender = assembled(built)
            service = service_of(sender)
            await built.create(metadata)
            driver = SenderDriver(built, clock, ScriptedProvider(clock), sender, service, client(built, service))
            await driver.hear(*(driver.cleared(n, phone=f"+121255501{n:02}") for n in range(TEXTS)))
            for _ in range(12):
                await driver.send()
                clock.advance(seconds=6)
                await sender.reconciler.step()
            states = Counter(row["state"] for row in await driver.dispatches())
            async with httpx2.AsyncClient(base_url=url) as http:
                texts = (await http.get("/simulator/texts", params={"limit": 1000})).json()["texts"]
            await sender.calls.stop()
            await sender.providers.close()
    sent_to = Counter(text["to"] for text in texts)
    assert set(sent_to.values()) == {1}
    taken = states["accepted"] + states["delivered"]  # a listing may say that a text has arrived already
    assert taken == len(texts)
    assert taken + states["unknown"] + states["queued"] == TEXTS
    assert taken > TEXTS // 2
