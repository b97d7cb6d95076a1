"""The simulated provider calls the application and no other address, whatever a request asks for."""

from pathlib import Path

import pytest

from services.simulator.config import SimulatorConfig
from tests.integration.simulator.driver import ACCOUNT, TOKEN, Shop, SimulatorDriver

PREFIX = "http://127.0.0.1:8080/v1/providers/"


@pytest.mark.parametrize(
    "callback",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:8080/simulator/phones/+12025550123/hold",
        "http://127.0.0.1:8080/v1/providers/../../simulator/faults",
        "http://127.0.0.1:8080/v1/providers/%2e%2e/%2E%2E/simulator/faults",
        "http://127.0.0.1:8080@evil.example/v1/providers/",
        "http://127.0.0.1:80801/v1/providers/",
        "http://127.0.0.1:8080.evil.example/v1/providers/",
        "https://127.0.0.1:8080/v1/providers/main/acme/receipts",
        "http://localhost:8080/v1/providers/main/acme/receipts",
    ],
)
async def test_a_callback_to_anybody_but_the_application_is_refused_as_twilio_refuses_one(
    tmp_path: Path, callback: str
) -> None:
    async with SimulatorDriver(
        tmp_path / "texts.sqlite", Shop(), inbound_url=None, callback_prefixes=(PREFIX,)
    ) as driver:
        status, answer = await driver.post(StatusCallback=callback)
        assert (status, answer["code"]) == (400, 21609)
        assert (await driver.post(StatusCallback=f"{PREFIX}main/acme/receipts?attempt=1..2"))[0] == 201


async def test_a_redirection_is_not_followed(driver: SimulatorDriver) -> None:
    driver.shop.redirects_to = f"{driver.url}/simulator/phones/+12025550123/hold"
    await driver.post(StatusCallback=f"{driver.shop.url}/r?attempt=1")
    await driver.shop.until(lambda: len(driver.shop.calls) == 3)
    await driver.until_statuses(["delivered"])
    assert {text["callback_result"] for text in (await driver.get("/simulator/texts"))["texts"]} == {"HTTP 307"}


async def test_a_callback_that_was_recorded_before_is_not_made_any_more(tmp_path: Path, shop: Shop) -> None:
    async with SimulatorDriver(tmp_path / "texts.sqlite", shop, latency_ms=60_000) as first:
        await first.post(StatusCallback="http://127.0.0.1:9/elsewhere")
    prefixes = (f"{shop.url}/",)
    async with SimulatorDriver(tmp_path / "texts.sqlite", shop, latency_ms=20, callback_prefixes=prefixes) as second:
        await second.post(StatusCallback=f"{shop.url}/r")
        await shop.until(lambda: len(shop.calls) >= 1)
        old = (await second.get("/simulator/texts"))["texts"][-1]
        assert old["callback_result"] in {None, "ClientConnectorError", "NotTheApplication"}


def test_a_prefix_ends_where_a_host_or_path_does(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="slash"):
        SimulatorConfig(data_file=tmp_path / "x", accounts={ACCOUNT: TOKEN}, callback_prefixes=("http://127.0.0.1:80",))
