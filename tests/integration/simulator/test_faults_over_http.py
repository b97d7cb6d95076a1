import asyncio

import aiohttp
import pytest

from tests.integration.simulator.driver import PHONE, SHOP_NUMBER, SimulatorDriver, eventually


async def test_a_text_is_accepted_though_its_answer_never_comes(driver: SimulatorDriver) -> None:
    await driver.faults({"kind": "accepted_then_timeout", "next": 1})
    asked = asyncio.create_task(driver.post(StatusCallback=f"{driver.shop.url}/r?attempt=1"))
    await driver.shop.until(lambda: "delivered" in driver.shop.statuses())
    assert not asked.done()
    asked.cancel()
    assert (await driver.post())[0] == 201
    assert len(await driver.statuses()) == 2


async def test_a_text_is_accepted_though_the_connection_is_reset(driver: SimulatorDriver) -> None:
    await driver.faults({"kind": "accepted_then_reset", "next": 1})
    reader, writer = await asyncio.open_connection("127.0.0.1", int(driver.url.rpartition(":")[2]))
    body = f"To=%2B{PHONE[1:]}&From=%2B{SHOP_NUMBER[1:]}&Body=Hello"
    writer.write(
        f"POST {driver.messages} HTTP/1.1\r\nHost: x\r\nAuthorization: {driver.credentials['Authorization']}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    with pytest.raises(ConnectionResetError):
        await writer.wait_closed()
    assert len(await driver.statuses()) == 1


async def test_a_500_after_accepting_leaves_a_text_and_a_503_before_it_leaves_none(driver: SimulatorDriver) -> None:
    await driver.faults({"kind": "accepted_then_500", "next": 1}, {"kind": "unavailable", "next": 1})
    assert [(await driver.post())[0] for _ in range(3)] == [500, 503, 201]
    assert len(await driver.statuses()) == 2


async def test_a_throttled_text_is_answered_with_when_to_retry_and_leaves_nothing(driver: SimulatorDriver) -> None:
    await driver.faults({"kind": "throttle", "next": 1, "retry_after_seconds": 3})
    form = {"To": PHONE, "From": SHOP_NUMBER, "Body": "Hello"}
    async with driver.http.post(driver.messages, data=form, headers=driver.credentials) as answer:
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "3"
        assert (await answer.json())["code"] == 20429
    assert await driver.statuses() == []


async def test_refusals_name_the_code_asked_for_and_strike_only_the_number_named(driver: SimulatorDriver) -> None:
    await driver.faults({"kind": "refuse", "code": 30007, "to": "+1202*"}, {"kind": "opted_out", "to": "+44*"})
    assert (await driver.post())[1]["code"] == 30007
    assert (await driver.post(To="+447700900123"))[1]["code"] == 21610
    assert (await driver.post(To="+13125550111"))[0] == 201


async def test_a_slow_answer_comes_after_the_text_is_on_record(driver: SimulatorDriver) -> None:
    await driver.faults({"kind": "slow", "delay_ms": 400})
    sending = asyncio.create_task(driver.post())
    await driver.until_statuses(["delivered"])
    assert not sending.done()
    assert (await sending)[0] == 201


@pytest.mark.parametrize(("kind", "status"), [("undelivered", "undelivered"), ("failed", "failed")])
async def test_a_text_that_does_not_arrive_says_why(driver: SimulatorDriver, kind: str, status: str) -> None:
    await driver.faults({"kind": kind, "code": 30005})
    await driver.post(StatusCallback=f"{driver.shop.url}/r?attempt=1")
    await driver.shop.until(lambda: status in driver.shop.statuses())
    final = next(call.form for call in driver.shop.calls if call.form["MessageStatus"] == status)
    assert final["ErrorCode"] == "30005"


async def test_receipts_come_out_of_order_repeated_or_not_at_all(driver: SimulatorDriver) -> None:
    callback = f"{driver.shop.url}/r?attempt=1"
    await driver.faults({"kind": "receipts_disordered", "next": 1})
    await driver.post(StatusCallback=callback)
    await driver.shop.until(lambda: len(driver.shop.calls) == 3)
    assert driver.shop.statuses() == ["delivered", "sent", "queued"]

    driver.shop.calls.clear()
    await driver.faults({"kind": "receipts_repeated", "times": 3, "statuses": ["delivered"]})
    await driver.post(StatusCallback=callback)
    await driver.shop.until(lambda: len(driver.shop.calls) == 5)
    assert sorted(driver.shop.statuses()) == ["delivered", "delivered", "delivered", "queued", "sent"]

    driver.shop.calls.clear()
    await driver.faults({"kind": "receipts_lost", "statuses": ["delivered"]})
    await driver.post(StatusCallback=callback)
    await driver.until_statuses(["delivered"] * 3)
    await driver.shop.until(lambda: len(driver.shop.calls) == 2)
    assert sorted(driver.shop.statuses()) == ["queued", "sent"]


async def test_faults_are_listed_with_their_strikes_and_can_be_cleared(driver: SimulatorDriver) -> None:
    await driver.faults({"kind": "refuse", "next": 5})
    await driver.post()
    assert (await driver.get("/simulator/faults"))["rules"] == [{"kind": "refuse", "next": 5, "struck": 1}]
    async with driver.http.delete("/simulator/faults") as answer:
        assert answer.status == 204
    assert (await driver.post())[0] == 201


async def test_an_unknown_fault_is_refused_and_the_old_rules_stay(driver: SimulatorDriver) -> None:
    await driver.faults({"kind": "refuse"})
    async with driver.http.put("/simulator/faults", json={"rules": [{"kind": "meteor"}]}) as answer:
        assert answer.status == 400
        assert "rules.0.kind" in (await answer.json())["detail"]
    assert (await driver.post())[0] == 400


async def test_the_shop_being_down_does_not_stop_a_text(driver: SimulatorDriver) -> None:
    await driver.post(StatusCallback="http://127.0.0.1:9/gone")
    await driver.until_statuses(["delivered"])

    async def nothing_is_owed() -> bool:
        return bool((await driver.get("/simulator/health"))["on_the_way"] == 0)

    await eventually(nothing_is_owed)
    text = (await driver.get("/simulator/texts"))["texts"][0]
    assert text["callback_result"] == aiohttp.ClientConnectorError.__name__
