from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.sender.driver import SenderDriver, open_driver


@pytest.fixture
async def driver(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[SenderDriver]:
    """A driver; `@pytest.mark.parametrize("driver", [{...}], indirect=True)` changes the merchant's file."""
    async with open_driver(tmp_path, **getattr(request, "param", {})) as driver:
        yield driver
