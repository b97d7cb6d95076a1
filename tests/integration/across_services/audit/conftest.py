from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.across_services.rights.driver import RightsDriver, opened


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[RightsDriver]:
    async with opened(tmp_path) as driver:
        yield driver
