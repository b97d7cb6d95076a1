"""Pause, stop and let go on: what becomes of texts that are due, planned, queued or released meanwhile."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
import sqlalchemy as sa

from services.scheduler.tables import controls, paused
from shared.bus.partitioning import WHOLE_MERCHANT
from shared.events.control import ControlChanged, ControlObeyed
from shared.events.follow_up import FollowUpLapsed
from shared.ids import EventId
from shared.service import Service
from shared.testing import make_scheduler
from shared.testing.clock import START
from tests.integration.scheduler.driver import SchedulerDriver

FLOW = {"flow": "order-thank-you"}


async def change(driver: SchedulerDriver, action: str, scope: dict[str, Any], **more: Any) -> httpx2.Response:
    body = {"action": action, "scope": scope, "reason": "wrong code", **more}
    return await driver.http.post("/v1/controls", json=body, headers=driver.headers())


async def pause(driver: SchedulerDriver, scope: dict[str, Any], **more: Any) -> UUID:
    answer = await change(driver, "pause", scope, **more)
    assert answer.status_code == 202, answer.text
    return UUID(answer.json()["controls"][0]["control_id"])


async def work(driver: SchedulerDriver) -> None:
    """Let the loop of controls do everything that is to be done."""
    while await loop_of(driver.service)() == 0:
        pass


def loop_of(service: Service) -> Callable[[], Awaitable[float]]:
    """Return one step of the loop of controls."""
    return next(loop._step for loop in service.loops if loop.name == "controls")


async def shown(driver: SchedulerDriver, path: str = "/v1/controls") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await driver.get(path)).json()["controls"]
    return found


@pytest.mark.parametrize(
    "scope",
    [
        {"merchant": "acme"},
        FLOW,
        {**FLOW, "step": "thanks"},
        {"number": make_scheduler.SENDER_NUMBER},
        {"provider": "main"},
        {"to": make_scheduler.PHONE},
    ],
    ids="-".join,
)
async def test_a_due_text_under_a_pause_stays_pending_until_it_is_lifted(
    driver: SchedulerDriver, scope: dict[str, Any]
) -> None:
    await driver.hear(driver.trigger())
    await pause(driver, scope)
    await driver.fire(hours=1)
    assert await driver.dues() == []
    assert (await driver.states())[0] == ("pending", "texts_paused")
    assert [each["waiting"] for each in await shown(driver)] == [1]
    await change(driver, "resume", scope)
    await work(driver)
    await driver.fire()
    assert [due.step for due in await driver.dues()] == ["thanks"]
    assert await driver.harness.rows(sa.select(paused)) == []


@pytest.mark.parametrize("scope", [{"flow": "cart"}, {**FLOW, "step": "review"}, {"to": "+12125550199"}], ids="-".join)
async def test_a_pause_of_something_else_keeps_no_text(driver: SchedulerDriver, scope: dict[str, Any]) -> None:
    await driver.hear(driver.trigger())
    await pause(driver, scope)
    await driver.fire(hours=1)
    assert [due.step for due in await driver.dues()] == ["thanks"]


async def test_a_paused_text_says_what_it_waits_for_and_since_when(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    key = await pause(driver, FLOW)
    await driver.fire(hours=2)
    found = (await driver.get("/v1/follow-ups")).json()["follow_ups"]
    thanks = next(each for each in found if each["step"] == "thanks")
    assert thanks["progress"]["waits_for"] == "texts_paused"
    assert thanks["waits_for"] == {"kind": "control", "id": str(key), "since": "2026-12-01T18:00:00Z"}


async def test_a_pause_ends_at_the_time_it_was_given(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    until = START + timedelta(hours=2)
    await pause(driver, FLOW, until=until.isoformat())
    await driver.fire(hours=1)
    await work(driver)
    assert await driver.dues() == []
    driver.clock.advance(hours=1)
    await work(driver)
    await driver.fire()
    assert [due.step for due in await driver.dues()] == ["thanks"]
    (ended,) = await shown(driver, "/v1/controls?state=all")
    assert (ended["lifted_by"], ended["lifted_at"], ended["in_progress"]) == ("until", "2026-12-01T19:00:00Z", False)
    assert [event.lifted_at for event in await driver.published(ControlChanged)] == [None, until]


async def test_a_text_that_expires_while_it_is_paused_ends(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger())
    await pause(driver, FLOW)
    await driver.fire(hours=1)
    await driver.fire(hours=12)
    assert (await driver.states())[0] == ("expired", "expire_after")


async def test_a_text_that_waited_longer_than_it_is_worth_ends_when_the_pause_does(driver: SchedulerDriver) -> None:
    await driver.ask(to=make_scheduler.PHONE, text="Ready.", purpose="transactional", due_in="1h")
    await pause(driver, {"merchant": "acme"})
    await driver.fire(hours=1)
    driver.clock.advance(hours=6, seconds=1)
    await change(driver, "resume", {"merchant": "acme"})
    await work(driver)
    assert await driver.states() == [("expired", "too_late")]


async def test_what_the_sender_gives_back_for_a_pause_waits_for_its_end(driver: SchedulerDriver) -> None:
    due = await driver.released()
    await pause(driver, FLOW)
    await driver.hear(driver.answer(FollowUpLapsed, due, reason="texts_paused"))
    await driver.fire(minutes=1)
    assert (await driver.states())[0] == ("pending", "texts_paused")
    assert len(await driver.dues()) == 1


async def test_a_stop_says_how_many_it_would_end_and_ends_them(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger(), driver.trigger("checkout_started", subject="cart-1", phone="+12125550199"))
    asked = (await change(driver, "stop", FLOW, dry_run=True)).json()
    assert (asked["follow_ups"], asked["is_exact"], asked["controls"]) == (2, True, [])
    assert await shown(driver) == []
    assert (await change(driver, "stop", FLOW)).status_code == 202
    await work(driver)
    assert sorted(await driver.states()) == [
        ("cancelled", "texts_stopped"),
        ("cancelled", "texts_stopped"),
        ("pending", None),
    ]
    assert [(each["cancelled"], each["in_progress"]) for each in await shown(driver)] == [(2, False)]


async def test_what_is_planned_after_a_stop_ends_when_it_is_due(driver: SchedulerDriver) -> None:
    await change(driver, "stop", FLOW)
    await work(driver)
    await driver.hear(driver.trigger())
    await driver.fire(hours=1)
    assert (await driver.states())[0] == ("cancelled", "texts_stopped")
    assert await driver.dues() == []


async def test_a_stop_of_many_goes_on_where_it_was_left_and_counts_each_once(
    driver: SchedulerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.scheduler.controls.loop._LOOKING", 3)
    await driver.hear(*[driver.trigger(subject=f"order-{n}", phone=f"+1212555{1000 + n}") for n in range(5)])
    await change(driver, "stop", {"merchant": "acme"})
    await loop_of(driver.service)()
    assert [each["in_progress"] for each in await shown(driver)] == [True]
    await work(driver)
    assert {state for state, _ in await driver.states()} == {"cancelled"}
    assert [each["cancelled"] for each in await shown(driver)] == [10]


async def test_asking_twice_is_asking_once(driver: SchedulerDriver) -> None:
    first, again = await pause(driver, FLOW), await pause(driver, FLOW)
    assert first == again
    assert len(await driver.published(ControlChanged)) == 1


async def test_another_end_replaces_a_pause(driver: SchedulerDriver) -> None:
    first = await pause(driver, FLOW)
    second = await pause(driver, FLOW, until="2026-12-02T00:00:00Z")
    assert [UUID(each["control_id"]) for each in await shown(driver)] == [second]
    assert first != second


async def test_to_lift_what_is_not_in_force_is_refused(driver: SchedulerDriver) -> None:
    await pause(driver, FLOW)
    answer = await change(driver, "resume", {"merchant": "acme"})
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_in_force")


async def test_the_sender_says_since_when_it_obeys(driver: SchedulerDriver) -> None:
    key = await pause(driver, FLOW)
    assert [each["in_force_at"] for each in await shown(driver)] == [None]

    def obeyed(seconds: int) -> ControlObeyed:
        return ControlObeyed(
            event_id=EventId(uuid4()),
            merchant_id=make_scheduler.MERCHANT,
            recipient_id=WHOLE_MERCHANT,
            occurred_at=START + timedelta(seconds=seconds),
            correlation_id="c",
            control_id=key,
        )

    await driver.hear(obeyed(1))
    await driver.hear(obeyed(2))
    assert [each["in_force_at"] for each in await shown(driver)] == ["2026-12-01T17:00:01Z"]


@pytest.mark.parametrize(
    ("scope", "field"),
    [
        ({"flow": "win-back"}, "flow"),
        ({**FLOW, "step": "bye"}, "step"),
        ({"number": "+12025550999"}, "number"),
        ({"provider": "twilio"}, "provider"),
        ({"merchant": "globex"}, "merchant"),
        ({"to": "12"}, "to"),
        ({"step": "thanks"}, "scope"),
        ({}, "scope"),
        ({"flow": "cart", "number": make_scheduler.SENDER_NUMBER}, "scope"),
    ],
    ids=str,
)
async def test_a_scope_that_the_merchant_does_not_have_is_refused(
    driver: SchedulerDriver, scope: dict[str, Any], field: str
) -> None:
    answer = await change(driver, "pause", scope)
    assert answer.status_code == 422
    assert field in answer.text


async def test_only_the_operator_may_pause_everything(driver: SchedulerDriver) -> None:
    answer = await change(driver, "pause", {"everything": True})
    assert (answer.status_code, answer.json()["code"]) == (403, "operator_only")


async def test_a_merchant_sees_and_lifts_its_own_controls_only(driver: SchedulerDriver) -> None:
    await pause(driver, {"merchant": "acme"})
    assert (await driver.get("/v1/controls", make_scheduler.OTHER_MERCHANT)).json()["controls"] == []


async def test_a_flow_that_no_file_has_any_more_can_be_stopped_while_texts_of_it_are_planned(
    driver: SchedulerDriver,
) -> None:
    await driver.hear(driver.trigger())
    merchant = driver.harness.runtime.merchants.get(make_scheduler.MERCHANT)
    assert merchant is not None
    del merchant.flows["order-thank-you"]  # type: ignore[attr-defined] # a mapping in the type, a dictionary in fact
    await change(driver, "stop", FLOW)
    await work(driver)
    assert {state for state, _ in await driver.states()} == {"cancelled"}


@pytest.mark.parametrize("driver", [{"more": "quotas: {events_per_second: 1}"}], indirect=True)
async def test_no_quota_refuses_a_pause(driver: SchedulerDriver) -> None:
    answers = [await change(driver, "pause", FLOW) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {202}


async def test_reasons_are_sealed(driver: SchedulerDriver) -> None:
    await pause(driver, FLOW, reason="Ana Ortiz complained")
    await change(driver, "resume", FLOW, reason="Ana Ortiz is content")
    (row,) = await driver.harness.rows(sa.select(controls))
    assert b"Ana Ortiz" not in bytes(row["reason"]) + bytes(row["lift_reason"])
    (known,) = await shown(driver, "/v1/controls?state=all")
    assert (known["reason"], known["lift_reason"]) == ("Ana Ortiz complained", "Ana Ortiz is content")
