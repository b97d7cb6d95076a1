"""A second person's yes at the console: asked for by one, seen by the other at Home, and given where it is shown."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from services import embedded
from services.scheduler.tables import paused
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.vocabulary.roles import Role
from tests.integration.across_services.console.house import Person, open_house
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the whole application in one process is always on SQLite")

PAGE = "/console/controls"
HOSTILE = '<script>alert("1")</script>'
SCOPE = {"scope": "number:+12025550100"}


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[embedded.Application]:
    async with open_house(tmp_path, "approvals: {release_above: 2}\n") as application:
        yield application


async def wait(application: embedded.Application, control: str, texts: int) -> None:
    """Let so many texts wait for a control."""

    async def work(uow: UnitOfWork) -> None:
        await uow.db.insert(paused, [{"control_id": UUID(control), "follow_up_id": uuid4()} for _ in range(texts)])

    await application.runtime.units.run(work, WritePriority.BATCHES)


async def asked(opened: embedded.Application, reason: str = "the code works") -> tuple[Person, str]:
    """Let Anna, the owner, ask to resume what three texts wait for; return her and the address of the answer."""
    anna = await Person(opened).enter(Role.OWNER)
    await anna.send(PAGE, action="pause", reason="wrong code", **SCOPE)
    [control] = await in_force(anna)
    await wait(opened, control["control_id"], 3)
    sent = await anna.send(PAGE, action="resume", reason=reason, **SCOPE)
    assert (sent.status_code, sent.headers["location"]) == (303, f"{PAGE}#approvals")
    [question] = (await anna.read("/v1/approvals"))["approvals"]
    return anna, f"{PAGE}/approvals/{question['approval_id']}"


async def in_force(person: Person) -> list[dict[str, Any]]:
    return list((await person.read("/v1/controls"))["controls"])


async def test_anna_asks_and_ben_sees_it_at_home_and_says_yes(opened: embedded.Application) -> None:
    anna, at = await asked(opened, HOSTILE)
    assert "Nobody else here may say yes" in await anna.page(PAGE)
    ben = await Person(opened).enter(Role.OPERATOR)
    assert "Somebody else says yes: operator-acme." in await anna.page(PAGE)
    assert "Take it back" in await anna.page(PAGE)
    assert "owner-acme asks to let 3 texts from +12025550100 go" in await ben.page("/console")
    assert "asks to let" not in await anna.page("/console")
    page = await ben.page(PAGE)
    assert "Yes, let 3 go" in page
    assert "<script>alert" not in page
    assert len(await in_force(ben)) == 1
    said = await ben.send(at, seen_on=PAGE, answer="yes", texts="3", reason="I tried it")
    assert (said.status_code, said.headers["location"]) == (303, PAGE)
    assert await in_force(ben) == []
    assert "for a second person" not in await ben.page(PAGE)


async def test_a_yes_to_an_old_number_is_shown_again_with_the_new_one_and_what_was_typed(
    opened: embedded.Application,
) -> None:
    anna, at = await asked(opened)
    ben = await Person(opened).enter(Role.MARKETER)
    [control] = await in_force(anna)
    await wait(opened, control["control_id"], 2)
    refused = await ben.send(at, seen_on=PAGE, answer="yes", texts="3", reason="I tried it")
    assert refused.status_code == 409
    assert "5 texts would go by now, not the 3 that you were shown" in refused.text
    assert 'value="I tried it"' in refused.text
    assert "Yes, let 5 go" in refused.text


async def test_nobody_says_yes_alone_or_by_a_forged_form_or_without_the_role(opened: embedded.Application) -> None:
    anna, at = await asked(opened)
    own = await anna.send(at, seen_on=PAGE, answer="yes", texts="3")
    assert own.status_code == 403
    assert "You asked for it yourself" in own.text
    ben = await Person(opened).enter(Role.OPERATOR)
    assert (await ben.http.post(at, data={"answer": "yes", "texts": "3"})).status_code == 403
    bert = await Person(opened).enter(Role.OWNER, "bolt")
    token = await bert.form_token()
    assert (await bert.http.post(at, data={"form_token": token, "answer": "no"})).status_code == 404
    viewer = await Person(opened).enter(Role.VIEWER)
    assert "Let 3 texts" in await viewer.page(PAGE)
    assert at not in await viewer.page(PAGE)
    for odd in ({"texts": "3"}, *({"answer": "yes", "texts": texts} for texts in ("", "9" * 50, "²"))):
        assert (await ben.send(at, seen_on=PAGE, **odd)).status_code == 422
    assert len(await in_force(anna)) == 1


async def test_who_asked_takes_it_back_and_a_late_yes_says_so(opened: embedded.Application) -> None:
    anna, at = await asked(opened)
    assert (await anna.send(at, seen_on=PAGE, answer="no")).status_code == 303
    ben = await Person(opened).enter(Role.OPERATOR)
    late = await ben.send(at, seen_on=PAGE, answer="yes", texts="3")
    assert late.status_code == 409
    assert "Somebody has answered it already." in late.text
    assert len(await in_force(anna)) == 1
