"""A shop with thirty days of history for the tests of pages."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.lived_shop import LivedShop, OpenShop, made, opened


@pytest.fixture(scope="session")
def lived_shop(tmp_path_factory: pytest.TempPathFactory) -> LivedShop:
    """The folder of a shop with history, made once a test run."""
    return made(tmp_path_factory)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop_with_history(lived_shop: LivedShop, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OpenShop]:
    """A running copy of it for the tests of one module, which say `pytest.mark.asyncio(loop_scope="module")`."""
    async with opened(lived_shop, tmp_path_factory.mktemp("shop") / "copy") as shop:
        yield shop
