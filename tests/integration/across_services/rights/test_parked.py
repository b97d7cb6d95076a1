"""Parked events of every service: listed without what they hold, handled again in order or discarded, while it runs."""

import itertools
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from services.scheduler.tables import system_tables
from shared.bus import parked
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.trigger import TriggerReceived
from tests.integration.across_services.rights.driver import RightsDriver

SCHEDULER = "/v1/parked/scheduler"
SERVICES = ("ingest", "scheduler", "compliance", "sender", "metrics", "connectors")


async def triggered(driver: RightsDriver) -> TriggerReceived:
    """Let Ana buy, and return what she started."""
    await driver.lived()
    [trigger] = await driver.harness.published(TriggerReceived)
    return trigger


async def park(driver: RightsDriver, *bodies: bytes, **changes: Any) -> None:
    """Park bodies as events of Ana's at the scheduler."""

    async def work(uow: UnitOfWork) -> None:
        row = {
            "recipient_id": driver.person,
            "merchant_id": "acme",
            "topic": "triggers.v1",
            "type": TriggerReceived.type,
            "reason": "planted",
            "parked_at": uow.now,
            **changes,
        }
        await uow.db.insert(system_tables.parked, [{**row, "body": body} for body in bodies])

    await driver.harness.runtime.units.run(work, WritePriority.BATCHES)


async def listed(driver: RightsDriver, **query: Any) -> list[dict[str, Any]]:
    answer = await driver.client.get(SCHEDULER, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["parked"]
    return found


async def redrive(driver: RightsDriver, **body: Any) -> list[str]:
    answer = await driver.client.post(f"{SCHEDULER}/redrive", json=body)
    assert answer.status_code == 200, answer.text
    return [each["outcome"] for each in answer.json()["events"]]


async def deeds(driver: RightsDriver) -> list[tuple[str, str, str | None]]:
    entries = (await driver.client.get("/v1/audit/scheduler")).json()["entries"]
    return [(each["action"], each["subject"], each["reason"]) for each in entries]


async def test_every_service_lists_handles_again_and_discards(driver: RightsDriver) -> None:
    for service in SERVICES:
        page = (await driver.client.get(f"/v1/parked/{service}")).json()
        assert page == {"service": service, "parked": [], "count": 0, "next_cursor": None}
        answer = await driver.client.post(f"/v1/parked/{service}/redrive", json={"everything": True})
        assert answer.json() == {"service": service, "events": [], "next": None}
        body = {"ids": [1], "reason": "none is there"}
        answer = await driver.client.post(f"/v1/parked/{service}/discard", json=body)
        assert answer.json() == {"service": service, "ids": []}


async def test_an_event_is_listed_without_what_it_holds_and_handled_with_an_entry(driver: RightsDriver) -> None:
    trigger = await triggered(driver)
    await driver.park(system_tables, trigger)
    [event] = await listed(driver)
    assert (event["event_id"], event["recipient_id"]) == (str(trigger.event_id), str(driver.person))
    assert (event["type"], event["reason"], event["attempts"]) == (trigger.type, "a repair is awaited", 0)
    assert set(event).isdisjoint({"body", "contact", "facts"})
    assert await redrive(driver, recipient_id=str(driver.person)) == ["processed"]
    assert await listed(driver) == []
    assert await deeds(driver) == [("event.redriven", str(trigger.event_id), None)]
    assert await redrive(driver, ids=[event["id"]]) == []


async def test_poison_stays_with_its_new_reason_and_keeps_what_is_behind_it(driver: RightsDriver) -> None:
    trigger = await triggered(driver)
    await park(driver, b"{}")
    await driver.park(system_tables, trigger)
    assert await redrive(driver, everything=True) == ["failed", "behind"]
    first, second = await listed(driver)
    assert (first["attempts"], first["event_id"], first["reason"] != "planted") == (1, None, True)
    assert second["attempts"] == 0
    assert await deeds(driver) == []
    gone = await driver.client.post(f"{SCHEDULER}/discard", json={"ids": [first["id"]], "reason": "never readable"})
    assert gone.json()["ids"] == [first["id"]]
    assert await redrive(driver, everything=True) == ["processed"]
    assert sorted(await deeds(driver)) == [
        ("event.discarded", f"parked {first['id']}", "never readable"),
        ("event.redriven", str(trigger.event_id), None),
    ]


async def test_what_may_be_a_withdrawal_is_never_discarded(driver: RightsDriver) -> None:
    await park(driver, b"{}", topic="consents.v1", type="privacy.requested")
    await park(driver, b"{}")
    ids = [event["id"] for event in await listed(driver)]
    answer = await driver.client.post(f"{SCHEDULER}/discard", json={"ids": ids, "reason": "in the way"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_discardable")
    assert len(await listed(driver)) == 2


async def test_another_merchants_events_and_those_of_nobody_are_neither_seen_nor_touched(driver: RightsDriver) -> None:
    for merchant in ("bolt", ""):
        await park(driver, b"{}", merchant_id=merchant)
    rows = await driver.harness.rows(sa.select(system_tables.parked.c.id))
    ids = [row["id"] for row in rows]
    assert await listed(driver) == []
    assert await redrive(driver, ids=ids) == await redrive(driver, recipient_id=str(driver.person)) == []
    gone = await driver.client.post(f"{SCHEDULER}/discard", json={"ids": ids, "reason": "not mine"})
    assert gone.json()["ids"] == []
    for answer in (
        await driver.client.get(SCHEDULER, params={"of_no_merchant": True}),
        await driver.client.post(f"{SCHEDULER}/redrive", json={"everything": True, "of_no_merchant": True}),
        await driver.client.post(
            f"{SCHEDULER}/discard", json={"ids": ids, "reason": "not mine", "of_no_merchant": True}
        ),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "operators_only")
    assert len(await driver.harness.rows(sa.select(system_tables.parked))) == 2


async def test_pages_hold_each_event_once_and_counts_are_bounded(
    driver: RightsDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await park(driver, *[b"{}"] * 5)
    monkeypatch.setattr(parked, "MOST_COUNTED", 3)
    seen: list[int] = []
    cursor = 0
    for _ in range(3):
        page = (await driver.client.get(SCHEDULER, params={"limit": 2, "cursor": cursor})).json()
        seen += [event["id"] for event in page["parked"]]
        cursor = page["next_cursor"] or 0
        assert page["count"] == 3
    assert (len(set(seen)), cursor) == (5, 0)
    assert all(before < after for before, after in itertools.pairwise(seen))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"ids": [0]},
        {"ids": [2**63]},
        {"ids": list(range(1, 102))},
        {"ids": [1], "everything": True},
        {"ids": [1], "after": 1},
        {"everything": True, "after": -1},
        {"recipient_id": "ana"},
    ],
)
async def test_a_redrive_that_names_nothing_or_too_much_is_refused(driver: RightsDriver, body: dict[str, Any]) -> None:
    answer: httpx2.Response = await driver.client.post(f"{SCHEDULER}/redrive", json=body)
    assert answer.status_code == 422, (body, answer.text)
