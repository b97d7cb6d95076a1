from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.compliance.driver import ComplianceDriver, opened


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[ComplianceDriver]:
    async with opened(tmp_path) as driver:
        yield driver
