from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.scheduler.stage import Stage, open_stage


@pytest.fixture
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A stage; `@pytest.mark.parametrize("stage", [{...}], indirect=True)` changes the merchants folder."""
    async with open_stage(tmp_path, **getattr(request, "param", {})) as stage:
        yield stage
