"""Who did what to users, who signed in and who tried to: in the console's audit log, bounded, and of one shop alone."""

from typing import Any

import pytest

from services.console.accounts.failed_sign_ins import is_entered
from services.console.retention import prune
from services.console.tables import audit_tables, failed_sign_ins
from shared.testing.make_metrics import READ_KEY
from tests.integration.across_services.console.conftest import Console
from tests.integration.across_services.console.test_users import PASSWORD, add, sign_in
from tests.integration.engines import only_on_sqlite

no_sql_of_its_own = only_on_sqlite("its statements are run on PostgreSQL by the tests beside it")


async def entries(console: Console, merchant: str = "acme") -> list[dict[str, Any]]:
    """Return what was done at a merchant, in the order in which it is chained."""
    answer = await console.operate("GET", "/v1/audit/console", merchant)
    assert answer.status_code == 200, answer.text
    return sorted(answer.json()["entries"], key=lambda entry: (entry["day"], entry["position"]))


def told(entry: dict[str, Any]) -> str:
    """Return an entry in short."""
    return f"{entry['actor_kind']} {entry['actor']}: {entry['action']} {entry['subject_kind']} {entry['subject']}"


async def form_token(console: Console, path: str = "/console/settings") -> str:
    page = (await console.http.get(path)).text
    return page.split('name="form_token" type="hidden" value="')[1][:64]


async def test_what_the_operator_does_to_users_is_entered(console: Console) -> None:
    await add(console)
    await console.operate("POST", "/console/users/anna/password", password="five loud cups of tea")
    await console.operate("DELETE", "/console/users/anna")
    found = await entries(console)
    assert [told(entry) for entry in found] == [
        f"operator operator: user.{what} user anna" for what in ("added", "reset", "removed")
    ]
    assert found[0]["fields"] == ["role owner"]
    assert await entries(console, "bolt") == []


@no_sql_of_its_own
async def test_what_is_refused_is_not_entered(console: Console) -> None:
    await add(console)
    await add(console)
    await console.operate("DELETE", "/console/users/nobody")
    await console.operate("POST", "/console/users/anna/password", password="short")
    assert len(await entries(console)) == 1


async def test_a_sign_in_a_change_of_password_and_a_sign_out_are_entered_under_ones_own_name(console: Console) -> None:
    await add(console)
    await sign_in(console)
    form = {"form_token": await form_token(console), "current": PASSWORD, "password": "five loud cups of tea"}
    await console.http.post("/console/settings/password", data=form)
    await sign_in(console, password="five loud cups of tea")
    for _ in range(2):
        await console.http.post("/console/sign-out", data={"form_token": await form_token(console)})
        await sign_in(console, password="five loud cups of tea")
    done = [told(entry).removeprefix("user anna: ") for entry in (await entries(console))[1:]]
    opened, ended = "session.opened user anna", "session.ended user anna"
    assert done == [opened, "password.changed user anna", opened, ended, opened, ended, opened]


@no_sql_of_its_own
async def test_a_sign_in_with_a_key_or_its_code_is_entered_under_the_keys_id(console: Console) -> None:
    await console.http.post("/console/sign-in", data={"key": READ_KEY})
    code = (await console.http.post("/console/codes")).json()["code"]
    await console.http.post("/console/sign-in", data={"code": code})
    assert [told(entry) for entry in await entries(console)] == ["api_key reader: session.opened api_key reader"] * 2
    assert READ_KEY.encode() not in await console.harness.stored()


async def test_wrong_passwords_are_counted_in_one_row_and_entered_at_the_first_and_the_tenth(console: Console) -> None:
    await add(console)
    for number in range(25):
        await sign_in(console, password=f"a wrong one, number {number}")
        console.clock.advance(seconds=61)
    failed = [entry for entry in await entries(console) if entry["action"] == "sign-in.failed"]
    assert [told(entry) for entry in failed] == ["stranger : sign-in.failed user anna"] * 2
    assert [entry["counts"] for entry in failed] == [{"today": 1}, {"today": 10}]
    [row] = await console.harness.rows(failed_sign_ins.select())
    assert row["failures"] == 25
    console.clock.advance(days=3)
    await prune(console.harness.runtime.units)
    assert await console.harness.rows(failed_sign_ins.select()) == []


@no_sql_of_its_own
async def test_nothing_is_kept_of_names_without_a_user(console: Console) -> None:
    assert (await sign_in(console, name="my-password-by-mistake")).status_code == 401
    assert await console.harness.rows(failed_sign_ins.select()) == []
    assert await console.harness.rows(audit_tables.entries.select()) == []


@pytest.mark.parametrize(
    ("today", "expected"), [(1, True), (2, False), (10, True), (11, False), (20, False), (1000, True)]
)
def test_powers_of_ten_are_entered(today: int, expected: bool) -> None:  # noqa: FBT001 - a case
    assert is_entered(today) is expected
