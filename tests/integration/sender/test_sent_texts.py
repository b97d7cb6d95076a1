"""The words of what was sent: opened for who may read them, each reading in the audit log, gone when the person is."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from services.sender.tables import attempts, audit_tables
from shared.db.transaction import WritePriority
from shared.testing import make
from shared.testing.make_sender import API_KEY
from tests.integration.sender.driver import SenderDriver

ALL = {"Authorization": f"Bearer {API_KEY}"}
READER = {"Authorization": f"Bearer {API_KEY}_{make.MERCHANT}_reader"}
WORDS = "Your table is ready"


@pytest.fixture
async def sent(driver: SenderDriver) -> str:
    """Return the path of a text that was sent."""
    cleared = driver.cleared(text=WORDS)
    await driver.hear(cleared)
    await driver.send()
    return f"/v1/dispatches/{cleared.follow_up_id}"


async def text_of(driver: SenderDriver, path: str, headers: dict[str, str] = ALL) -> str | None:
    answer = await driver.http.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    [attempt] = answer.json()["attempts"]
    found: str | None = attempt["text"]
    return found


async def entered(driver: SenderDriver) -> list[dict[str, Any]]:
    rows = await driver.harness.rows(sa.select(audit_tables.entries).order_by(audit_tables.entries.c.position))
    return [json.loads(bytes(row["canonical"])) for row in rows]


async def test_each_reading_of_a_text_is_in_the_audit_log(driver: SenderDriver, sent: str) -> None:
    assert await text_of(driver, sent) is None
    assert await entered(driver) == []
    for _ in range(2):
        assert WORDS in (await text_of(driver, f"{sent}?text=true") or "")
    found = await entered(driver)
    assert [(each["action"], each["subject_kind"], each["counts"]) for each in found] == [
        ("text.revealed", "follow_up", {"texts": 1})
    ] * 2
    assert {each["subject"] for each in found} == {sent.rsplit("/", 1)[-1]}
    assert not any(WORDS in str(each) for each in found)


async def test_who_may_not_read_texts_sees_that_there_is_one_and_nothing_is_entered(
    driver: SenderDriver, sent: str
) -> None:
    assert await text_of(driver, f"{sent}?text=true", READER) == "…"
    assert await entered(driver) == []


async def test_a_text_that_is_no_longer_kept_is_said_to_be_so(driver: SenderDriver, sent: str) -> None:
    forget = sa.update(attempts).values(text=None)
    await driver.harness.runtime.database.write(lambda tx: tx.execute(forget), WritePriority.BATCHES)
    for headers in (ALL, READER):
        assert await text_of(driver, f"{sent}?text=true", headers) is None
    assert await entered(driver) == []


async def test_a_text_that_does_not_open_is_not_shown(driver: SenderDriver, sent: str) -> None:
    spoil = sa.update(attempts).values(text=b"sealed for somebody else")
    await driver.harness.runtime.database.write(lambda tx: tx.execute(spoil), WritePriority.BATCHES)
    assert await text_of(driver, f"{sent}?text=true") is None
