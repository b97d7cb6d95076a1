"""A resume that lets many texts go waits for another user's yes, and there is no way around it."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest
import sqlalchemy as sa

from services.compliance.gate.advice import advise
from services.scheduler import app
from services.scheduler.tables import approvals, audit_tables
from shared.bus.partitioning import WHOLE_MERCHANT
from shared.events.consent import MerchantClosed
from shared.events.control import ApprovalAsked
from shared.rights import SHOP_ERASURE
from shared.testing import make, make_scheduler
from tests.integration.engines import only_on_sqlite
from tests.integration.scheduler.driver import SchedulerDriver
from tests.integration.scheduler.test_controls import FLOW, change, pause, shown, work
from tests.integration.scheduler.test_controls_attacked import MERCHANT, plan
from tests.integration.scheduler.test_removed_flows import look

ABOVE_TWO = pytest.mark.parametrize("driver", [{"more": "approvals: {release_above: 2}\n"}], indirect=True)
pytestmark = ABOVE_TWO
DECISION = only_on_sqlite("a decision in memory; what it asks of the database is asked by other tests")


async def waiting(driver: SchedulerDriver, people: int = 3, scope: dict[str, Any] = FLOW) -> None:
    """Pause a flow and let one text for each of some people wait."""
    await plan(driver, people)
    await pause(driver, scope)
    await driver.fire(hours=1)


async def resume(driver: SchedulerDriver, user: str = "anna", scope: dict[str, Any] = FLOW) -> httpx2.Response:
    body = {"action": "resume", "scope": scope, "reason": "the code works now"}
    return await driver.as_user(user, "POST", "/v1/controls", body)


async def asked(driver: SchedulerDriver, scope: dict[str, Any] = FLOW) -> UUID:
    answer = await resume(driver, scope=scope)
    assert answer.status_code == 202, answer.text
    assert answer.json()["controls"] == []
    return UUID(answer.json()["approval"]["approval_id"])


async def say(
    driver: SchedulerDriver, user: str, key: UUID, answer: str = "yes", texts: int | None = 3
) -> httpx2.Response:
    body = {"answer": answer, "texts": texts if answer == "yes" else None}
    return await driver.as_user(user, "POST", f"/v1/approvals/{key}/answer", body)


async def questions(driver: SchedulerDriver, user: str = "ben", state: str = "open") -> list[dict[str, Any]]:
    answer = await driver.as_user(user, "GET", f"/v1/approvals?state={state}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["approvals"])


async def gone(driver: SchedulerDriver) -> int:
    """Return how many texts have gone to the gate, once everything that can is done."""
    await work(driver)
    await driver.fire()
    return len(await driver.dues())


async def test_nothing_goes_until_another_user_says_yes_and_then_everything_does(driver: SchedulerDriver) -> None:
    await waiting(driver)
    answer = (await resume(driver)).json()
    assert answer["approval"]["texts"] == 3
    assert answer["approval"]["detail"].startswith("3 texts would go: another user")
    assert await gone(driver) == 0
    [question] = await questions(driver)
    assert (question["asked_by"], question["texts_now"], question["reason"]) == ("user:anna", 3, "the code works now")
    assert (question["subject"]["flow"], question["may_say_yes"], question["is_own"]) == (
        "order-thank-you",
        True,
        False,
    )
    done = await say(driver, "ben", UUID(question["approval_id"]))
    assert (done.status_code, done.json()["state"], done.json()["answered_by"]) == (200, "yes", "user:ben")
    assert await gone(driver) == 3
    (ended,) = await shown(driver, "/v1/controls?state=all")
    assert ended["lifted_by"] == "user:anna and user:ben"
    assert await questions(driver) == []


async def logged(driver: SchedulerDriver) -> list[tuple[str, str]]:
    """Return the action and the actor of each entry of the audit log."""
    rows = await driver.harness.rows(sa.select(audit_tables.entries).order_by(audit_tables.entries.c.id))
    entries = [orjson.loads(row["canonical"]) for row in rows]
    return [(each["action"], each["actor"]) for each in entries]


async def test_both_names_are_in_the_audit_log(driver: SchedulerDriver) -> None:
    await waiting(driver)
    await say(driver, "ben", await asked(driver))
    assert sorted(await logged(driver)) == [
        ("approval.asked", "anna"),
        ("approval.given", "ben"),
        ("control.lifted", "ben"),
        ("control.paused", "all"),
    ]


@DECISION
async def test_who_asked_cannot_say_yes_and_may_take_it_back(driver: SchedulerDriver) -> None:
    await waiting(driver)
    key = await asked(driver)
    refused = await say(driver, "anna", key)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_person")
    [question] = await questions(driver, "anna")
    assert (question["is_own"], question["may_say_yes"]) == (True, False)
    assert (await say(driver, "anna", key, "no")).json()["state"] == "no"
    assert (await say(driver, "ben", key)).json()["code"] == "already_answered"
    assert await gone(driver) == 0


@DECISION
async def test_a_key_neither_asks_nor_answers(driver: SchedulerDriver) -> None:
    await waiting(driver)
    refused = await change(driver, "resume", FLOW)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_person")
    assert "at the console" in refused.json()["detail"]
    key = await asked(driver)
    for answer in ("yes", "no"):
        body = {"answer": answer, "texts": 3}
        said = await driver.http.post(f"/v1/approvals/{key}/answer", json=body, headers=driver.headers())
        assert (said.status_code, said.json()["code"]) == (403, "second_person")
    found = (await driver.get("/v1/approvals")).json()["approvals"]
    assert [each["may_say_yes"] for each in found] == [False]
    assert await gone(driver) == 0


@DECISION
async def test_another_shop_finds_no_question(driver: SchedulerDriver) -> None:
    await waiting(driver)
    key = await asked(driver)
    other = driver.headers(merchant=make_scheduler.OTHER_MERCHANT)
    for of in (key, uuid4()):
        said = await driver.http.post(f"/v1/approvals/{of}/answer", json={"answer": "no"}, headers=other)
        assert said.status_code == 404
    assert (await driver.get("/v1/approvals", make_scheduler.OTHER_MERCHANT)).json()["approvals"] == []


@DECISION
async def test_a_yes_to_far_fewer_texts_than_would_go_is_refused_with_the_new_number(driver: SchedulerDriver) -> None:
    await waiting(driver)
    key = await asked(driver)
    await driver.hear(*(driver.trigger(subject=f"late-{n}", phone=f"+1212555{2000 + n}") for n in range(2)))
    await driver.fire(hours=1)
    refused = await say(driver, "ben", key, texts=3)
    assert (refused.status_code, refused.json()["code"]) == (409, "more_texts")
    assert refused.json()["detail"].startswith("5 texts would go by now, not the 3")
    assert (await say(driver, "ben", key, texts=5)).status_code == 200
    assert await gone(driver) == 5


async def test_asking_twice_is_one_question_and_a_second_user_who_asks_gets_the_same(driver: SchedulerDriver) -> None:
    await waiting(driver)
    key = await asked(driver)
    assert await asked(driver) == key
    assert (await resume(driver, "ben")).json()["approval"]["approval_id"] == str(key)
    assert len(await driver.harness.rows(sa.select(approvals))) == 1
    told = {(event.approval_id, event.texts, event.scope.flow) for event in await driver.published(ApprovalAsked)}
    assert told == {(key, 3, "order-thank-you")}


async def test_the_same_yes_twice_does_nothing_twice_and_a_later_no_comes_too_late(driver: SchedulerDriver) -> None:
    await waiting(driver)
    key = await asked(driver)
    first, again = await say(driver, "ben", key), await say(driver, "ben", key)
    assert (first.status_code, again.status_code, again.json()["state"]) == (200, 200, "yes")
    assert (await say(driver, "cleo", key, "no")).json()["code"] == "already_answered"
    assert [action for action, _ in await logged(driver)].count("control.lifted") == 1


async def test_of_a_yes_and_a_no_at_the_same_moment_one_counts(driver: SchedulerDriver) -> None:
    await waiting(driver)
    key = await asked(driver)
    both = await asyncio.gather(say(driver, "ben", key), say(driver, "cleo", key, "no"))
    assert sorted(each.status_code for each in both) == [200, 409]
    [row] = await driver.harness.rows(sa.select(approvals))
    assert await gone(driver) == (3 if row["answer"] == "yes" else 0)


@DECISION
async def test_after_72_hours_nobody_can_say_yes_and_it_may_be_asked_again(driver: SchedulerDriver) -> None:
    await waiting(driver)
    key = await asked(driver)
    driver.clock.advance(hours=72)
    assert (await say(driver, "ben", key)).json()["code"] == "approval_expired"
    assert await questions(driver) == []
    assert [each["state"] for each in await questions(driver, state="all")] == ["expired"]
    assert await asked(driver) != key


async def test_a_pause_made_after_the_question_is_not_lifted_by_its_yes(driver: SchedulerDriver) -> None:
    await plan(driver, 3)
    await pause(driver, FLOW, until="2026-12-31T00:00:00Z")
    await driver.fire(hours=1)
    key = await asked(driver)
    await pause(driver, FLOW, until="2027-01-01T00:00:00Z")  # replaces the one that the question is about
    assert (await say(driver, "ben", key)).json()["code"] == "nothing_in_force"
    assert [each["state"] for each in await questions(driver, state="all")] == ["over"]
    assert len(await shown(driver)) == 1


@DECISION
async def test_a_yes_that_was_stored_when_the_process_died_is_carried_out_by_the_next(driver: SchedulerDriver) -> None:
    await waiting(driver)
    assert (await say(driver, "ben", await asked(driver))).status_code == 200
    driver.service = app.build(driver.harness.runtime, advise)  # no loop of the first one has worked
    assert await gone(driver) == 3


async def test_many_small_resumes_within_an_hour_are_a_large_one(driver: SchedulerDriver) -> None:
    step = {**FLOW, "step": "thanks"}
    await plan(driver, 2)
    await pause(driver, step)
    await driver.fire(minutes=30)
    await driver.hear(driver.trigger(subject="later", phone="+12125552000"))
    await driver.fire(minutes=30)
    assert (await resume(driver, scope=step)).json()["approval"] is None
    assert await gone(driver) == 2
    await pause(driver, FLOW)
    await driver.fire(minutes=30)
    assert (await resume(driver)).json()["approval"]["texts"] == 1
    driver.clock.advance(minutes=30)
    assert (await resume(driver)).json()["approval"] is None


async def test_an_earlier_end_of_a_pause_is_a_resume_too(driver: SchedulerDriver) -> None:
    await waiting(driver)
    refused = await change(driver, "pause", FLOW, until="2026-12-01T19:00:01Z")
    assert (refused.status_code, refused.json()["code"]) == (409, "second_person")
    assert len(await shown(driver)) == 1
    assert (await shown(driver))[0]["until"] is None


@DECISION
async def test_putting_a_flow_back_lets_no_more_go_than_one_person_may(driver: SchedulerDriver, tmp_path: Path) -> None:
    flows = tmp_path / "merchants" / "acme" / "flows"
    kept = (flows / "order-thank-you.yaml").read_text(encoding="utf-8")
    await look(driver)
    await plan(driver, 3)
    (flows / "order-thank-you.yaml").unlink()
    await look(driver, seconds=70)
    await driver.fire(hours=1)
    (flows / "order-thank-you.yaml").write_text(kept, encoding="utf-8")
    await look(driver, seconds=20)
    assert [each["made_by"] for each in await shown(driver)] == ["files"]
    await say(driver, "ben", await asked(driver))
    assert await gone(driver) == 3


@DECISION
async def test_finishing_a_removed_flow_counts_everything_planned(driver: SchedulerDriver, tmp_path: Path) -> None:
    await look(driver)
    await plan(driver, 2)
    (tmp_path / "merchants" / "acme" / "flows" / "order-thank-you.yaml").unlink()
    await look(driver, seconds=70)
    assert (await resume(driver)).json()["approval"]["texts"] == 4


@DECISION
async def test_what_concerns_one_person_or_lets_nothing_go_takes_nobody(driver: SchedulerDriver) -> None:
    person = {"to": make_scheduler.PHONE}
    for scope in (person, MERCHANT):
        await pause(driver, scope)
        assert (await resume(driver, scope=scope)).json()["approval"] is None
    assert await shown(driver) == []


@DECISION
async def test_a_hundred_questions_are_the_most(driver: SchedulerDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.scheduler.approvals.asking._MOST_OPEN", 0)
    await waiting(driver)
    refused = await resume(driver)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_approvals")


@DECISION
@pytest.mark.parametrize(
    "body",
    [{}, {"answer": "maybe"}, {"answer": "yes"}, {"answer": "yes", "texts": -1}, {"answer": "no", "reason": "a\nb"}],
    ids=["nothing", "maybe", "no number", "below nothing", "two lines"],
)
async def test_an_answer_that_cannot_be_is_refused(driver: SchedulerDriver, body: dict[str, Any]) -> None:
    answer = await driver.as_user("ben", "POST", f"/v1/approvals/{uuid4()}/answer", body)
    assert answer.status_code == 422


async def test_a_shop_that_is_erased_leaves_no_question(driver: SchedulerDriver) -> None:
    await waiting(driver)
    await asked(driver)
    await driver.hear(make.event(MerchantClosed, recipient_id=WHOLE_MERCHANT, reason=SHOP_ERASURE))
    assert await driver.harness.rows(sa.select(approvals)) == []
