"""Controls that are many, large, cut off or about somebody who is gone; and what one merchant's do to another's."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from services.compliance.gate.advice import advise
from services.scheduler import app
from services.scheduler.tables import controls, paused
from shared.events.consent import RecipientErased
from shared.events.control import ControlChanged
from shared.http.auth import Caller
from shared.http.quota import QuotaUsage
from shared.testing import make, make_scheduler
from tests.integration.scheduler.driver import SchedulerDriver
from tests.integration.scheduler.test_controls import FLOW, change, loop_of, pause, shown, work

MERCHANT = {"merchant": "acme"}


async def plan(driver: SchedulerDriver, people: int) -> None:
    """Let so many people buy: two texts for each."""
    await driver.hear(*(driver.trigger(subject=f"order-{n}", phone=f"+1212555{1000 + n}") for n in range(people)))


async def stop_of(driver: SchedulerDriver, merchant: str) -> httpx2.Response:
    body = {"action": "stop", "scope": {"merchant": merchant}, "reason": "wrong code"}
    return await driver.http.post("/v1/controls", json=body, headers=driver.headers(merchant=merchant))


async def progress(driver: SchedulerDriver, merchant: str) -> list[int]:
    found = (await driver.get("/v1/controls", merchant)).json()["controls"]
    return [each["cancelled"] for each in found]


async def test_a_stop_that_was_cut_off_between_two_batches_is_gone_on_with_by_the_next_process(
    driver: SchedulerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.scheduler.controls.loop._CANCELLING", 3)
    await plan(driver, 5)
    await change(driver, "stop", MERCHANT)
    await loop_of(driver.service)()
    assert await progress(driver, "acme") == [3]
    driver.service = app.build(driver.harness.runtime, advise)
    await work(driver)
    assert {state for state, _ in await driver.states()} == {"cancelled"}
    assert [(each["cancelled"], each["in_progress"]) for each in await shown(driver)] == [(10, False)]


async def test_a_resume_that_was_cut_off_between_two_batches_is_gone_on_with_by_the_next_process(
    driver: SchedulerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.scheduler.controls.loop._WAKING", 2)
    await plan(driver, 5)
    await pause(driver, FLOW)
    await driver.fire(hours=1)
    await change(driver, "resume", FLOW)
    await loop_of(driver.service)()
    assert len(await driver.harness.rows(sa.select(paused))) == 3
    driver.service = app.build(driver.harness.runtime, advise)
    await work(driver)
    await driver.fire()
    assert len({due.follow_up_id for due in await driver.dues()}) == len(await driver.dues()) == 5


async def test_a_merchant_with_a_long_stop_lets_the_one_of_another_merchant_have_its_turn(
    driver: SchedulerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.scheduler.controls.loop._CANCELLING", 2)
    await plan(driver, 6)
    for number in range(3):
        body = {"to": f"+1212555{1000 + number}", "text": "Ready.", "purpose": "transactional", "due_in": "1h"}
        headers = driver.headers(merchant="globex")
        assert (await driver.http.post("/v1/follow-ups", json=body, headers=headers)).status_code == 202
    for merchant in ("acme", "globex"):
        assert (await stop_of(driver, merchant)).status_code == 202
    for _ in range(2):
        await loop_of(driver.service)()
    assert [await progress(driver, merchant) for merchant in ("acme", "globex")] == [[2], [2]]


async def test_a_pause_in_a_pause_keeps_the_text_until_both_are_over(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    await pause(driver, FLOW)
    await driver.fire(hours=1)
    await pause(driver, MERCHANT)
    for scope, dues in ((FLOW, 0), (MERCHANT, 1)):
        await change(driver, "resume", scope)
        await work(driver)
        await driver.fire()
        assert len(await driver.dues()) == dues


async def test_a_person_who_is_erased_leaves_no_control_and_nothing_that_waits_for_one(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    person = {"to": make_scheduler.PHONE}
    await pause(driver, person, reason="Ana asked for it")
    await driver.fire(hours=1)
    assert len(await driver.harness.rows(sa.select(paused))) == 1
    await driver.hear(make.event(RecipientErased, recipient_id=make_scheduler.recipient(driver.sealer)))
    assert await driver.harness.rows(sa.select(controls)) == []
    assert await driver.harness.rows(sa.select(paused)) == []
    assert {state for state, _ in await driver.states()} == {"cancelled"}
    assert (await change(driver, "resume", person)).json()["code"] == "nothing_in_force"


async def test_a_lift_writes_nothing_over_what_the_sender_or_the_loop_has_stored(
    driver: SchedulerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.scheduler.controls.loop._CANCELLING", 2)
    await plan(driver, 3)
    await change(driver, "stop", MERCHANT)
    await loop_of(driver.service)()
    await change(driver, "resume", MERCHANT)
    await work(driver)
    (ended,) = await shown(driver, "/v1/controls?state=all")
    assert (ended["cancelled"], ended["in_progress"]) == (2, False)


async def test_a_thousand_controls_are_the_most_and_the_answer_says_what_to_do(
    driver: SchedulerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.scheduler.controls.api._MOST_IN_FORCE", 2)
    for number in range(2):
        await pause(driver, {"to": f"+1212555010{number}"})
    refused = await change(driver, "pause", MERCHANT)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_controls")
    assert "lift some" in refused.json()["detail"]


async def test_who_asks_too_often_waits_and_another_merchant_does_not(
    driver: SchedulerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.scheduler.controls.api._AT_ONCE", 2.0)
    answers = [await change(driver, "pause", MERCHANT) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].headers["Retry-After"] == "1"
    assert (await stop_of(driver, "globex")).status_code == 202
    driver.clock.advance(seconds=1)
    assert (await change(driver, "resume", MERCHANT)).status_code == 202


@pytest.mark.parametrize("driver", [{"more": "quotas: {events_per_second: 1}"}], indirect=True)
async def test_a_flood_that_has_used_up_the_quota_does_not_keep_its_merchant_from_pausing(
    driver: SchedulerDriver,
) -> None:
    merchant = driver.harness.runtime.merchants.get(make_scheduler.MERCHANT)
    assert merchant is not None
    caller = Caller(merchant, "k", frozenset(), "x")
    while driver.harness.runtime.quotas.refusal(caller, QuotaUsage("/v1/events", 100, 0)) is None:
        pass
    await pause(driver, MERCHANT)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "two\nlines"}, "reason"),
        ({"reason": " "}, "reason"),
        ({"scope": {"flow": "x" * 50_000}}, "flow"),
        ({"scope": {"to": "1" * 41}}, "to"),
        ({"scope": {"number": "9" * 10_000}}, "number"),
        ({"scope": {"recipient": "all"}}, "recipient"),
        ({"until": "2026-01-01T00:00:00Z"}, "until"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
async def test_what_is_too_large_or_senseless_is_refused_with_its_field(
    driver: SchedulerDriver, body: dict[str, Any], field: str
) -> None:
    answer = await driver.http.post(
        "/v1/controls",
        json={"action": "pause", "scope": MERCHANT, "reason": "r", **body},
        headers=driver.headers(),
    )
    assert answer.status_code in {413, 422}
    assert field in answer.text
    assert await driver.harness.rows(sa.select(controls)) == []


async def test_a_pause_that_ends_by_itself_takes_no_step_before(driver: SchedulerDriver) -> None:
    until = driver.clock.now() + timedelta(hours=1)
    for number in range(3):
        await pause(driver, {"to": f"+1212555010{number}"}, until=until.isoformat())
    assert await loop_of(driver.service)() > 0
    driver.clock.advance(hours=1)
    await work(driver)
    lifted = [event for event in await driver.published(ControlChanged) if event.lifted_at is not None]
    assert {event.lifted_at for event in lifted} == {until}
    assert len(lifted) == 3
