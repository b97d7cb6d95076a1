"""Quarantine: what could not be read is listed, read again once the cause is mended, or discarded with a reason."""

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa

from services.ingest.quarantine import store
from services.ingest.sources import shopify
from services.ingest.tables import audit_tables, deliveries, quarantine
from shared.db.transaction import Transaction, WritePriority
from shared.testing.make_ingest import api_key, shopify_order
from tests.integration.ingest.driver import IngestDriver

NEW_TOPIC = "orders/dreamt"


async def ask(driver: IngestDriver, path: str, merchant: str = "acme", **body: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {api_key(merchant)}"}
    if not body:
        return await driver.client.get(path, headers=headers)
    return await driver.client.post(path, json=body, headers=headers)


async def waiting(driver: IngestDriver, merchant: str = "acme") -> list[dict[str, Any]]:
    answer = await ask(driver, "/v1/quarantine", merchant)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["deliveries"]
    return found


async def dreamt(driver: IngestDriver, number: int = 1) -> None:
    """Let orders come under a topic that this version cannot read."""
    for each in range(number):
        order = shopify_order(id=5000 + each)
        answer = await driver.shopify(NEW_TOPIC, order, event_id=f"dreamt-{each}")
        assert answer.json() == {"status": "quarantined", "reason": "unknown_topic"}


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what makes the topic readable, as a newer version does."""

    def mend() -> None:
        monkeypatch.setitem(shopify._READERS, NEW_TOPIC, shopify._READERS["orders/create"])

    return mend


async def deeds(driver: IngestDriver) -> list[str]:
    rows = await driver.harness.rows(sa.select(audit_tables.entries).order_by(audit_tables.entries.c.position))
    return [bytes(row["canonical"]).decode() for row in rows]


async def test_what_is_mended_is_read_with_the_time_it_came_at_and_once(driver: IngestDriver, mended: Any) -> None:
    await dreamt(driver)
    [delivery] = await waiting(driver)
    assert (delivery["source"], delivery["topic"], delivery["reason"]) == ("shopify", NEW_TOPIC, "unknown_topic")
    still = await ask(driver, "/v1/quarantine/redrive", everything=True)
    assert still.json()["deliveries"] == [
        {"delivery_id": delivery["delivery_id"], "outcome": "quarantined", "reason": "unknown_topic"}
    ]
    assert await deeds(driver) == []
    mended()
    answers = await asyncio.gather(*(ask(driver, "/v1/quarantine/redrive", everything=True) for _ in range(3)))
    outcomes = [each["outcome"] for answer in answers for each in answer.json()["deliveries"]]
    assert outcomes == ["accepted"]
    assert await waiting(driver) == []
    [trigger] = await driver.triggers()
    assert trigger.kind == "purchase"
    [kept] = await driver.harness.rows(sa.select(deliveries))
    assert (kept["outcome"], kept["recipient_id"]) == ("accepted", trigger.recipient_id)  # now their erasure finds it
    [deed] = await deeds(driver)
    assert '"delivery.redriven"' in deed
    repeated = await driver.shopify(NEW_TOPIC, shopify_order(id=5000), event_id="dreamt-0")
    assert repeated.json() == {"status": "duplicate"}
    assert len(await driver.triggers()) == 1


async def test_what_another_delivery_said_meanwhile_is_not_said_again(driver: IngestDriver, mended: Any) -> None:
    await dreamt(driver)
    assert (await driver.shopify("orders/create", shopify_order(id=5000), event_id="e-2")).json()[
        "status"
    ] == "accepted"
    mended()
    answer = await ask(driver, "/v1/quarantine/redrive", everything=True)
    assert [each["outcome"] for each in answer.json()["deliveries"]] == ["ignored"]
    assert len(await driver.triggers()) == 1


async def test_one_that_still_cannot_be_read_keeps_no_other(driver: IngestDriver, mended: Any) -> None:
    await driver.shopify("orders/create", b"<html>", event_id="broken")
    await dreamt(driver)
    mended()
    ids = [each["delivery_id"] for each in await waiting(driver)]
    answer = await ask(driver, "/v1/quarantine/redrive", delivery_ids=ids)
    assert sorted(each["outcome"] for each in answer.json()["deliveries"]) == ["accepted", "quarantined"]
    assert [each["reason"] for each in await waiting(driver)] == ["not_json"]


async def test_a_topic_that_does_not_fit_the_signed_body_is_never_let_through(driver: IngestDriver) -> None:
    answer = await driver.shopify("customers/redact", shopify_order())
    assert answer.json()["reason"] == "topic_mismatch"
    answer = await ask(driver, "/v1/quarantine/redrive", everything=True)
    assert [each["reason"] for each in answer.json()["deliveries"]] == ["topic_mismatch"]
    assert await driver.harness.log_events() == []


async def test_what_was_blanked_can_only_be_discarded(driver: IngestDriver, mended: Any) -> None:
    await dreamt(driver)

    async def blank(tx: Transaction) -> None:
        await tx.execute(sa.update(deliveries).values(body=b"", headers=b""))

    await driver.harness.runtime.database.write(blank, WritePriority.BATCHES)
    mended()
    answer = await ask(driver, "/v1/quarantine/redrive", everything=True)
    assert [each["reason"] for each in answer.json()["deliveries"]] == ["no_longer_kept"]


async def test_everything_is_read_in_pages_of_which_each_is_bounded(
    driver: IngestDriver, mended: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingest.quarantine.api.MOST_AT_ONCE", 2)
    await dreamt(driver, 5)
    mended()
    read: list[str] = []
    body: dict[str, Any] = {"everything": True}
    while body:
        answer = (await ask(driver, "/v1/quarantine/redrive", **body)).json()
        assert len(answer["deliveries"]) <= 2
        read += [each["delivery_id"] for each in answer["deliveries"]]
        body = {"everything": True, "after": answer["next"]} if answer["next"] else {}
    assert read == sorted(read)
    assert len(read) == len(await driver.triggers()) == 5


async def test_a_discarded_delivery_leaves_the_list_with_a_reason_and_is_kept(driver: IngestDriver) -> None:
    await dreamt(driver, 2)
    first, second = await waiting(driver)
    body: dict[str, Any] = {
        "delivery_ids": [first["delivery_id"], first["delivery_id"]],
        "reason": "a test of the platform",
    }
    assert (await ask(driver, "/v1/quarantine/discard", **body)).json() == {"delivery_ids": [first["delivery_id"]]}
    assert (await ask(driver, "/v1/quarantine/discard", **body)).json() == {"delivery_ids": []}
    assert await waiting(driver) == [second]
    outcomes = {str(row["delivery_id"]): row["outcome"] for row in await driver.harness.rows(sa.select(deliveries))}
    assert outcomes == {first["delivery_id"]: "discarded", second["delivery_id"]: "quarantined"}
    [deed] = await deeds(driver)
    assert '"delivery.discarded"' in deed
    assert "platform" not in deed
    [entry] = (await ask(driver, "/v1/audit/ingest")).json()["entries"]
    assert (entry["reason"], entry["subject"]) == ("a test of the platform", first["delivery_id"])


async def test_another_merchants_deliveries_are_neither_seen_nor_settled(driver: IngestDriver, mended: Any) -> None:
    await dreamt(driver)
    [delivery] = await waiting(driver)
    mended()
    assert await waiting(driver, "bolt") == []
    named: dict[str, Any] = {"delivery_ids": [delivery["delivery_id"], str(UUID(int=7))]}
    assert (await ask(driver, "/v1/quarantine/redrive", "bolt", **named)).json()["deliveries"] == []
    assert (await ask(driver, "/v1/quarantine/discard", "bolt", **named, reason="mine")).json() == {"delivery_ids": []}
    assert await waiting(driver) == [delivery]


@pytest.mark.parametrize(
    "body",
    [
        {"delivery_ids": []},
        {"delivery_ids": [str(UUID(int=n)) for n in range(101)]},
        {"delivery_ids": [str(UUID(int=1))], "everything": True},
        {"after": str(UUID(int=1)), "everything": False, "delivery_ids": [str(UUID(int=1))]},
        {"everything": False},
    ],
)
async def test_a_redrive_that_names_nothing_or_too_much_is_refused(driver: IngestDriver, body: dict[str, Any]) -> None:
    assert (await ask(driver, "/v1/quarantine/redrive", **body)).status_code == 422


async def test_a_crash_before_the_commit_leaves_it_in_quarantine(
    driver: IngestDriver, mended: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await dreamt(driver)
    mended()

    async def dies(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(store, "leave", dies)
        assert (await ask(driver, "/v1/quarantine/redrive", everything=True)).status_code == 500
    assert (len(await waiting(driver)), await driver.triggers()) == (1, [])
    assert (await driver.count(quarantine), await deeds(driver)) == (1, [])
