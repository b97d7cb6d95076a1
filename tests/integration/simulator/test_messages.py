from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.simulator.driver import PHONE, SHOP_NUMBER, SimulatorDriver


async def test_lists_are_newest_first_and_paged_to_the_end(driver: SimulatorDriver) -> None:
    for number in range(5):
        await driver.post(Body=f"text {number}")
    await driver.post(To="+13125550111", Body="to another")
    page = await driver.get(driver.messages, To=PHONE, PageSize="2")
    bodies = [text["body"] for text in page["messages"]]
    while page["next_page_uri"]:
        page = await driver.get(page["next_page_uri"])
        bodies += [text["body"] for text in page["messages"]]
    assert bodies == ["text 4", "text 3", "text 2", "text 1", "text 0"]


async def test_lists_are_narrowed_by_sender_and_account(driver: SimulatorDriver) -> None:
    await driver.post(Body="one")
    await driver.post(From="+12025550177", Body="two")
    assert [text["body"] for text in (await driver.get(driver.messages, From="+12025550177"))["messages"]] == ["two"]


async def test_a_text_not_sent_yet_matches_no_date_filter(driver: SimulatorDriver) -> None:
    await driver.hold(seconds=None, before="sent")
    await driver.post()
    today = datetime.now(UTC).date()
    recent = {"To": PHONE, "DateSent>": str(today - timedelta(days=1))}
    assert (await driver.get(driver.messages, **recent))["messages"] == []
    assert len((await driver.get(driver.messages, To=PHONE))["messages"]) == 1
    await driver.hold(seconds=0)
    await driver.until_statuses(["delivered"])
    assert len((await driver.get(driver.messages, **recent))["messages"]) == 1
    assert (await driver.get(driver.messages, **{"DateSent<": str(today - timedelta(days=2))}))["messages"] == []
    assert (await driver.get(driver.messages, DateSent="2020-02-02"))["messages"] == []


async def test_a_held_text_is_delivered_when_the_phone_is_let_go(driver: SimulatorDriver) -> None:
    await driver.hold(seconds=None, before="delivered")
    await driver.post()
    await driver.until_statuses(["sent"])
    await driver.hold(seconds=0)
    await driver.until_statuses(["delivered"])


async def test_a_text_queued_beyond_its_validity_fails_and_is_never_sent(
    driver_with: Callable[..., SimulatorDriver], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offset_file = tmp_path / "offset"
    monkeypatch.setenv("FOLLOWUP_CLOCK_FILE", str(offset_file))
    async with driver_with() as driver:
        await driver.hold(seconds=None)
        await driver.post(ValidityPeriod="600", StatusCallback=f"{driver.shop.url}/r?attempt=1")
        offset_file.write_text("3600")
        await driver.shop.until(lambda: "failed" in driver.shop.statuses())
        assert driver.shop.calls[-1].form["ErrorCode"] == "30036"
        text = (await driver.get(driver.messages))["messages"][0]
        assert (text["status"], text["error_code"], text["date_sent"]) == ("failed", 30036, None)


async def test_requests_without_the_account_s_own_credentials_are_turned_away(driver: SimulatorDriver) -> None:
    for credentials in ({}, {"Authorization": "Basic !!"}, {"Authorization": "Bearer x"}):
        async with driver.http.get(driver.messages, headers=credentials) as answer:
            assert answer.status == 401
    async with driver.http.get(driver.messages.replace("AC0", "AC1"), headers=driver.credentials) as answer:
        assert answer.status == 401


async def test_stop_blocks_at_the_provider_and_start_lifts_it_where_the_provider_answers(
    driver_with: Callable[..., SimulatorDriver],
) -> None:
    async with driver_with(answers_keywords=True) as driver:
        await driver.post()
        await driver.reply("stop ")
        refused = await driver.post()
        assert (refused[0], refused[1]["code"]) == (400, 21610)
        assert (await driver.post(From="+12025550177"))[0] == 201
    async with driver_with(answers_keywords=frozenset({SHOP_NUMBER})) as restarted:
        assert (await restarted.post())[0] == 400
        await restarted.reply("START", to=SHOP_NUMBER)
        assert (await restarted.post())[0] == 201
        texts = (await restarted.get(f"/simulator/phones/{PHONE}.json"))["texts"]
        answers = [text["body"] for text in texts if text["direction"] == "outbound-reply"]
        assert len(answers) == 2
        assert "unsubscribed" in answers[0]
        assert "re-subscribed" in answers[1]
        stops = [call.form["Body"] for call in restarted.shop.calls if "Body" in call.form]
        assert "stop " in stops


async def test_stop_is_left_to_the_application_by_default(driver: SimulatorDriver) -> None:
    await driver.post()
    await driver.reply("STOP")
    assert (await driver.post())[0] == 201
    await driver.shop.until(lambda: any(call.form.get("Body") == "STOP" for call in driver.shop.calls))
    assert "outbound-reply" not in [t["direction"] for t in (await driver.get("/simulator/texts"))["texts"]]


async def test_a_twiml_answer_is_sent_back_to_the_phone(driver: SimulatorDriver) -> None:
    driver.shop.answer = "<Response><Message>Thanks &amp; bye</Message></Response>"
    await driver.post()
    assert (await driver.reply("Hi"))["http_status"] == 201
    await driver.until_statuses(["delivered", "received", "delivered"])
    assert (await driver.get("/simulator/texts"))["texts"][0]["body"] == "Thanks & bye"


async def test_a_reply_from_a_phone_without_any_text_needs_a_number(driver: SimulatorDriver) -> None:
    assert (await driver.reply("Hi"))["http_status"] == 422
    assert (await driver.reply("Hi", to=SHOP_NUMBER))["http_status"] == 201
    assert (await driver.reply(""))["http_status"] == 400
