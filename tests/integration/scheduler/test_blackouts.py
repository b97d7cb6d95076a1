"""Days on which a shop sends no texts of some purposes: due texts wait for their end."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.events.follow_up import FollowUpLapsed
from shared.testing import make_scheduler
from shared.testing.clock import START
from tests.integration.scheduler.driver import SchedulerDriver
from tests.integration.scheduler.test_controls import change, work

TODAY = {"more": "blackouts: [{from: 2026-12-01, to: 2026-12-02, why: holidays}]\n"}
"""The tests begin on 1 December, 12:00 in New York."""
END = "2026-12-03T05:00:00Z"
LONG = {"more": "blackouts: [{from: 2026-12-01, to: 2026-12-20, purposes: [marketing, transactional]}]\n"}
today = pytest.mark.parametrize("driver", [TODAY], indirect=True)


async def ask(driver: SchedulerDriver, purpose: str = "marketing", **more: str) -> None:
    answer = await driver.ask(to=make_scheduler.PHONE, text="Ready.", purpose=purpose, due_in="1h", **more)
    assert answer.status_code == 202, answer.text


async def days(driver: SchedulerDriver, hours: int) -> None:
    """Let hours pass, with a step of the loop in each."""
    for _ in range(hours):
        await driver.fire(hours=1)


@today
async def test_due_marketing_waits_until_the_last_day_is_over(driver: SchedulerDriver) -> None:
    await ask(driver)
    await days(driver, 35)  # 23:00 of the second day
    assert await driver.dues() == []
    assert await driver.states() == [("pending", "blackout")]
    await driver.fire(minutes=59, seconds=59)
    assert await driver.dues() == []
    await driver.fire(seconds=1)
    assert len(await driver.dues()) == 1


@today
async def test_texts_of_other_purposes_go(driver: SchedulerDriver) -> None:
    await ask(driver, "transactional")
    await driver.fire(hours=1)
    assert len(await driver.dues()) == 1


@today
async def test_a_waiting_text_says_until_when_and_why(driver: SchedulerDriver) -> None:
    await ask(driver)
    await days(driver, 2)
    (found,) = (await driver.get("/v1/follow-ups")).json()["follow_ups"]
    assert found["progress"] == {"doing": "waiting", "waits_for": "blackout", "until": END, "detail": "holidays"}


@today
async def test_a_text_that_expires_meanwhile_ends_at_its_expiry(driver: SchedulerDriver) -> None:
    await ask(driver, expires_at=(START + timedelta(hours=6)).isoformat())
    await days(driver, 2)
    (found,) = (await driver.get("/v1/follow-ups")).json()["follow_ups"]
    assert found["progress"]["until"] == (START + timedelta(hours=6)).isoformat().replace("+00:00", "Z")
    await days(driver, 5)
    assert await driver.states() == [("expired", "expire_after")]


@today
async def test_a_blackout_that_is_taken_back_lets_texts_go_within_six_hours(
    driver: SchedulerDriver, tmp_path: Path
) -> None:
    await ask(driver)
    await days(driver, 2)
    path = tmp_path / "merchants" / "acme" / "merchant.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(TODAY["more"], ""), encoding="utf-8")
    assert driver.harness.runtime.merchants.reload_if_changed()
    await days(driver, 6)
    assert len(await driver.dues()) == 1


@today
async def test_what_the_sender_gives_back_waits_for_the_end(driver: SchedulerDriver) -> None:
    await ask(driver, "transactional")
    await driver.fire(hours=1)
    (due,) = await driver.dues()
    await driver.hear(driver.answer(FollowUpLapsed, due, reason="blackout"))
    await driver.fire(minutes=1)
    assert len(await driver.dues()) == 2  # the sender had other files: transactional texts are under no blackout here


@today
async def test_a_pause_is_stronger_than_a_blackout_and_ends_into_it(driver: SchedulerDriver) -> None:
    await ask(driver)
    await change(driver, "pause", {"merchant": "acme"})
    await days(driver, 2)
    assert await driver.states() == [("pending", "texts_paused")]
    await change(driver, "resume", {"merchant": "acme"})
    await work(driver)
    await driver.fire()
    assert await driver.states() == [("pending", "blackout")]


@pytest.mark.parametrize("driver", [LONG], indirect=True)
async def test_the_gate_counts_from_the_end_of_a_blackout_longer_than_it_may_defer(driver: SchedulerDriver) -> None:
    await ask(driver)
    await days(driver, 20 * 24)
    (due,) = await driver.dues()
    assert due.first_due_at.isoformat() == "2026-12-21T05:00:00+00:00"


@today
async def test_a_merchant_waits_for_its_own_days_alone(driver: SchedulerDriver) -> None:
    body = {"to": make_scheduler.PHONE, "text": "Ready.", "purpose": "marketing", "due_in": "1h"}
    other = driver.headers(merchant=make_scheduler.OTHER_MERCHANT)
    assert (await driver.http.post("/v1/follow-ups", json=body, headers=other)).status_code == 202
    await driver.fire(hours=1)
    assert [due.merchant_id for due in await driver.dues()] == [make_scheduler.OTHER_MERCHANT]
