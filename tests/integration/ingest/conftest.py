from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.testing.clock import FakeClock
from tests.integration.ingest.stage import Stage, open_stage


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def stage(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, clock) as stage:
        yield stage
