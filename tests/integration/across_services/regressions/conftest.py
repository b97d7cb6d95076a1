from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.across_services.regressions.driver import Shop, opened


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """The whole application with one shop."""
    async with opened(tmp_path) as shop:
        yield shop
