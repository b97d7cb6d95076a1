"""Several follow-ups are cancelled at once, and the person at a number is found: by whom, and why, is on record."""

import json
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from services.scheduler import cancelling
from services.scheduler.tables import audit_tables
from shared import aad
from shared.events.dispatch import DispatchAccepted
from shared.testing.make_scheduler import MERCHANT, OTHER_MERCHANT
from tests.integration.scheduler.driver import SchedulerDriver

TO = "+12125550123"
WHY = "she called and asked for it"


async def planned(driver: SchedulerDriver, count: int, to: str = TO, merchant: str = MERCHANT) -> list[str]:
    """Plan texts and return their ids."""
    found = []
    for n in range(count):
        body = {"to": to, "text": f"Text {n}", "purpose": "transactional", "due_in": "1h"}
        answer = await driver.http.post("/v1/follow-ups", json=body, headers=driver.headers())
        assert answer.status_code == 202, answer.text
        found.append(answer.json()["follow_up_id"])
    return found


async def post(driver: SchedulerDriver, path: str, body: Any, merchant: str = MERCHANT) -> httpx2.Response:
    return await driver.http.post(path, json=body, headers=driver.headers(merchant=merchant))


async def cancel(driver: SchedulerDriver, merchant: str = MERCHANT, **body: Any) -> dict[str, Any]:
    answer = await post(driver, "/v1/follow-ups/cancel", {"reason": WHY, **body}, merchant)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def entries(driver: SchedulerDriver) -> list[dict[str, Any]]:
    rows = await driver.harness.rows(sa.select(audit_tables.entries).order_by(audit_tables.entries.c.position))
    return [{**json.loads(bytes(row["canonical"])), "sealed": row["reason"], "row": row} for row in rows]


def counts(answer: dict[str, Any]) -> tuple[int, int, int, int, bool]:
    return (
        answer["cancelled"], answer["under_way"], answer["already_ended"], answer["not_found"], answer["left"],
    )  # fmt: skip


async def test_a_dry_run_counts_and_the_same_request_cancels_once(driver: SchedulerDriver) -> None:
    ids = await planned(driver, 3)
    unknown = "018c0000-0000-8000-8000-0000000000e1"
    wanted = [*ids[:2], ids[0], unknown]
    assert counts(await cancel(driver, follow_ups=wanted, dry_run=True)) == (2, 0, 0, 1, False)
    assert await driver.endings() == []
    assert await entries(driver) == []
    assert counts(await cancel(driver, follow_ups=wanted)) == (2, 0, 0, 1, False)
    assert await driver.endings() == [("follow-up.cancelled", "api", 0)] * 2
    assert counts(await cancel(driver, follow_ups=wanted)) == (0, 0, 2, 1, False)
    done = await entries(driver)
    assert [each["action"] for each in done] == ["follow-up.cancelled"] * 2
    assert {each["subject"] for each in done} == set(ids[:2])
    assert sorted(state for state, _reason in await driver.states()) == ["cancelled", "cancelled", "pending"]


async def test_the_reason_is_sealed_in_the_audit_log(driver: SchedulerDriver) -> None:
    await cancel(driver, follow_ups=await planned(driver, 1))
    [done] = await entries(driver)
    assert WHY not in str(done["row"])
    place = aad.audit_reason(done["row"]["id"])
    assert driver.sealer.open(MERCHANT, place, bytes(done["sealed"])).decode() == WHY


async def test_what_was_released_may_be_under_way_and_what_was_sent_is_left_alone(driver: SchedulerDriver) -> None:
    due = await driver.released()
    assert counts(await cancel(driver, follow_ups=[str(due.follow_up_id)])) == (0, 1, 0, 0, False)
    await driver.hear(driver.answer(DispatchAccepted, due))
    assert counts(await cancel(driver, follow_ups=[str(due.follow_up_id)])) == (0, 0, 1, 0, False)


async def test_all_of_a_person_are_cancelled_so_many_at_a_time(
    driver: SchedulerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancelling, "MOST_AT_ONCE", 2)
    await planned(driver, 3)
    other = await planned(driver, 1, "+12125550124")
    person = (await post(driver, "/v1/recipients/lookup", {"to": TO})).json()["recipient_id"]
    assert counts(await cancel(driver, recipient=person)) == (2, 0, 0, 0, True)
    assert counts(await cancel(driver, recipient=person)) == (1, 0, 0, 0, False)
    assert counts(await cancel(driver, recipient=person)) == (0, 0, 0, 0, False)
    [left] = [row for row in await driver.rows() if row["state"] == "pending"]
    assert str(left["id"]) == other[0]


async def test_another_shops_follow_ups_and_people_are_not_found(driver: SchedulerDriver) -> None:
    ids = await planned(driver, 1)
    person = (await post(driver, "/v1/recipients/lookup", {"to": TO})).json()["recipient_id"]
    assert counts(await cancel(driver, OTHER_MERCHANT, follow_ups=ids)) == (0, 0, 0, 1, False)
    assert counts(await cancel(driver, OTHER_MERCHANT, recipient=person)) == (0, 0, 0, 0, False)
    assert await driver.endings() == []
    same_number = (await post(driver, "/v1/recipients/lookup", {"to": TO}, OTHER_MERCHANT)).json()
    assert same_number["recipient_id"] != person
    assert same_number["is_known"] is False


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"follow_ups": []},
        {"follow_ups": ["nonsense"]},
        {"follow_ups": ["018c0000-0000-8000-8000-0000000000e1"] * 201},
        {"follow_ups": ["018c0000-0000-8000-8000-0000000000e1"], "recipient": "018c0000-0000-8000-8000-0000000000e1"},
        {"recipient": TO},
        {"recipient": "018c0000-0000-8000-8000-0000000000e1", "reason": " "},
        {"recipient": "018c0000-0000-8000-8000-0000000000e1", "reason": "two\nlines"},
        {"recipient": "018c0000-0000-8000-8000-0000000000e1", "reason": "x" * 501},
    ],
)
async def test_a_request_that_names_nothing_or_too_much_is_refused(driver: SchedulerDriver, body: Any) -> None:
    assert (await post(driver, "/v1/follow-ups/cancel", {"reason": WHY, **body})).status_code == 422


async def test_a_lookup_is_on_record_without_the_number_and_the_same_for_every_spelling(
    driver: SchedulerDriver,
) -> None:
    await planned(driver, 1)
    found = [(await post(driver, "/v1/recipients/lookup", {"to": to})).json() for to in (TO, "(212) 555-0123")]
    assert found[0] == found[1]
    assert found[0]["is_known"] is True
    [row] = await driver.rows()
    assert found[0]["recipient_id"] == str(row["recipient_id"])
    done = await entries(driver)
    assert [(each["action"], each["subject"]) for each in done] == [
        ("recipient.looked-up", found[0]["recipient_id"])
    ] * 2
    assert "2125550123" not in str(done)
    stranger = (await post(driver, "/v1/recipients/lookup", {"to": "+12125550199"})).json()
    assert stranger["is_known"] is False
    assert (await post(driver, "/v1/recipients/lookup", {"to": "nonsense"})).status_code == 422


async def test_who_walks_through_numbers_is_slowed_down_and_nobody_else(driver: SchedulerDriver) -> None:
    answers = [await post(driver, "/v1/recipients/lookup", {"to": f"+1212555{n:04}"}) for n in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    assert (await post(driver, "/v1/recipients/lookup", {"to": TO}, OTHER_MERCHANT)).status_code == 200
    driver.clock.advance(seconds=1)
    assert (await post(driver, "/v1/recipients/lookup", {"to": TO})).status_code == 200
