from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.connectors.driver import ConnectorsDriver, open_driver
from tests.web_receiver import WebReceiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[WebReceiver]:
    """The web server of the merchants."""
    async with receiving() as server:
        yield server


@pytest.fixture
async def driver(tmp_path: Path, receiver: WebReceiver) -> AsyncIterator[ConnectorsDriver]:
    async with open_driver(tmp_path, receiver) as driver:
        yield driver
