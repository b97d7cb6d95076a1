from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.sender.desk import Desk, open_desk


@pytest.fixture
async def desk(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """A desk; `@pytest.mark.parametrize("desk", [{...}], indirect=True)` changes the merchant's file."""
    async with open_desk(tmp_path, **getattr(request, "param", {})) as desk:
        yield desk
