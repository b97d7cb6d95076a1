"""The page of notifications: what it shows, and what its forms do in the running application."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from services import embedded
from shared.vocabulary.roles import Role
from tests.integration.across_services.console import house
from tests.integration.across_services.console.house import Person, open_house
from tests.integration.connectors.driver import SECRET
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the application in one process has SQLite")

PAGE = "/console/notifications"
NOBODY = "0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f"
NOTIFY = (
    "notify: {{webhooks: [{{name: erp, url: 'https://127.0.0.1:9/hook', secrets: [{{env: HOOK_SECRET}}], "
    "events: [reply.received]}}]}}\n"
)
"""Nobody listens at its address, so that what it is told stays on its way."""


@pytest.fixture
async def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[embedded.Application]:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setattr(house, "MERCHANT", house.MERCHANT + NOTIFY)
    async with open_house(tmp_path) as application:
        yield application


async def delivery_of(person: Person, merchant: str = "acme") -> UUID:
    [delivery] = (await person.read("/v1/deliveries", merchant))["deliveries"]
    return UUID(delivery["id"])


async def test_an_endpoint_is_tested_and_what_it_was_told_is_discarded_with_a_reason(
    opened: embedded.Application,
) -> None:
    anna = await Person(opened).enter(Role.OPERATOR)
    assert "Send an endpoint a test to see one" in await anna.page(PAGE)
    tested = await anna.send(f"{PAGE}/test", seen_on=PAGE, endpoint="erp")
    assert tested.headers["location"] == f"{PAGE}?tested=erp"
    assert "A test for erp is on its way" in await anna.page(tested.headers["location"])
    waiting = str(await delivery_of(anna))
    none = await anna.send(PAGE, action="redrive")
    assert (none.status_code, "Choose notifications" in none.text) == (422, True)
    unsaid = await anna.send(PAGE, action="discard", delivery=waiting, reason=" ")
    assert (unsaid.status_code, "Say why" in unsaid.text, " checked" in unsaid.text) == (422, True, True)
    odd = await anna.send(PAGE, action="discard", delivery=waiting, reason="a\x07b")
    assert (odd.status_code, " checked" in odd.text) == (422, True)
    early = await anna.send(PAGE, action="redrive", delivery=waiting)
    assert early.headers["location"] == f"{PAGE}?state=all&again=0&late=1"
    assert "1 had changed meanwhile and stays as it is" in await anna.page(early.headers["location"])
    gone = await anna.send(PAGE, action="discard", delivery=waiting, reason="=a test", state="pending")
    assert gone.headers["location"] == f"{PAGE}?state=pending&gone=1&late=0"
    assert (await anna.read("/v1/deliveries"))["deliveries"][0]["state"] == "discarded"
    file = await anna.http.get(f"{PAGE}/notifications.csv?state=discarded")
    assert file.text.splitlines()[1].startswith(f"{waiting},erp,test,discarded,")


async def test_another_shops_notification_is_neither_shown_nor_decided_about(opened: embedded.Application) -> None:
    anna, boris = await Person(opened).enter(Role.OWNER), await Person(opened).enter(Role.OWNER, "bolt")
    await boris.send(f"{PAGE}/test", seen_on=PAGE, endpoint="erp")
    foreign = str(await delivery_of(boris, "bolt"))
    assert foreign not in await anna.page(PAGE)
    for delivery in (foreign, NOBODY):
        answer = await anna.send(PAGE, action="discard", delivery=delivery, reason="not mine")
        assert answer.headers["location"] == f"{PAGE}?state=all&gone=0&late=1"
    assert (await anna.read("/v1/deliveries", "bolt"))["deliveries"][0]["state"] == "pending"


async def test_an_endpoint_that_nobody_has_is_not_tested_and_none_is_tested_without_end(
    opened: embedded.Application,
) -> None:
    anna = await Person(opened).enter(Role.OPERATOR)
    for name in ("nobodys", "../../deliveries", ""):
        answer = await anna.send(f"{PAGE}/test", seen_on=PAGE, endpoint=name)
        assert answer.status_code in {404, 405, 422}
    answers = [await anna.send(f"{PAGE}/test", seen_on=PAGE, endpoint="erp") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [303] * 5 + [429]
    assert "tested a moment ago" in answers[-1].text


async def test_who_may_look_alone_finds_no_button_and_a_viewer_finds_no_page(opened: embedded.Application) -> None:
    support, viewer = await Person(opened).enter(Role.SUPPORT), await Person(opened).enter(Role.VIEWER)
    assert "Send a test" not in await support.page(PAGE)
    refused = await support.send(f"{PAGE}/test", seen_on="/console/inbox", endpoint="erp")
    assert refused.status_code == 403
    assert (await viewer.http.get(PAGE)).status_code == 403
    assert (await viewer.http.get(f"{PAGE}/notifications.csv")).status_code == 403
