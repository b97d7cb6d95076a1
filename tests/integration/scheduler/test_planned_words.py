"""The words of a text that has not gone yet: shown as they would read now, to whom, and each reading on record."""

from typing import Any

from services.scheduler import caller_brake
from shared.testing.make_scheduler import OTHER_MERCHANT
from tests.integration.scheduler.driver import SchedulerDriver
from tests.integration.scheduler.test_cancelling import cancel, entries

ANNA = {"first_name": "Anna", "time_zone": "America/Chicago"}


async def planned(driver: SchedulerDriver, text: str = "Hi {{ recipient.first_name }}, see you.") -> str:
    body: dict[str, Any] = {
        "to": "+12125550123",
        "text": text,
        "purpose": "marketing",
        "due_in": "1h",
        "recipient": ANNA,
    }
    answer = await driver.ask(**body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["follow_up_id"])


async def test_a_planned_text_reads_as_it_would_be_sent_and_the_reading_is_on_record(driver: SchedulerDriver) -> None:
    key = await planned(driver)
    answer = await driver.get(f"/v1/follow-ups/{key}/preview")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["is_preview"] is True
    assert "Hi Anna, see you." in found["text"]
    assert "STOP" in found["text"]
    assert found["parts"]["parts"] == 1
    assert found["due_local"].endswith(("-05:00", "-06:00"))
    [done] = await entries(driver)
    assert (done["action"], done["subject"], done["counts"]) == ("text.revealed", key, {"texts": 1})
    assert await driver.dues() == []
    assert [state for state, _reason in await driver.states()] == ["pending"]


async def test_another_shops_text_is_not_found_and_one_that_ended_has_no_preview(driver: SchedulerDriver) -> None:
    key = await planned(driver)
    path = f"/v1/follow-ups/{key}/preview"
    assert (await driver.get(path, OTHER_MERCHANT)).status_code == 404
    await cancel(driver, follow_ups=[key])
    ended = await driver.get(path)
    assert (ended.status_code, ended.json()["code"]) == (409, "not_pending")
    assert "this follow-up is cancelled" in ended.json()["detail"]
    assert [each["action"] for each in await entries(driver)] == ["follow-up.cancelled"]


async def test_who_reads_one_text_after_the_other_is_slowed_down(driver: SchedulerDriver) -> None:
    path = f"/v1/follow-ups/{await planned(driver)}/preview"
    for _ in range(int(caller_brake.AT_ONCE)):
        assert (await driver.get(path)).status_code == 200
    refused = await driver.get(path)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    driver.clock.advance(seconds=1)
    assert (await driver.get(path)).status_code == 200
