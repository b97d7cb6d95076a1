"""A whole application with a shop in it, in this process, on a port of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.demo.environment import RunningDemo, running_demo


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[RunningDemo]:
    async with running_demo(tmp_path / "shop") as running:
        yield running
