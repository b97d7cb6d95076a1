"""Answers that a shop keeps: under their titles, bounded, and seen by nobody else."""

import json
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from services.sender.conversations.saved_answers import MOST_SAVED
from services.sender.tables import audit_tables, saved_answers
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import MerchantClosed
from shared.rights import SHOP_ERASURE
from shared.testing import make
from shared.testing.make_sender import API_KEY
from tests.integration.sender.driver import SenderDriver

PATH = "/v1/saved-answers"
ALL = {"Authorization": f"Bearer {API_KEY}"}
READER = {"Authorization": f"Bearer {API_KEY}_{make.MERCHANT}_reader"}
HOURS = {"title": "Opening hours", "text": "We open at 9, {{ recipient.first_name | default: 'friend' }}."}


async def titles(driver: SenderDriver) -> list[str]:
    answer = await driver.http.get(PATH, headers=ALL)
    assert answer.status_code == 200, answer.text
    return [each["title"] for each in answer.json()["answers"]]


async def test_an_answer_is_replaced_by_its_title_and_removed_once(driver: SenderDriver) -> None:
    first = (await driver.http.post(PATH, json=HOURS, headers=ALL)).json()
    await driver.http.post(PATH, json={"title": "a price", "text": "9 dollars"}, headers=ALL)
    again = (await driver.http.post(PATH, json=HOURS | {"title": " opening HOURS "}, headers=ALL)).json()
    assert (again["answer_id"], again["text"]) == (first["answer_id"], HOURS["text"])
    assert await titles(driver) == ["a price", "opening HOURS"]
    for status in (204, 404):
        assert (await driver.http.delete(f"{PATH}/{first['answer_id']}", headers=ALL)).status_code == status
    assert await titles(driver) == ["a price"]
    log = sa.select(audit_tables.entries)
    entered = sorted(json.loads(bytes(row["canonical"]))["action"] for row in await driver.harness.rows(log))
    assert entered == ["answer.removed", "answer.saved", "answer.saved", "answer.saved"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 61}, "title"),
        ({"title": "two\nlines"}, "one line"),
        ({"text": ""}, "text"),
        ({"text": "x" * 1601}, "text"),
        ({"text": "{{ recipient.first_name"}, "text"),
        ({"text": "{{ trigger.order_name }}"}, "an answer reads"),
        ({"text": "{% for i in (1..300000000) %}x{% endfor %}"}, "text"),
    ],
)
async def test_what_could_not_be_sent_is_not_kept(driver: SenderDriver, change: dict[str, Any], words: str) -> None:
    answer = await driver.http.post(PATH, json=HOURS | change, headers=ALL)
    assert (answer.status_code, words in answer.text) == (422, True), answer.text
    assert await titles(driver) == []


async def test_a_shop_keeps_a_hundred_and_may_still_change_them(driver: SenderDriver) -> None:
    async def fill(uow: UnitOfWork) -> None:
        rows = [
            {"id": uuid4(), "merchant_id": make.MERCHANT, "title": f"t{n}", "text": "x", "saved_at": uow.now}
            for n in range(MOST_SAVED - 1)
        ]
        await uow.db.insert(saved_answers, rows)

    await driver.harness.runtime.units.run(fill, WritePriority.INGEST)
    assert (await driver.http.post(PATH, json=HOURS, headers=ALL)).status_code == 200
    refused = await driver.http.post(PATH, json=HOURS | {"title": "one more"}, headers=ALL)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many")
    assert (await driver.http.post(PATH, json=HOURS | {"text": "Closed."}, headers=ALL)).status_code == 200


async def test_another_shop_neither_sees_nor_removes_it_and_a_reader_changes_nothing(driver: SenderDriver) -> None:
    kept = (await driver.http.post(PATH, json=HOURS, headers=ALL)).json()
    assert (await driver.http.get(PATH, headers=READER)).status_code == 200
    assert (await driver.http.post(PATH, json=HOURS, headers=READER)).status_code == 403
    assert (await driver.http.delete(f"{PATH}/{kept['answer_id']}", headers=READER)).status_code == 403
    assert await titles(driver) == ["Opening hours"]

    async def give_away(uow: UnitOfWork) -> None:
        await uow.db.execute(sa.update(saved_answers).values(merchant_id="globex"))

    await driver.harness.runtime.units.run(give_away, WritePriority.INGEST)
    assert await titles(driver) == []
    assert (await driver.http.delete(f"{PATH}/{kept['answer_id']}", headers=ALL)).status_code == 404
    assert len(await driver.harness.rows(sa.select(saved_answers))) == 1


async def test_they_go_with_a_shop_that_asks_to_be_forgotten(driver: SenderDriver) -> None:
    await driver.http.post(PATH, json=HOURS, headers=ALL)
    await driver.hear(make.event(MerchantClosed, reason=SHOP_ERASURE))
    assert await driver.harness.rows(sa.select(saved_answers)) == []
