"""Paused means paused: whatever becomes due around a pause or stop, no call begins later than two seconds after it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from shared.clock import SystemClock
from shared.testing.cluster import PARTITIONS, cluster
from shared.testing.connected import Server
from shared.testing.process import application_process, free_port, simulator_process, write_shop
from tests.e2e.lanes import FLOW, OPERATOR_TOKEN, Lane, everything, write_lanes

LANES = 10
QUICK_LANES = 6
"""One for each scope."""
QUICK_RACES = 1
EVERYTHING = ("pause", "stop")
LONG_RACES = 96
"""Of each shop; with those against everything that is a thousand."""
LONG_EVERYTHING = 20


async def race(lanes: list[Lane], turns: int, everything_turns: int) -> None:
    """Run all races, of the shops beside each other and then of all together; each kind of end must have been met."""

    async def own(place: int, lane: Lane) -> None:
        for turn in range(turns):
            await lane.race(place + turn)

    await asyncio.gather(*(own(place, lane) for place, lane in enumerate(lanes)))
    for _ in range(everything_turns):
        for action in EVERYTHING:
            await everything(lanes, action)
    assert sum(lane.before for lane in lanes), "no text went before its control: these were no races"
    assert sum(lane.held for lane in lanes), "no text waited"
    assert sum(lane.stopped for lane in lanes), "no text was stopped"


@asynccontextmanager
async def in_one_process(folder: Path, lanes: int) -> AsyncIterator[list[Lane]]:
    """Yield shops of one embedded application."""
    port, provider_port = free_port(), free_port()
    address, provider_address = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{provider_port}"
    merchants = write_shop(folder, application=address, provider=provider_address, flow=FLOW)
    write_lanes(merchants, lanes)
    application = application_process(folder, port, merchants, **token(folder))
    provider = simulator_process(folder, provider_port, address)
    try:
        await provider.start()
        await application.start()
        await provider.ready(f"{provider_address}/simulator/health")
        await application.ready(f"{address}/healthz")
        async with httpx2.AsyncClient(base_url=address, timeout=25) as client:
            yield [Lane(number, client, SystemClock(), folder / "simulator.db") for number in range(lanes)]
    finally:
        await application.stop()
        await provider.stop()


@asynccontextmanager
async def in_many_processes(folder: Path, postgresql: Server, kafka: Server, lanes: int) -> AsyncIterator[list[Lane]]:
    """Yield shops of a fleet with two replicas of whatever obeys a control."""
    async with cluster(folder, postgresql, kafka, partitions=PARTITIONS, **token(folder)) as application:
        merchants = write_shop(
            folder, application=application.ingress.url, provider=application.simulator_url, flow=FLOW
        )
        write_lanes(merchants, lanes)
        await application.start_all()
        await asyncio.gather(application.start("sender", 1), application.start("scheduler", 1))
        async with httpx2.AsyncClient(base_url=application.ingress.url, timeout=25) as client:
            yield [Lane(number, client, application.clock, application.texts_file) for number in range(lanes)]


def token(folder: Path) -> dict[str, str]:
    """Return the environment of processes that take the operator's token."""
    file = folder / "operator"
    file.write_text(OPERATOR_TOKEN, encoding="ascii")
    return {"FOLLOWUP_OPERATOR_TOKEN_FILE": str(file)}


@pytest.mark.timeout(300)
async def test_no_call_begins_two_seconds_after_a_control_is_in_force(tmp_path: Path) -> None:
    async with in_one_process(tmp_path, QUICK_LANES) as lanes:
        await race(lanes, QUICK_RACES, 1)


@pytest.mark.connected
@pytest.mark.timeout(480)
async def test_no_call_of_any_replica_begins_two_seconds_after_a_control_is_in_force(
    tmp_path: Path, postgresql: Server, kafka: Server
) -> None:
    async with in_many_processes(tmp_path, postgresql, kafka, QUICK_LANES) as lanes:
        await race(lanes, QUICK_RACES, 1)


@pytest.mark.torture
@pytest.mark.timeout(3600)
async def test_a_thousand_races_in_one_process(tmp_path: Path) -> None:
    async with in_one_process(tmp_path, LANES) as lanes:
        await race(lanes, LONG_RACES, LONG_EVERYTHING)


@pytest.mark.torture
@pytest.mark.connected
@pytest.mark.timeout(3600)
async def test_a_thousand_races_in_many_processes(tmp_path: Path, postgresql: Server, kafka: Server) -> None:
    async with in_many_processes(tmp_path, postgresql, kafka, LANES) as lanes:
        await race(lanes, LONG_RACES, LONG_EVERYTHING)
