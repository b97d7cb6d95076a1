"""A person's page: what it shows of them to whom, and what its forms do in the running application."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services import embedded
from shared.testing.harness import ServiceHarness
from shared.vocabulary.roles import SCOPES_OF, Role
from tests.integration.across_services.console.house import Person, open_house
from tests.integration.across_services.console.test_messages_page import NUMBER, planned, state_of
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the application is embedded")


CONSENT = {
    "to": NUMBER,
    "scope": "marketing",
    "level": "pewc",
    "captured_at": "2026-01-01T10:00:00Z",
    "disclosure": "By ticking this box you agree to texts.",
    "source": "<script>alert(1)</script>",
}


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[embedded.Application]:
    async with open_house(tmp_path) as application:
        yield application


async def known(opened: embedded.Application, person: Person) -> tuple[str, str]:
    """Record a consent of somebody, plan a text to them, and return the path of their page and the text's id."""
    answer = await person.http.post("/v1/consents", json=CONSENT, headers=person.operator_of("acme"))
    assert answer.status_code == 201, answer.text
    key = await planned(opened, person)
    return f"/console/people/{answer.json()['recipient_id']}", key


async def test_a_page_shows_consents_with_their_evidence_and_what_comes_next(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.SUPPORT)
    path, key = await known(opened, anna)
    page = await anna.page(path)
    assert "agreed in writing" in page
    assert "wording kept; evidence kept, sealed" in page
    assert f"/console/follow-ups/{key}" in page
    assert "<script>alert" not in page
    assert NUMBER not in page
    found = await anna.send("/console/search", seen_on=path, q=NUMBER)
    assert found.headers["location"] == path
    assert "Whom are you looking for?" in await anna.page("/console/people")


async def test_an_opt_out_is_in_the_ledger_at_once_and_asking_twice_changes_nothing_more(
    opened: embedded.Application,
) -> None:
    anna = await Person(opened).enter(Role.SUPPORT)
    path, key = await known(opened, anna)
    unexplained = await anna.send(path, action="opt_out", scope="all", reason=" ")
    assert (unexplained.status_code, "Say why" in unexplained.text) == (422, True)
    for _ in range(2):
        answer = await anna.send(path, action="opt_out", scope="all", reason="she called")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=opt_out")
    await ServiceHarness(opened.runtime).settle(*opened.services)
    assert await state_of(anna, key) == "cancelled"
    page = await anna.page(f"{path}?done=opt_out")
    assert "What happened" in page
    assert "The opt-out is in the ledger" in page
    assert page.count(">opted out</span>") >= 2
    standing = await anna.read(f"/v1/standings/{path.rsplit('/', 1)[-1]}")
    assert standing["consents"]["marketing"]["status"] == "revoked"
    assert standing["entries"][0]["act"] == "revoked"


async def test_a_person_is_paused_and_what_is_planned_is_cancelled(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    path, key = await known(opened, anna)
    assert (await anna.send(path, action="pause", reason="she travels")).status_code == 303
    [control] = (await anna.read("/v1/controls"))["controls"]
    assert control["scope"]["recipient"] == path.rsplit("/", 1)[-1]
    assert await state_of(anna, key) == "pending"
    assert (await anna.send(path, action="cancel", reason="she asked")).status_code == 303
    assert await state_of(anna, key) == "cancelled"
    assert (await anna.send(path, action="explode", reason="x")).status_code == 422


@pytest.mark.parametrize("role", Role)
async def test_each_role_does_what_its_scopes_say(opened: embedded.Application, role: Role) -> None:
    person = await Person(opened).enter(role)
    path, key = await known(opened, person)
    page = await person.page(path)
    assert ("May be written to" in page) == ("consents:read" in SCOPES_OF[role])
    scopes = {
        "opt_out": "consents:write",
        "pause": "controls:write",
        "cancel": "follow-ups:write",
        "revoke_links": "consents:write",
        "export": "rights:write",
    }
    for action in [name for name, scope in scopes.items() if scope not in SCOPES_OF[role]]:
        assert f'value="{action}"' not in page
        refused = await person.send(path, seen_on="/console/messages", action=action, reason="why")
        assert refused.status_code == 403
    assert await state_of(person, key) == "pending"


async def test_a_number_is_masked_and_shown_by_a_button_on_record(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    path, _key = await known(opened, anna)
    assert "+1212•••0123" in await anna.page(path)
    shown = await anna.send(path, action="reveal")
    assert (shown.status_code, NUMBER in shown.text) == (200, True)
    actions = [entry["action"] for entry in (await anna.read("/v1/audit/scheduler"))["entries"]]
    assert actions == ["recipient.revealed"]
    viewer = await Person(opened).enter(Role.MARKETER)
    assert (await viewer.send(path, action="reveal")).status_code == 403
    bert = await Person(opened).enter(Role.OWNER, "bolt")
    refused = await bert.send(path, seen_on="/console/people", action="reveal")
    assert (refused.status_code, NUMBER in refused.text) == (404, False)
    assert len((await anna.read("/v1/audit/scheduler"))["entries"]) == 1


async def test_a_person_is_forgotten_only_after_their_mark_was_written(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    bert = await Person(opened).enter(Role.OWNER, "bolt")
    path, key = await known(opened, anna)
    mark = path[-6:]
    for words in ("", "yes", NUMBER):
        refused = await anna.send(path, action="erase", reason=words)
        assert (refused.status_code, f"Write {mark}" in refused.text) == (422, True)
    foreign = await bert.send(path, seen_on="/console/people", action="erase", reason=mark)
    assert foreign.status_code == 404
    assert (await anna.read("/v1/erasures"))["erasures"] == []
    assert (await anna.send(path, action="erase", reason=mark)).status_code == 303
    await ServiceHarness(opened.runtime).settle(*opened.services)
    assert len((await anna.read("/v1/erasures"))["erasures"]) == 1
    assert await state_of(anna, key) == "cancelled"
    assert "0123" not in await anna.page(f"{path}?done=erase")


def link_on(page: str) -> str:
    """Return the path of the preference link that a page shows."""
    found = re.search(r"<code>[^<]*(/preferences/[^<]+)</code>", page)
    assert found is not None
    return found[1]


async def test_a_revoked_preference_link_opens_nothing_and_the_next_one_does(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.SUPPORT)
    bert = await Person(opened).enter(Role.OWNER, "bolt")
    path, _key = await known(opened, anna)
    link = link_on(await anna.page(path))
    assert (await bert.send(path, seen_on="/console/people", action="revoke_links")).status_code == 404
    assert (await anna.http.get(link)).status_code == 200
    answer = await anna.send(path, action="revoke_links")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=revoke_links")
    assert (await anna.http.get(link)).status_code == 410
    page = await anna.page(answer.headers["location"])
    assert "open nothing any more" in page
    assert (await anna.http.get(link_on(page))).status_code == 200


async def test_a_copy_is_collected_from_a_persons_page(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    bert = await Person(opened).enter(Role.OWNER, "bolt")
    path, _key = await known(opened, anna)
    assert (await bert.send(path, seen_on="/console/people", action="export")).status_code == 404
    assert (await anna.read("/v1/exports"))["exports"] == []
    answer = await anna.send(path, action="export")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=export")
    assert "/console/consent#exports-title" in await anna.page(answer.headers["location"])
    [copy] = (await anna.read("/v1/exports"))["exports"]
    await ServiceHarness(opened.runtime).settle(*opened.services)
    assert (await anna.read(f"/v1/exports/{copy['id']}"))["recipient_id"] == path.rsplit("/", 1)[-1]


GIVEN = {
    "scope": "marketing",
    "level": "pewc",
    "at": "2026-02-01T09:30",
    "method": "paper",
    "source": "the shop <b>in</b> Main Street",
    "disclosure": "I agree to texts.\nNot a condition.",
    "note": "Ben was there",
}


async def test_a_consent_is_added_with_what_proves_it_and_entering_it_twice_adds_one(
    opened: embedded.Application,
) -> None:
    anna = await Person(opened).enter(Role.SUPPORT)
    path, _key = await known(opened, anna)
    for _ in range(2):
        answer = await anna.send(f"{path}/consent", seen_on=path, **GIVEN)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=consent")
    page = await anna.page(answer.headers["location"])
    assert "The consent is in the ledger" in page
    assert "<b>in</b>" not in page
    standing = await anna.read(f"/v1/standings/{path.rsplit('/', 1)[-1]}")
    assert len(standing["entries"]) == 2
    assert standing["entries"][0] | {"entry_id": "", "recorded_at": ""} == {
        "entry_id": "",
        "act": "granted",
        "scope": "marketing",
        "level": "pewc",
        "recorded_at": "",
        "captured_at": "2026-02-01T09:30:00Z",
        "expires_at": None,
        "method": "paper",
        "source": "the shop <b>in</b> Main Street",
        "is_by_the_person": False,
        "has_disclosure": True,
        "has_evidence": True,
    }
    entry = next(e for e in (await anna.read("/v1/audit/compliance"))["entries"] if "support" in str(e["actor"]))
    assert (entry["action"], "Ben" in str(entry)) == ("consent.recorded", False)


async def test_a_consent_that_is_refused_stays_typed(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.SUPPORT)
    path, _key = await known(opened, anna)
    for change, words in (
        ({"at": ""}, "Say when they agreed"),
        ({"at": "2027-06-01T00:00"}, "When they agreed: lies in the future"),
        ({"source": "two\nlines"}, "Where: write one line"),
        ({"source": "preferences"}, "Where: is reserved"),
    ):
        refused = await anna.send(f"{path}/consent", seen_on=path, **GIVEN | change)
        assert (refused.status_code, words in refused.text, "Ben was there" in refused.text) == (422, True, True)
    assert len((await anna.read(f"/v1/standings/{path.rsplit('/', 1)[-1]}"))["entries"]) == 1


async def test_a_consent_after_the_persons_own_stop_is_refused_and_says_what_would_lift_it(
    opened: embedded.Application,
) -> None:
    anna = await Person(opened).enter(Role.SUPPORT)
    path, _key = await known(opened, anna)
    await anna.send(path, action="opt_out", scope="all", reason="she called")
    earlier = await anna.send(f"{path}/consent", seen_on=path, **GIVEN)
    assert "only what they agreed to since counts" in earlier.text
    chosen = await anna.http.post(link_on(await anna.page(path)), data={"choice": "none"})
    assert chosen.status_code == 303
    refused = await anna.send(f"{path}/consent", seen_on=path, **GIVEN)
    assert (refused.status_code, "by texting START" in refused.text) == (422, True)


async def test_a_number_that_is_somebody_elses_is_never_written_to_again(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.SUPPORT)
    path, key = await known(opened, anna)
    odd = await anna.send(path, action="never_again", scope="erased", reason="a guess")
    assert odd.status_code == 422
    answer = await anna.send(path, action="never_again", scope="wrong_person", reason="a stranger answered")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=never_again")
    await ServiceHarness(opened.runtime).settle(*opened.services)
    assert await state_of(anna, key) == "cancelled"
    page = await anna.page(answer.headers["location"])
    assert "never written to again" in page
    assert "wrong person" in page
    refused = await anna.send(f"{path}/consent", seen_on=path, **GIVEN | {"at": "2026-12-01T01:00"})
    assert (refused.status_code, "whatever is agreed" in refused.text) == (422, True)


async def test_pressing_collect_a_copy_twice_makes_one(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    path, _key = await known(opened, anna)
    once = re.search(r'name="once" type="hidden" value="([^"]+)"', await anna.page(path))
    assert once is not None
    for _ in range(2):
        assert (await anna.send(path, action="export", once=once[1])).status_code == 303
    assert len((await anna.read("/v1/exports"))["exports"]) == 1


async def test_another_shops_person_is_nobody(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    bert = await Person(opened).enter(Role.OWNER, "bolt")
    path, key = await known(opened, anna)
    assert (await bert.http.get(path)).status_code == 404
    refused = await bert.send(path, seen_on="/console/people", action="opt_out", reason="not mine")
    assert refused.status_code == 404
    await bert.send(path, seen_on="/console/people", action="cancel", reason="not mine")
    assert await state_of(anna, key) == "pending"
    refused = await bert.send(f"{path}/consent", seen_on="/console/people", **GIVEN)
    assert refused.status_code == 404
    standing = await anna.read(f"/v1/standings/{path.rsplit('/', 1)[-1]}")
    assert [each["act"] for each in standing["entries"]] == ["granted"]
    forged = await anna.http.post(path, data={"action": "opt_out", "reason": "forged"})
    assert forged.status_code == 403
