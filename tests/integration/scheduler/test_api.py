"""`/v1/follow-ups`, `/v1/flows`, `/v1/enrollments`, as the formats page describes them."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.console.calls import ServiceCalls
from services.console.settings import ConsoleSettings
from services.distributed import build_service
from services.embedded import build_services
from services.scheduler.tables import follow_ups
from shared.events.consent import ConsentChanged
from shared.events.dispatch import DispatchAccepted, DispatchWaiting
from shared.http.console_tokens import TokenSigner
from shared.ids import MerchantId
from shared.phone import E164
from shared.service import Runtime, Service
from shared.testing import make, make_scheduler
from shared.testing.clock import START
from tests.integration.scheduler.driver import SchedulerDriver, open_driver

TO = "+12125550123"
TEXT: dict[str, Any] = {
    "to": TO,
    "purpose": "transactional",
    "text": "Your table {{ trigger.table }} is ready, {{ recipient.first_name }}.",
}
FULL: dict[str, Any] = {
    **TEXT,
    "due_at": "2026-12-01T18:00:00Z",
    "expires_at": "2026-12-01T19:00:00Z",
    "if_past": "send",
    "recipient": {
        "first_name": "Ana",
        "time_zone": "America/Chicago",
        "state": "TX",
        "country": "US",
        "postal_code": "73301",
        "locale": "en",
    },
    "facts": {"table": "12"},
    "subject": "booking-77",
    "cancel_on": [{"on": "cancellation", "when": "event.subject == trigger.subject"}],
}


async def test_a_text_asked_for_is_planned_and_released_when_due(driver: SchedulerDriver) -> None:
    answer = await driver.ask(**FULL)
    assert answer.status_code == 202
    body = answer.json()
    assert body["state"] == "pending"
    assert (body["due_at"], body["due_local"]) == ("2026-12-01T18:00:00Z", "2026-12-01T12:00:00-06:00")
    await driver.hear()
    await driver.fire(hours=1)
    (due,) = await driver.dues()
    assert (str(due.follow_up_id), due.flow, due.subject) == (body["follow_up_id"], "api", "booking-77")


async def test_a_text_asked_for_is_cancelled_by_its_own_rule(driver: SchedulerDriver) -> None:
    await driver.ask(**FULL)
    await driver.hear(driver.trigger("cancellation", subject="booking-78"))
    assert await driver.states() == [("pending", None)]
    await driver.hear(driver.trigger("cancellation", subject="booking-77"))
    assert await driver.states() == [("cancelled", "cancellation")]


async def test_the_same_key_and_body_plan_once_and_get_the_same_answer_even_when_its_time_has_passed(
    driver: SchedulerDriver,
) -> None:
    body: dict[str, Any] = {**FULL, "if_past": None}
    first = await driver.ask(key="k-1", **body)
    driver.clock.advance(hours=5)
    again = await driver.ask(key="k-1", **body)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert len(await driver.rows()) == 1


async def test_a_text_says_at_the_gate_on_whose_word_it_goes(driver: SchedulerDriver) -> None:
    await driver.ask(**FULL)
    await driver.hear(driver.trigger(asked_by="till"), driver.trigger(subject="order-2"))
    await driver.fire(hours=1)
    asked = sorted((due.flow, due.asked_by or "a webhook") for due in await driver.dues())
    assert asked == [("api", "all"), ("order-thank-you", "a webhook"), ("order-thank-you", "till")]


async def test_the_same_key_with_another_body_is_a_conflict(driver: SchedulerDriver) -> None:
    await driver.ask(key="k-1", **FULL)
    answer = await driver.ask(key="k-1", **{**FULL, "subject": "another"})
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")


async def test_two_requests_without_a_key_are_two_texts(driver: SchedulerDriver) -> None:
    first, second = await driver.ask(**FULL), await driver.ask(**FULL)
    assert first.json()["follow_up_id"] != second.json()["follow_up_id"]


@pytest.mark.parametrize(
    ("changes", "due_at"),
    [
        ({"due_at": None}, START),
        ({"due_at": None, "due_in": "2h", "expires_at": None}, START + timedelta(hours=2)),
        (
            {"due_at": None, "due_local": {"date": "2026-12-02", "time": "10:00"}, "expires_at": None},
            START.replace(day=2, hour=16),
        ),
    ],
)
async def test_due_now_in_a_while_or_on_the_recipients_clock(
    driver: SchedulerDriver, changes: dict[str, Any], due_at: Any
) -> None:
    answer = await driver.ask(**{**FULL, **changes})
    assert answer.status_code == 202, answer.text
    assert [row["due_at"] for row in await driver.rows()] == [due_at]


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"to": "12"}, "to", "cannot be used"),
        ({"recipient": {"time_zone": "Mars/Olympus"}}, "recipient.time_zone", "IANA"),
        ({"due_at": "2026-12-01T16:00:00Z", "if_past": None}, "due_at", "passed"),
        ({"due_at": "2026-12-01T18:00:00"}, "due_at", "timezone"),
        ({"expires_at": "2026-12-01T17:30:00Z"}, "expires_at", "after the due time"),
        (
            {"flow": "nope", "text": None, "purpose": None, "due_at": None, "expires_at": None, "cancel_on": []},
            "flow",
            "no flow",
        ),
        ({"text": "Hello {{ recipient.nickname | default: 'you' }}"}, "text", "recipient.nickname"),
        ({"text": "Hello {{ customer.name }}"}, "text", "customer.name"),
        ({"text": "Hello {{ trigger.missing }}"}, "text", "missing"),
        ({"text": "Hello {{ trigger.table"}, "text", ""),
        ({"cancel_on": [{"on": "refund", "when": "event.subject ="}]}, "cancel_on.0.when", "column"),
        ({"cancel_on": [{"on": "refunded"}]}, "cancel_on.0.on", "unknown"),
        ({"purpose": "help"}, "purpose", "Input should be"),
        ({"colour": "red"}, "colour", "unknown field"),
        ({"due_in": "2h"}, "body", "one of due_at"),
    ],
)
async def test_a_mistake_is_reported_by_field_and_nothing_is_stored(
    driver: SchedulerDriver, changes: Mapping[str, Any], field: str, words: str
) -> None:
    answer = await driver.ask(**{**FULL, **changes})
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["errors"]
    assert problem["field"] == field
    assert words in problem["reason"]
    assert TO not in answer.text
    assert await driver.rows() == []


async def test_a_past_due_time_is_sent_or_skipped_as_asked(driver: SchedulerDriver) -> None:
    past: dict[str, Any] = {**FULL, "due_at": "2026-12-01T12:00:00Z"}
    assert (await driver.ask(**past)).json()["state"] == "pending"
    assert (await driver.ask(**{**past, "if_past": "skip"})).json()["state"] == "expired"
    assert await driver.endings() == [("follow-up.expired", "past_due", 0)]


async def test_a_dry_run_shows_text_parts_and_the_gates_advice_and_stores_nothing(tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []

    def advice(question: dict[str, Any]) -> dict[str, Any]:
        asked.append(question)
        return {"decision": "send"}

    async with open_driver(tmp_path, advice=advice) as driver:
        answer = await driver.ask(**{**FULL, "dry_run": True})
        (text,) = answer.json()["texts"]
        assert text["text"].endswith(": Your table 12 is ready, Ana.\nReply STOP to opt out")
        assert text["parts"] == {"encoding": "gsm7", "parts": 1, "units": len(text["text"])}
        assert text["gate"] == {"decision": "send"}
        assert await driver.rows() == []
        assert await driver.harness.log_events() == []
    (question,) = asked
    assert (question["to"], question["class"], question["now"]) == (TO, "transactional", "2026-12-01T18:00:00+00:00")
    assert question["destinations"] == ["US"]


async def test_a_dry_run_asks_with_the_consent_of_the_ledger(tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []

    def advice(question: dict[str, Any]) -> dict[str, Any]:
        asked.append(question)
        return {"decision": "send"}

    async with open_driver(tmp_path, advice=advice) as driver:
        recipient = driver.harness.runtime.sealer.recipient_id(MerchantId("acme"), E164(TO))
        await driver.harness.publish(make.event(ConsentChanged, recipient_id=recipient))
        await driver.harness.settle(driver.service)
        await driver.ask(**{**FULL, "dry_run": True})
    assert asked[0]["consent"]["status"] == "pewc"


def embedded(runtime: Runtime) -> Service:
    """Return the scheduler of an embedded application."""
    calls = ServiceCalls(TokenSigner.new(), runtime.clock, ConsoleSettings())
    return next(each for each in build_services(runtime, calls) if each.name == "scheduler")


@pytest.mark.parametrize("build", [embedded, partial(build_service, "scheduler")], ids=["embedded", "distributed"])
async def test_a_dry_run_answers_alike_in_both_ways_of_running(
    tmp_path: Path, build: Callable[[Runtime], Service]
) -> None:
    async with open_driver(tmp_path, build=build) as driver:
        who = driver.harness.runtime.sealer.recipient_id(MerchantId("acme"), E164(TO))
        await driver.hear(make.event(ConsentChanged, recipient_id=who))
        recipient = {"country": "US", "state": "NY", "first_name": "Ana"}
        due_at = "2026-12-02T12:59:00Z"
        answer = await driver.ask(
            to=TO, purpose="marketing", text="Sale, {{ recipient.first_name }}!", due_at=due_at, recipient=recipient,
            dry_run=True,
        )  # fmt: skip
    assert answer.status_code == 202
    (text,) = answer.json()["texts"]
    assert text.pop("gate")["explanation"].startswith("It is Wed 07:59 in America/New_York, outside the hours")
    assert text == {
        "step": "text",
        "purpose": "marketing",
        "due_at": due_at,
        "due_local": "2026-12-02T07:59:00-05:00",
        "expires_at": None,
        "sender_number": make_scheduler.SENDER_NUMBER,
        "locale": "en-US",
        "text": "Acme Coffee: Sale, Ana!\nReply STOP to opt out",
        "parts": {"encoding": "gsm7", "parts": 1, "units": 45},
        "gate_note": "advice as of the due time, on the consent known now; caps are judged when the text is due",
    }


async def test_a_flow_asked_for_plans_its_texts_and_obeys_its_entry_rule(driver: SchedulerDriver) -> None:
    body: dict[str, Any] = {
        "to": TO,
        "flow": "order-thank-you",
        "trigger": {"amount": {"minor": 4900, "currency": "USD"}, "subject": "order-7", "order_name": "#7"},
    }
    answer = await driver.ask(**body)
    assert answer.status_code == 202, answer.text
    assert len(answer.json()["follow_ups"]) == 2
    again = await driver.ask(**body)
    assert (again.status_code, again.json()["code"]) == (409, "not_enrolled")
    refused = await driver.ask(**{**body, "trigger": {**body["trigger"], "subject": "order-8", "amount_minor": 1}})
    assert "condition" in refused.json()["detail"]


async def test_a_flow_asked_for_without_what_its_texts_read_is_refused(driver: SchedulerDriver) -> None:
    answer = await driver.ask(to=TO, flow="order-thank-you", trigger={"amount_minor": 4900, "subject": "order-7"})
    assert answer.status_code == 422
    assert "order_name" in answer.json()["errors"][0]["reason"]


async def test_the_story_of_a_follow_up_holds_every_state_and_reason(driver: SchedulerDriver) -> None:
    follow_up_id = (await driver.ask(**FULL)).json()["follow_up_id"]
    await driver.hear()
    await driver.fire(hours=1)
    await driver.hear(driver.answer(DispatchAccepted, (await driver.dues())[0]))
    story = (await driver.get(f"/v1/follow-ups/{follow_up_id}")).json()
    assert [(change["state"], change["happening"]) for change in story["changes"]] == [
        ("pending", "planned"),
        ("released", "fired"),
        ("dispatched", "accepted"),
    ]
    assert (story["state"], story["due_local"]) == ("dispatched", "2026-12-01T12:00:00-06:00")


async def test_a_shop_sees_only_its_own(driver: SchedulerDriver) -> None:
    follow_up_id = (await driver.ask(**FULL)).json()["follow_up_id"]
    other = make_scheduler.OTHER_MERCHANT
    assert (await driver.get(f"/v1/follow-ups/{follow_up_id}", other)).status_code == 404
    assert (await driver.get("/v1/follow-ups", other)).json()["follow_ups"] == []
    assert (await driver.get("/v1/enrollments", other)).json()["enrollments"] == []
    assert (await driver.get("/v1/flows", other)).json() == {"flows": [], "removed": []}
    deleted = await driver.http.delete(f"/v1/follow-ups/{follow_up_id}", headers=driver.headers(merchant=other))
    assert deleted.status_code == 404
    found = await driver.http.post("/v1/follow-ups/search", json={"to": TO}, headers=driver.headers(merchant=other))
    assert found.json()["follow_ups"] == []
    assert await driver.states() == [("pending", None)]


async def test_follow_ups_are_found_by_subject_state_and_number_page_by_page(driver: SchedulerDriver) -> None:
    for n in range(5):
        await driver.ask(**{**FULL, "subject": f"booking-{n % 2}"})
    by_subject = (await driver.get("/v1/follow-ups?subject=booking-1")).json()["follow_ups"]
    assert [each["subject"] for each in by_subject] == ["booking-1"] * 2
    assert (await driver.get("/v1/follow-ups?state=delivered")).json()["follow_ups"] == []
    seen: list[str] = []
    page = "/v1/follow-ups?limit=2"
    cursor: str | None = ""
    while cursor is not None:
        answer = (await driver.get(page + (f"&cursor={cursor}" if cursor else ""))).json()
        seen += [each["follow_up_id"] for each in answer["follow_ups"]]
        cursor = answer["next_cursor"]
    assert len(set(seen)) == len(seen) == 5
    found = await driver.http.post("/v1/follow-ups/search", json={"to": "(212) 555-0123"}, headers=driver.headers())
    assert len(found.json()["follow_ups"]) == 5


async def test_a_pending_text_is_called_off_for_good(driver: SchedulerDriver) -> None:
    path = f"/v1/follow-ups/{(await driver.ask(**FULL)).json()['follow_up_id']}"
    assert (await driver.http.delete(path, headers=driver.headers())).status_code == 204
    assert (await driver.http.delete(path, headers=driver.headers())).status_code == 204
    assert await driver.endings() == [("follow-up.cancelled", "api", 0)]
    await driver.hear()
    await driver.fire(hours=1)
    assert await driver.dues() == []


async def test_a_released_text_is_called_off_perhaps_too_late_and_a_sent_one_is_not(driver: SchedulerDriver) -> None:
    due = await driver.released()
    path = f"/v1/follow-ups/{due.follow_up_id}"
    assert (await driver.http.delete(path, headers=driver.headers())).status_code == 202
    await driver.hear(driver.answer(DispatchAccepted, due))
    late = await driver.http.delete(path, headers=driver.headers())
    assert (late.status_code, late.json()["code"]) == (409, "already_ended")


async def test_runs_and_flows_are_listed(driver: SchedulerDriver) -> None:
    await driver.hear(driver.trigger(), driver.trigger("checkout_started", subject="cart-1"))
    listed = (await driver.get("/v1/enrollments?flow=order-thank-you&state=active")).json()["enrollments"]
    assert [[text["step"] for text in run["follow_ups"]] for run in listed] == [["thanks", "review"]]
    assert (await driver.get("/v1/enrollments?state=ended")).json()["enrollments"] == []
    names = [(flow["flow"], flow["steps"]) for flow in (await driver.get("/v1/flows")).json()["flows"]]
    assert names == [("cart", ["reminder"]), ("order-thank-you", ["thanks", "review"])]


async def test_a_number_and_a_text_rest_sealed(driver: SchedulerDriver) -> None:
    await driver.ask(**FULL)
    (row,) = await driver.harness.rows(sa.select(follow_ups))
    assert TO.encode() not in repr(dict(row)).encode()
    assert b"table" not in bytes(row["body"]) + bytes(row["facts"]) + bytes(row["contact"])
    stored = await driver.harness.stored()
    assert row["merchant_id"].encode() in stored
    assert TO.encode() not in stored


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"text": "{{ trigger.x }}", "facts": {"x": "A" * 1560}}, "text", "11 parts, at most 10"),
        ({"text": "{{ trigger.x }}", "facts": {"x": "A" * 2000}}, "text", "14 parts, at most 10"),
        ({"text": "{{ trigger.x }}", "facts": {"x": "ж" * 700}}, "text", "11 parts, at most 10"),
        ({"text": "{{ trigger.x }}", "facts": {"x": ["a", {"b": 1}]}}, "text", "an object is no text"),
        ({"text": "Hi {{ recipient.last_name }}"}, "text", "recipient.last_name: "),
        ({"text": '{% if (1..300000000) contains "x" %}a{% endif %}'}, "text", "at most 500 numbers"),
        ({"text": "{% if trigger.x %}a{% endif %}"}, "text", "nothing is left"),
    ],
)
async def test_what_must_fail_later_is_refused_at_once(
    driver: SchedulerDriver, *, dry_run: bool, changes: dict[str, Any], field: str, reason: str
) -> None:
    answer = await driver.ask(**{**FULL, **changes, "dry_run": dry_run})

    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert reason in error["reason"]
    assert await driver.rows() == []


async def test_a_trigger_of_the_future_is_refused(driver: SchedulerDriver) -> None:
    trigger = {"amount": {"minor": 4900, "currency": "USD"}, "subject": "o-7", "order_name": "#7"}
    answer = await driver.ask(to=TO, flow="order-thank-you", trigger={**trigger, "occurred_at": "2099-06-01T00:00:00Z"})

    assert answer.status_code == 422
    assert "has not happened yet" in answer.json()["errors"][0]["reason"]


async def test_a_zone_that_is_no_place_is_as_good_as_none(driver: SchedulerDriver) -> None:
    due_local = {"date": "2026-12-02", "time": "10:00"}
    answer = await driver.ask(
        **TEXT, due_local=due_local, recipient={"first_name": "Ana", "time_zone": "UTC"}, facts={"table": "1"}
    )
    assert answer.json()["due_local"] == "2026-12-02T10:00:00-05:00"


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_flow_asked_for_looks_back_for_a_cancellation_that_came_first(
    driver: SchedulerDriver, *, dry_run: bool
) -> None:
    now = driver.clock.now()
    await driver.hear(driver.trigger("purchase", occurred_at=now - timedelta(minutes=20)))
    began_at = (now - timedelta(minutes=40)).isoformat()

    answer = await driver.ask(to=TO, flow="cart", trigger={"occurred_at": began_at}, dry_run=dry_run)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_enrolled"), answer.text
    assert "cancelled_before" in answer.json()["detail"]


async def test_a_dry_run_reads_as_the_text_that_is_sent(tmp_path: Path) -> None:
    """Composed letters fit GSM-7, the brand stands in front, marketing says how to end it, and the spellings count."""
    recipient = {"first_name": "e\u0301va", "country": "usa", "locale": "en_US", "state": "New York"}
    body = {**FULL, "purpose": "marketing", "recipient": recipient, "dry_run": True}

    async with open_driver(tmp_path, advice=dict) as driver:
        (text,) = (await driver.ask(**body)).json()["texts"]

    assert text["text"].endswith(": Your table 12 is ready, éva.\nReply STOP to opt out")
    assert text["parts"]["encoding"] == "gsm7"
    assert text["gate"]["known"]["state"] == "NY"


async def progress_of(driver: SchedulerDriver, follow_up_id: object) -> dict[str, Any]:
    """Return what the API says a text is doing; the list says the same as the one."""
    one = (await driver.get(f"/v1/follow-ups/{follow_up_id}")).json()["progress"]
    listed = (await driver.get("/v1/follow-ups")).json()["follow_ups"]
    assert {each["follow_up_id"]: each["progress"] for each in listed}[str(follow_up_id)] == one
    return dict(one)


async def test_a_planned_text_says_its_hour_and_a_released_one_who_has_it(driver: SchedulerDriver) -> None:
    asked = (await driver.ask(**FULL)).json()
    planned = {"doing": "planned", "waits_for": "hour", "until": "2026-12-01T18:00:00Z", "detail": None}
    assert await progress_of(driver, asked["follow_up_id"]) == planned
    await driver.hear()
    await driver.fire(hours=1)
    assert (await progress_of(driver, asked["follow_up_id"]))["waits_for"] == "gate_or_sender"


async def test_a_call_without_an_answer_is_listed_until_its_end_is_known(driver: SchedulerDriver) -> None:
    due = await driver.released()
    until = driver.clock.now() + timedelta(seconds=5)
    wait = {"reason": "unanswered", "detail": "http_503", "until": until}
    await driver.hear(driver.answer(DispatchWaiting, due, **wait))
    said = {
        "doing": "unanswered",
        "waits_for": "answer",
        "until": until.isoformat().replace("+00:00", "Z"),
        "detail": "http_503",
    }
    assert await progress_of(driver, due.follow_up_id) == said
    await driver.hear(driver.answer(DispatchWaiting, due, **{**wait, "release": due.release - 1, "reason": "not_sent"}))
    assert await progress_of(driver, due.follow_up_id) == said, "news of another release says nothing of this one"
    await driver.hear(driver.answer(DispatchAccepted, due))
    assert (await progress_of(driver, due.follow_up_id))["doing"] == "sent"
    await driver.hear(driver.answer(DispatchWaiting, due, **wait))
    assert (await progress_of(driver, due.follow_up_id))["doing"] == "sent", "what comes late moves nothing"


async def test_a_text_in_line_says_that_its_number_is_busy(tmp_path: Path) -> None:
    async with open_driver(tmp_path, parts_per_second=0.1) as driver:
        for n in range(3):
            await driver.hear(driver.trigger(subject=f"o{n}", phone=f"+1212555{n + 100:04}"))
        await driver.fire(hours=1)
        rows = [row for row in await driver.rows() if row["step"] == "thanks"]
        said = [(row["state"], (await progress_of(driver, row["id"]))["waits_for"]) for row in rows]
    assert sorted(said) == [("pending", "number_busy"), ("pending", "number_busy"), ("released", "gate_or_sender")]
