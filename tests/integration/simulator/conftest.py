from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.simulator.driver import Shop, SimulatorDriver, served


@pytest.fixture(autouse=True)
def engine() -> None:
    """Nothing: the simulated provider has a file of its own and builds no application."""


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    async with served(shop.app()) as url:
        shop.url = url
        yield shop


@pytest.fixture
def driver_with(tmp_path: Path, shop: Shop) -> Callable[..., SimulatorDriver]:
    def build(**settings: Any) -> SimulatorDriver:
        return SimulatorDriver(tmp_path / "texts.sqlite", shop, **settings)

    return build


@pytest.fixture
async def driver(driver_with: Callable[..., SimulatorDriver]) -> AsyncIterator[SimulatorDriver]:
    async with driver_with() as driver:
        yield driver
