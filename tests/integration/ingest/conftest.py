from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.testing.clock import FakeClock
from tests.integration.ingest.driver import IngestDriver, open_ingest


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def driver(tmp_path: Path, clock: FakeClock) -> AsyncIterator[IngestDriver]:
    async with open_ingest(tmp_path, clock) as driver:
        yield driver
