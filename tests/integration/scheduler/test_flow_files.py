"""`/v1/flows/{flow}/check` and `/file`: an edit that has errors, or that comes second, is refused."""

import json

import httpx2

from services.scheduler.tables import audit_tables
from shared.testing import make_scheduler
from tests.integration.scheduler.driver import SchedulerDriver

NEW = "/v1/flows/new-one/file"
TEXT = """flow: new-one
on: purchase
enter: {once_per: trigger.subject}
steps:
  - {text: one, purpose: marketing, expire_after: 1d, body: "Hello {{ recipient.first_name | default: 'you' }}"}
"""


async def post(driver: SchedulerDriver, path: str, text: str, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await driver.http.post(path, json={"text": text}, headers={**driver.headers(), **named})


async def audited(driver: SchedulerDriver) -> list[tuple[str, str, list[str]]]:
    rows = await driver.harness.rows(audit_tables.entries.select())
    entries = [json.loads(bytes(row["canonical"])) for row in rows]
    return sorted((entry["action"], entry["subject"], entry["fields"]) for entry in entries)


async def test_a_flow_is_checked_saved_changed_and_deleted(driver: SchedulerDriver) -> None:
    checked = (await post(driver, "/v1/flows/new-one/check", TEXT)).json()
    assert checked["is_valid"]
    assert checked["texts"][0]["previews"][0]["text"].startswith("Acme Coffee: Hello Maria")
    assert (await post(driver, NEW, TEXT)).status_code == 428
    saved = await post(driver, NEW, TEXT, If_None_Match="*")
    assert saved.status_code == 200, saved.text
    file = (await driver.get(NEW)).json()
    assert (file["text"], file["sha256"], file["is_writable"]) == (TEXT, saved.json()["sha256"], True)
    merchants = driver.harness.runtime.merchants
    assert merchants.reload_if_changed()
    assert (await driver.get("/v1/flows/new-one")).json()["version"] == saved.json()["version"] == checked["version"]
    await _the_second_editor_is_told(driver, file["sha256"])
    await _errors_change_nothing(driver)
    await _deleting_needs_the_hash(driver)


async def _the_second_editor_is_told(driver: SchedulerDriver, read: str) -> None:
    first = await post(driver, NEW, TEXT.replace("Hello", "Hi"), If_Match=f'"{read}"')
    assert first.status_code == 200
    second = await post(driver, NEW, TEXT.replace("Hello", "Dear"), If_Match=read)
    assert (second.status_code, second.json()["code"]) == (409, "changed_meanwhile")
    again = await post(driver, NEW, TEXT, If_None_Match="*")
    assert (again.status_code, again.json()["code"]) == (409, "changed_meanwhile")
    assert "Hi" in (await driver.get(NEW)).json()["text"]
    repeat = await post(driver, NEW, TEXT.replace("Hello", "Hi"), If_Match=read)
    assert repeat.status_code == 200


async def _errors_change_nothing(driver: SchedulerDriver) -> None:
    file = (await driver.get(NEW)).json()
    for broken in (TEXT.replace("purchase", "purchse"), TEXT.replace("new-one", "cart"), "a: &a [*a]", ""):
        refused = await post(driver, NEW, broken, If_Match=file["sha256"])
        assert (refused.status_code, refused.json()["code"]) == (422, "flow_has_errors")
        assert refused.json()["errors"][0]["field"].startswith("line ")
    assert (await post(driver, NEW, "x" * 48_001, If_Match=file["sha256"])).status_code == 422
    assert (await driver.get(NEW)).json() == file


async def _deleting_needs_the_hash(driver: SchedulerDriver) -> None:
    file = (await driver.get(NEW)).json()

    async def delete(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await driver.http.delete(NEW, headers={**driver.headers(), **named})).status_code

    assert await delete() == 428
    assert await delete(If_Match="0" * 64) == 409
    assert await delete(If_Match=file["sha256"]) == 200
    assert (await driver.get(NEW)).status_code == 404
    deeds = await audited(driver)
    assert [action for action, _, _ in deeds] == ["flow.deleted", "flow.saved", "flow.saved", "flow.saved"]
    assert {subject for _, subject, _ in deeds} == {"new-one"}
    assert deeds[0][2] == [f"before:{file['sha256'][:16]}"]
    assert f"after:{file['sha256'][:16]}" in deeds[1][2] + deeds[2][2] + deeds[3][2]


async def test_no_other_file_is_reached(driver: SchedulerDriver) -> None:
    for name in ("..%2Fmerchant", "%2e%2e", "merchant.yaml", "..", "A", "x" * 65, "%00"):
        for path in (f"/v1/flows/{name}/file", f"/v1/flows/{name}/check"):
            answer = await post(driver, path, TEXT, If_None_Match="*")
            assert answer.status_code in {400, 404, 405, 422}, path
        assert (await driver.get(f"/v1/flows/{name}/file")).status_code in {400, 404, 422}
    for name in ("api", "answer", "test"):
        text = TEXT.replace("new-one", name)
        assert (await post(driver, f"/v1/flows/{name}/file", text, If_None_Match="*")).status_code == 409
    assert (await driver.get(NEW)).status_code == 404


async def test_another_shop_sees_and_changes_its_own_files_only(driver: SchedulerDriver) -> None:
    other = make_scheduler.OTHER_MERCHANT
    path = "/v1/flows/cart/file"
    assert (await driver.get(path)).status_code == 200
    assert (await driver.get(path, other)).status_code == 404
    gone = await driver.http.delete(path, headers={**driver.headers(merchant=other), "If-Match": "0" * 64})
    assert gone.status_code in {200, 409}
    assert (await driver.get(path)).status_code == 200
