"""The page of parked events: what it shows, and what its forms do in the running application."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from services import embedded
from services.metrics.tables import system_tables as metrics_tables
from services.scheduler.tables import system_tables as scheduler_tables
from shared.bus.parked import BEHIND
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.vocabulary.roles import Role
from tests.integration.across_services.console.house import Person, open_house
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the application in one process has SQLite")

PAGE = "/console/parked"
HOSTILE = '=cmd <script>alert("1")</script>'


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[embedded.Application]:
    async with open_house(tmp_path) as application:
        yield application


async def park(application: embedded.Application, reason: str, number: int = 1, merchant: str = "acme") -> None:
    """Park an event that no service can read, so that it fails again however often it is handled."""

    async def work(uow: UnitOfWork) -> None:
        row = {
            "recipient_id": UUID(int=number),
            "merchant_id": merchant,
            "topic": "triggers.v1",
            "type": "trigger.received",
            "body": b"{}",
            "reason": reason,
            "parked_at": uow.now,
        }
        await uow.db.insert(scheduler_tables.parked, [row])
        if number == 2:
            await uow.db.insert(metrics_tables.parked, [row])

    await application.runtime.units.run(work, WritePriority.BATCHES)


async def left(person: Person, merchant: str = "acme") -> list[int]:
    return [each["id"] for each in (await person.read("/v1/parked/scheduler", merchant))["parked"]]


async def test_what_is_parked_is_shown_handled_again_and_discarded(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OPERATOR)
    assert "Nothing is parked." in await anna.page(PAGE)
    await park(opened, HOSTILE)
    await park(opened, BEHIND)
    await park(opened, "another", number=2)
    first, second, third = await left(anna)
    page = await anna.page(PAGE)
    assert "1 waits behind it" in page
    assert "<script>alert" not in page
    assert all(f'value="scheduler:{each}"' in page for each in (first, second, third))
    assert 'value="metrics:1"' in page
    again = await anna.send(PAGE, action="redrive", event=f"scheduler:{first}")
    assert again.headers["location"] == f"{PAGE}?left=1"
    page = await anna.page(again.headers["location"])
    assert ("1 still cannot be" in page, "Failed again once" in page) == (True, True)
    everything = await anna.send(PAGE, action="redrive_all")
    assert everything.headers["location"] == f"{PAGE}?left=4"
    unsaid = await anna.send(PAGE, action="discard", event=f"scheduler:{first}", reason=" ")
    assert (unsaid.status_code, "Say why" in unsaid.text, " checked" in unsaid.text) == (422, True, True)
    none = await anna.send(PAGE, action="discard", event="console:1", reason="a test")
    assert (none.status_code, "Choose events" in none.text) == (422, True)
    gone = await anna.send(PAGE, action="discard", event=f"scheduler:{first}", reason="a test")
    assert gone.headers["location"] == f"{PAGE}?gone=1"
    assert await left(anna) == [second, third]
    [entry, *_] = (await anna.read("/v1/audit/scheduler"))["entries"]
    assert (entry["action"], entry["reason"]) == ("event.discarded", "a test")


async def test_home_counts_what_is_parked_and_forgets_it_with_the_last(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    await park(opened, "planted")
    assert "1 event is parked at the scheduler" in await anna.page("/console")
    await anna.send(PAGE, action="discard", event="scheduler:1", reason="a test")
    assert "parked at the scheduler" not in await anna.page("/console")


async def test_a_spreadsheet_takes_no_reason_for_a_formula(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    await park(opened, HOSTILE)
    file = await anna.http.get(f"{PAGE}/parked.csv")
    head, row = file.text.splitlines()
    assert head == "service,id,type,recipient_id,is_behind,reason,parked_at,attempts"
    assert row.startswith("scheduler,1,trigger.received,")
    assert "\"'=cmd" in row


async def test_another_shops_events_and_the_wrong_role_find_nothing(opened: embedded.Application) -> None:
    anna, boris = await Person(opened).enter(Role.OWNER), await Person(opened).enter(Role.OWNER, "bolt")
    await park(opened, "of bolt", merchant="bolt")
    [theirs] = await left(boris, "bolt")
    assert "of bolt" not in (await anna.page(PAGE)).lower()
    await anna.send(PAGE, action="discard", event=f"scheduler:{theirs}", reason="not mine")
    await anna.send(PAGE, action="redrive_all")
    assert (await boris.read("/v1/parked/scheduler", "bolt"))["parked"][0]["attempts"] == 0
    forged = await boris.http.post(PAGE, data={"form_token": "0" * 64, "action": "redrive_all"})
    assert forged.status_code == 409
    assert (await boris.read("/v1/parked/scheduler", "bolt"))["parked"][0]["attempts"] == 0
    mia = await Person(opened).enter(Role.MARKETER)
    assert (await mia.http.get(PAGE)).status_code == 403
    assert (await mia.http.get(f"{PAGE}/parked.csv")).status_code == 403


async def test_a_long_list_goes_on_service_by_service(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    for _ in range(31):
        await park(opened, "planted")
    first = await anna.page(PAGE)
    assert ("More of the scheduler" in first, 'value="scheduler:31"' in first) == (True, False)
    further = await anna.page(f"{PAGE}?service=scheduler&cursor=30")
    assert ('value="scheduler:31"' in further, 'value="scheduler:30"' in further) == (True, False)
