"""The rush: while texts that may go are left over, receipts wait for them, and a STOP waits for nothing."""

import asyncio

import pytest

from services.sender.numbers.backpressure import HOLD_SECONDS
from shared.events.dispatch import DispatchDelivered
from tests.integration.sender.desk import Desk


async def one_pass(desk: Desk, *, texts: int, **settings: int) -> float:
    """Send what one pass takes of so many texts; return how long receipts wait now."""
    desk.restarted(**settings)
    await desk.hear(*(desk.cleared(number) for number in range(1, texts + 1)))
    await desk.send()
    return desk.sender.rush.hold_seconds()


async def test_there_is_a_rush_while_a_pass_leaves_texts_behind_that_might_go(desk: Desk) -> None:
    assert await one_pass(desk, texts=5, group_texts=2) == HOLD_SECONDS
    desk.clock.advance(seconds=0.5)
    assert desk.sender.rush.hold_seconds() == 0


async def test_it_lasts_until_the_last_text_is_called(desk: Desk) -> None:
    await one_pass(desk, texts=5, group_texts=2)
    desk.clock.advance(seconds=0.4)
    await desk.send()
    desk.clock.advance(seconds=0.4)
    assert desk.sender.rush.hold_seconds() == HOLD_SECONDS
    await desk.send()
    desk.clock.advance(seconds=0.2)
    assert desk.sender.rush.hold_seconds() == 0


async def test_texts_that_all_go_in_one_pass_are_no_rush(desk: Desk) -> None:
    assert await one_pass(desk, texts=2) == 0


@pytest.mark.parametrize("desk", [{"parts_per_second": 1}], indirect=True)
async def test_a_number_that_pushes_no_faster_is_no_rush(desk: Desk) -> None:
    assert await one_pass(desk, texts=5) == 0
    assert len(desk.provider.texts) == 1


async def test_meanwhile_a_receipt_waits_and_a_stop_does_not(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.sender.numbers.backpressure.HOLD_SECONDS", 0.5)
    await one_pass(desk, texts=5, group_texts=2)
    receipt = asyncio.create_task(desk.http.post(**desk.provider.texts[0].receipt("delivered")))
    await asyncio.sleep(0)
    answer = await desk.reply("STOP")
    assert answer.is_success
    assert [person["suppressed"] for person in await desk.people() if person["suppressed"]] == ["opt_out"]
    assert not receipt.done()
    assert (await receipt).is_success
    assert len(await desk.published(DispatchDelivered)) == 1
