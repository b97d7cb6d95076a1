"""The rush: while texts that may go are left over, receipts wait for them, and a STOP waits for nothing."""

import asyncio

import pytest

from services.sender.numbers.backpressure import HOLD_SECONDS
from shared.events.dispatch import DispatchDelivered
from tests.integration.sender.driver import SenderDriver


async def one_pass(driver: SenderDriver, *, texts: int, **settings: int) -> float:
    """Send what one pass takes of so many texts; return how long receipts wait now."""
    driver.restarted(**settings)
    await driver.hear(*(driver.cleared(number) for number in range(1, texts + 1)))
    await driver.send()
    return driver.sender.backpressure.hold_seconds()


async def test_there_is_backpressure_while_a_pass_leaves_texts_behind_that_might_go(driver: SenderDriver) -> None:
    assert await one_pass(driver, texts=5, group_texts=2) == HOLD_SECONDS
    driver.clock.advance(seconds=0.5)
    assert driver.sender.backpressure.hold_seconds() == 0


async def test_it_lasts_until_the_last_text_is_called(driver: SenderDriver) -> None:
    await one_pass(driver, texts=5, group_texts=2)
    driver.clock.advance(seconds=0.4)
    await driver.send()
    driver.clock.advance(seconds=0.4)
    assert driver.sender.backpressure.hold_seconds() == HOLD_SECONDS
    await driver.send()
    driver.clock.advance(seconds=0.2)
    assert driver.sender.backpressure.hold_seconds() == 0


async def test_texts_that_all_go_in_one_pass_are_no_backpressure(driver: SenderDriver) -> None:
    assert await one_pass(driver, texts=2) == 0


@pytest.mark.parametrize("driver", [{"parts_per_second": 1}], indirect=True)
async def test_a_number_at_its_own_rate_is_no_backpressure(driver: SenderDriver) -> None:
    assert await one_pass(driver, texts=5) == 0
    assert len(driver.provider.texts) == 1


async def test_meanwhile_a_receipt_waits_and_a_stop_does_not(
    driver: SenderDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.sender.numbers.backpressure.HOLD_SECONDS", 0.5)
    await one_pass(driver, texts=5, group_texts=2)
    receipt = asyncio.create_task(driver.http.post(**driver.provider.texts[0].receipt("delivered")))
    await asyncio.sleep(0)
    answer = await driver.reply("STOP")
    assert answer.is_success
    assert [person["suppressed"] for person in await driver.people() if person["suppressed"]] == ["opt_out"]
    assert not receipt.done()
    assert (await receipt).is_success
    assert len(await driver.published(DispatchDelivered)) == 1
