"""Settings: owners add and remove users, people change their own password, and nobody else's shop is touched."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services import embedded
from services.console.accounts.account_log import AccountLog
from shared.audit import Actor, ActorKind, AddressClass, AuditAction
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.ids import MerchantId
from shared.vocabulary.roles import Role
from tests.integration.across_services.console.house import PASSWORD, Person, open_house
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the application is embedded")


PAGE = "/console/settings"
ACME = MerchantId("acme")


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[embedded.Application]:
    async with open_house(tmp_path) as application:
        yield application


async def users(person: Person, merchant: str = "acme") -> dict[str, str]:
    return {user["name"]: user["role"] for user in (await person.read("/console/users", merchant))["users"]}


async def test_an_owner_adds_a_user_who_can_sign_in_and_removes_them_after_being_asked(
    opened: embedded.Application,
) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    added = await anna.send(f"{PAGE}/users", seen_on=PAGE, name="Bo", role="support", password=PASSWORD)
    assert (added.status_code, await users(anna)) == (303, {"owner-acme": "owner", "bo": "support"})
    bo = Person(opened)
    entered = await bo.http.post("/console/sign-in", data={"name": "bo", "password": PASSWORD})
    assert entered.headers["location"] == "/console"
    assert "bo" in await anna.page(PAGE)
    asked = await anna.send(f"{PAGE}/users/bo/remove", seen_on=PAGE)
    assert (asked.status_code, "Remove bo?" in asked.text) == (200, True)
    assert "bo" in await users(anna)
    assert (await anna.send(f"{PAGE}/users/bo/remove", seen_on=PAGE, confirmed="yes")).status_code == 303
    assert await users(anna) == {"owner-acme": "owner"}
    assert (await bo.http.get(PAGE)).headers["location"] == "/console/sign-in"


async def test_what_cannot_be_added_is_said_beside_the_field_and_kept(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    for form, words in (
        ({"name": "no spaces please", "role": "support"}, "A name has up to 64"),
        ({"name": "bo", "role": "emperor"}, "Choose a role"),
        ({"name": "bo", "role": "support", "password": "short"}, "12 characters"),
        ({"name": "owner-acme", "role": "support"}, "already"),
    ):
        refused = await anna.send(f"{PAGE}/users", seen_on=PAGE, **{"password": PASSWORD, **form})
        assert refused.status_code in {409, 422}
        assert words in refused.text
        assert f'value="{form["name"]}"' in refused.text
        assert PASSWORD not in refused.text
    assert await users(anna) == {"owner-acme": "owner"}


async def test_only_owners_change_users(opened: embedded.Application) -> None:
    for role in (role for role in Role if role is not Role.OWNER):
        bo = await Person(opened).enter(role)
        adding, removing = {"name": "eve", "role": "owner"}, {"confirmed": "yes"}
        for path, form in (("users", adding), (f"users/{bo.name}/remove", removing)):
            refused = await bo.send(f"{PAGE}/{path}", seen_on=PAGE, password=PASSWORD, **form)
            assert refused.status_code == 403
        assert (await users(bo))[bo.name] == role
        assert (await bo.http.get(f"{PAGE}/audit")).status_code == 403


async def test_an_owner_removes_neither_themselves_nor_another_shops_user(opened: embedded.Application) -> None:
    anna, ben = await Person(opened).enter(Role.OWNER), await Person(opened).enter(Role.OWNER, "bolt")
    for name, status in (("owner-acme", 403), ("owner-bolt", 404)):
        answer = await anna.send(f"{PAGE}/users/{name}/remove", seen_on=PAGE, confirmed="yes")
        assert answer.status_code == status
    assert await users(ben, "bolt") == {"owner-bolt": "owner"}
    assert "owner-bolt" not in await anna.page(PAGE)


async def test_ones_own_password_takes_the_current_one_and_ends_every_sign_in(opened: embedded.Application) -> None:
    bo, elsewhere = await Person(opened).enter(Role.VIEWER), Person(opened)
    await elsewhere.http.post("/console/sign-in", data={"name": bo.name, "password": PASSWORD})
    wrong = await bo.send(f"{PAGE}/password", seen_on=PAGE, current="not my password", password="eight loud owls sing")
    assert (wrong.status_code, "not your password" in wrong.text) == (422, True)
    done = await bo.send(f"{PAGE}/password", seen_on=PAGE, current=PASSWORD, password="eight loud owls sing")
    assert done.headers["location"] == "/console/sign-in"
    assert (await elsewhere.http.get(PAGE)).headers["location"] == "/console/sign-in"
    again = await bo.http.post("/console/sign-in", data={"name": bo.name, "password": "eight loud owls sing"})
    assert again.headers["location"] == "/console"


async def test_every_kind_of_actor_has_a_name_in_the_audit_log(opened: embedded.Application) -> None:
    log, words = AccountLog.of(opened.runtime.sealer), {"api_key": "key back-office", "stranger": "not signed in"}

    async def work(uow: UnitOfWork) -> None:
        for kind in ActorKind:
            log.about_oneself(uow, Actor(kind, "back-office", AddressClass.PUBLIC), ACME, AuditAction.SIGNED_IN)

    await opened.runtime.units.run(work, WritePriority.INGEST)
    page = await (await Person(opened).enter(Role.OWNER)).page(f"{PAGE}/audit")
    assert all(words.get(kind, "back-office") in page for kind in ActorKind)
    assert "key operator" not in page


async def test_the_audit_log_is_merged_and_shows_reasons_as_text(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    await anna.send("/console/controls", action="pause", scope="merchant:", reason="<b>wrong code</b>")
    page = await anna.page(f"{PAGE}/audit")
    assert page.index("control paused") < page.index("session opened") < page.index("user added")
    assert "owner-acme" in page
    assert "role owner" in page
    assert page.count("the operator") == 1
    assert "&lt;b&gt;wrong code&lt;/b&gt;" in page
    assert "owner-acme" not in await (await Person(opened).enter(Role.OWNER, "bolt")).page(f"{PAGE}/audit")


async def test_the_other_pages_show_what_is_in_force(opened: embedded.Application) -> None:
    anna = await Person(opened).enter(Role.OWNER)
    assert "No key yet" in await anna.page(f"{PAGE}/keys")
    assert "+12025550100" in await anna.page(f"{PAGE}/files")
    health = await anna.page(f"{PAGE}/health")
    assert all(service in health for service in ("ingest", "scheduler", "compliance", "sender", "metrics"))
