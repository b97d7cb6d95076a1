from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.simulator.stage import Shop, Stage, served


@pytest.fixture(autouse=True)
def engine() -> None:
    """Nothing: the simulated provider keeps a file of its own and builds no house."""


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    async with served(shop.app()) as url:
        shop.url = url
        yield shop


@pytest.fixture
def stage_with(tmp_path: Path, shop: Shop) -> Callable[..., Stage]:
    def build(**settings: Any) -> Stage:
        return Stage(tmp_path / "texts.sqlite", shop, **settings)

    return build


@pytest.fixture
async def stage(stage_with: Callable[..., Stage]) -> AsyncIterator[Stage]:
    async with stage_with() as stage:
        yield stage
