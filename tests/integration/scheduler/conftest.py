from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.scheduler.driver import SchedulerDriver, open_driver


@pytest.fixture
async def driver(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[SchedulerDriver]:
    """A scheduler; `@pytest.mark.parametrize("driver", [{...}], indirect=True)` changes the merchants folder."""
    async with open_driver(tmp_path, **getattr(request, "param", {})) as driver:
        yield driver
