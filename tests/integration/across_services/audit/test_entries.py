"""What somebody does is in the audit log of its service, with it or not at all, and says nothing about a person."""

from array import array
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.compliance.caps.limits import packed
from services.compliance.tables import audit_tables as compliance_audit
from services.compliance.tables import newcomers
from services.scheduler.tables import audit_tables as scheduler_audit
from services.scheduler.tables import controls, follow_ups
from services.sender.tables import audit_tables as sender_audit
from services.sender.tables import unassigned_replies
from shared import aad
from shared.audit import Actor, ActorKind, AddressClass, AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.audit_log import AuditLog
from shared.controls import EVERY_MERCHANT
from shared.db import audit_store
from shared.db.audit_store import AuditTables
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.http.audit_routes import AuditEndpoints
from shared.http.auth import Caller
from shared.ids import MerchantId
from shared.testing.make_ingest import shopify_order
from tests.integration.across_services.audit.pages import exported, merged, problems
from tests.integration.across_services.rights.driver import PHONE, SECRETS, SENDER_NUMBER, RightsDriver

ACME = MerchantId("acme")
CONSENT = {
    "to": PHONE,
    "scope": "marketing",
    "level": "pewc",
    "captured_at": "2026-01-05T10:00:00Z",
    "disclosure": "shown to Ana",
    "ip": "203.0.113.77",
}
CONTROL = {"action": "pause", "scope": {"flow": "thanks"}, "reason": "wrong code"}
ACTOR = Actor(ActorKind.API_KEY, "all", AddressClass.NONE)
DEED = Deed(ACME, AuditAction.HOLD_RELEASED, AuditSubject(AuditSubjectKind.MERCHANT, ACME))
SERVICES = {"compliance": compliance_audit, "scheduler": scheduler_audit, "sender": sender_audit}


async def logged(driver: RightsDriver, service: str, **asked: Any) -> list[dict[str, Any]]:
    answer = await driver.client.get(f"/v1/audit/{service}", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


async def post(driver: RightsDriver, path: str, body: dict[str, Any], status: int) -> dict[str, Any]:
    driver.clock.advance(seconds=1)
    answer = await driver.client.post(path, json=body)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def stray(driver: RightsDriver, number: int = 7) -> str:
    """Leave a reply without a known recipient, and return its id."""
    digest = bytes([number]) * 32
    row = {
        "digest": digest,
        "merchant_id": ACME,
        "provider": "main",
        "reason": "sender_unknown",
        "reply_class": "other",
        "raw": driver.sealer.seal(
            ACME,
            aad.unassigned_reply(digest),
            b'{"MessageSid": "SM-in-1", "From": "messenger:1042", "To": "%s", "Body": "Hi. Ana"}'
            % SENDER_NUMBER.encode(),
        ),
        "received_at": driver.clock.now(),
    }

    async def work(uow: UnitOfWork) -> None:
        await uow.db.insert(unassigned_replies, [row])

    await driver.harness.runtime.units.run(work, WritePriority.BATCHES)
    return digest.hex()


async def planned(driver: RightsDriver) -> str:
    await driver.shopify("orders/create", shopify_order(), "order")
    [row] = await driver.harness.rows(sa.select(follow_ups.c.id))
    return str(row["id"])


async def test_a_control_that_is_made_and_lifted_says_who_what_and_why(driver: RightsDriver) -> None:
    made = await post(driver, "/v1/controls", CONTROL, 202)
    await post(driver, "/v1/controls", {**CONTROL, "action": "resume", "reason": "mended"}, 202)
    lifted, paused = await logged(driver, "scheduler")
    assert (paused["action"], lifted["action"]) == ("control.paused", "control.lifted")
    assert (paused["reason"], lifted["reason"]) == ("wrong code", "mended")
    assert {paused["subject"], lifted["subject"]} == {made["controls"][0]["control_id"]}
    assert (paused["actor_kind"], paused["actor"], paused["origin"]) == ("api_key", "all", "this_machine")
    assert paused["fields"] == ["flow"]


async def test_what_changes_nothing_and_what_is_refused_is_not_logged(driver: RightsDriver) -> None:
    await post(driver, "/v1/controls", CONTROL, 202)
    await post(driver, "/v1/controls", CONTROL, 202)
    await post(driver, "/v1/controls", {**CONTROL, "dry_run": True, "action": "stop"}, 202)
    await post(driver, "/v1/controls", {**CONTROL, "action": "resume", "scope": {"merchant": "acme"}}, 409)
    await post(driver, "/v1/controls", {**CONTROL, "scope": {"everything": True}}, 403)
    await post(driver, "/v1/holds/release", {}, 409)
    assert len(await logged(driver, "scheduler")) == 1
    assert await logged(driver, "compliance") == []


async def test_a_cancelled_follow_up_is_logged_once_however_often_it_is_asked_for(driver: RightsDriver) -> None:
    key = await planned(driver)
    for _ in range(2):
        assert (await driver.client.delete(f"/v1/follow-ups/{key}")).status_code == 204
    [entry] = await logged(driver, "scheduler")
    assert (entry["action"], entry["subject_kind"], entry["subject"]) == ("follow-up.cancelled", "follow_up", key)
    assert entry["recipient"] == str(driver.person)


async def test_a_released_hold_is_logged(driver: RightsDriver) -> None:
    now = driver.clock.now()
    held = {"merchant_id": ACME, "hour": now, "asked": 0, "by_key": {}, "by_prefix": packed(array("H")), "recent": []}

    async def work(uow: UnitOfWork) -> None:
        await uow.db.insert(newcomers, [{**held, "held_since": now}])

    await driver.harness.runtime.units.run(work, WritePriority.BATCHES)
    await post(driver, "/v1/holds/release", {}, 200)
    [entry] = await logged(driver, "compliance")
    assert (entry["action"], entry["subject"]) == ("hold.released", "acme")


async def test_consents_by_api_are_logged_with_the_names_of_their_fields_once(driver: RightsDriver) -> None:
    for _ in range(2):
        await post(driver, "/v1/consents", CONSENT, 201)
    await post(driver, "/v1/consents/revoke", {"to": PHONE, "reason": "she called"}, 200)
    await post(driver, "/v1/recipients/preference-links/revoke", {"to": PHONE}, 200)
    rows = [{**CONSENT, "to": "+12125550188"}, {"to": "nobody"}]
    await post(driver, "/v1/consents/imports", {"rows": rows}, 200)
    imported, links, revoked, recorded = await logged(driver, "compliance")
    assert (recorded["action"], revoked["action"]) == ("consent.recorded", "consent.revoked")
    assert {"disclosure", "ip", "to"} <= set(recorded["fields"])
    assert links["action"] == "preference-links.revoked"
    assert {each["recipient"] for each in (recorded, revoked, links)} == {str(driver.person)}
    assert imported["action"] == "consents.imported"
    assert imported["counts"] == {"rows": 2, "recorded": 1, "withdrawals": 0, "refused": 1}


async def test_requests_by_right_are_logged(driver: RightsDriver) -> None:
    copy = await driver.exported()
    driver.clock.advance(seconds=1)
    erasure = await driver.erased()
    erased, *of_the_copy = await logged(driver, "compliance")
    asked, read = sorted(of_the_copy, key=lambda entry: str(entry["action"]))
    assert (read["action"], read["subject"]) == ("export.read", copy["id"])
    assert (asked["action"], asked["subject"]) == ("export.asked", copy["id"])
    assert (erased["action"], erased["subject"]) == ("erasure.asked", erasure["id"])


async def test_who_is_shown_replies_and_what_becomes_of_them_is_logged(driver: RightsDriver) -> None:
    assert (await driver.client.get("/v1/replies/unassigned")).json()["replies"] == []
    first, second = await stray(driver), await stray(driver, 8)
    assert len((await driver.client.get("/v1/replies/unassigned")).json()["replies"]) == 2
    await post(driver, f"/v1/replies/unassigned/{first}/dismiss", {}, 200)
    found = {entry["action"]: entry for entry in await logged(driver, "sender")}
    assert found.keys() == {"replies.revealed", "reply.dismissed"}
    assert found["replies.revealed"]["counts"] == {"replies": 2}
    assert found["reply.dismissed"]["subject"] == first
    assert second not in str(found)


async def test_nothing_about_a_person_is_in_any_entry(driver: RightsDriver) -> None:
    await stray(driver)
    await driver.client.get("/v1/replies/unassigned")
    await post(driver, "/v1/consents", CONSENT, 201)
    await post(driver, "/v1/controls", {**CONTROL, "scope": {"to": PHONE}, "reason": "Ana asked"}, 202)
    await post(driver, "/v1/erasures", {"to": PHONE}, 202)
    for tables in SERVICES.values():
        rows = await driver.harness.rows(sa.select(tables.entries))
        assert rows
        for row in rows:
            clear = str({**row, "canonical": bytes(row["canonical"]).decode()})
            assert not [secret for secret in (*SECRETS, "203.0.113.77") if secret in clear]


@pytest.mark.parametrize("service", SERVICES)
async def test_who_may_not_read_it_is_refused(driver: RightsDriver, service: str) -> None:
    for path in (f"/v1/audit/{service}", f"/v1/audit/{service}/days", f"/v1/audit/{service}/days/2026-01-05"):
        assert (await driver.client.get(path, headers={"Authorization": "Bearer fu_nobody"})).status_code == 401
        assert (await driver.client.get(path, params={"everything": "true"})).status_code == 403
        assert (await driver.client.get(path, params={"limit": 201})).status_code == 422
    for asked in ({"cursor": "AAAA"}, {"since": "yesterday"}):
        assert (await driver.client.get(f"/v1/audit/{service}", params=asked)).status_code == 422


async def test_two_merchants_never_see_each_other(driver: RightsDriver) -> None:
    async def work(uow: UnitOfWork) -> None:
        log = AuditLog(scheduler_audit, driver.sealer)
        log.record(uow, ACTOR, DEED._replace(merchant_id=MerchantId("other"), reason="secret"))
        log.record(uow, ACTOR, DEED)

    await driver.harness.runtime.units.run(work, WritePriority.BATCHES)
    [entry] = await logged(driver, "scheduler")
    assert entry["subject"] == "acme"
    days = (await driver.client.get("/v1/audit/scheduler/days")).json()["days"]
    assert [day["entries"] for day in days] == [1]
    chain = (await driver.client.get(f"/v1/audit/scheduler/days/{days[0]['day']}")).json()["links"]
    assert [link["position"] for link in chain] == [0]


async def some(driver: RightsDriver, tables: AuditTables, count: int) -> None:
    """Enter some actions, a minute apart."""
    for number in range(count):

        async def work(uow: UnitOfWork, number: int = number) -> None:
            AuditLog(tables, driver.sealer).record(uow, ACTOR, DEED._replace(counts={"number": number}))

        await driver.harness.runtime.units.run(work, WritePriority.BATCHES)
        driver.clock.advance(minutes=1)


async def test_pages_follow_each_other_and_periods_are_exact(driver: RightsDriver) -> None:
    start = driver.clock.now()
    await some(driver, scheduler_audit, 5)
    seen: list[int] = []
    cursor = None
    while True:
        asked = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await driver.client.get("/v1/audit/scheduler", params=asked)).json()
        seen += [entry["counts"]["number"] for entry in page["entries"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == [4, 3, 2, 1, 0]
    since, until = ((start + timedelta(minutes=minutes)).isoformat() for minutes in (1, 3))
    found = await logged(driver, "scheduler", since=since, until=until)
    assert [entry["counts"]["number"] for entry in found] == [2, 1]


async def test_the_logs_of_the_services_are_merged_newest_first(driver: RightsDriver) -> None:
    for tables in (scheduler_audit, sender_audit, compliance_audit, scheduler_audit):
        await some(driver, tables, 1)
    assert [entry["service"] for entry in await merged(driver, 3)] == ["scheduler", "compliance", "sender"]


async def test_an_action_that_fails_is_not_logged_and_one_that_cannot_be_logged_does_not_happen(
    driver: RightsDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(audit_store, "append", broken)
        with pytest.raises(OSError):  # noqa: PT011 - the one above
            await driver.client.post("/v1/controls", json=CONTROL)
    assert await driver.harness.rows(sa.select(controls)) == []

    async def fails(uow: UnitOfWork) -> None:
        AuditLog(scheduler_audit, driver.sealer).record(uow, ACTOR, DEED)
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - the one above
        await driver.harness.runtime.units.run(fails, WritePriority.BATCHES)
    assert await logged(driver, "scheduler") == []


async def test_an_erasure_blanks_the_reason_and_the_chain_holds(driver: RightsDriver) -> None:
    await post(driver, "/v1/controls", {**CONTROL, "scope": {"to": PHONE}, "reason": "Ana is cross"}, 202)
    await post(driver, "/v1/controls", CONTROL, 202)
    copy = await driver.exported()
    assert "Ana is cross" in str(copy)
    certificate = await driver.erased()
    [rows] = [each["rows"] for each in certificate["services"] if each["service"] == "scheduler"]
    assert rows["scheduler_audit"] == 1
    kept, erased = await logged(driver, "scheduler")
    assert (kept["reason"], kept["reason_state"]) == ("wrong code", "kept")
    assert (erased["reason"], erased["reason_state"]) == (None, "erased")
    assert problems(await exported(driver)) == []


async def test_a_reason_that_was_exchanged_is_not_shown(driver: RightsDriver) -> None:
    await post(driver, "/v1/controls", CONTROL, 202)
    [row] = await driver.harness.rows(sa.select(scheduler_audit.entries.c.id))
    other = driver.sealer.seal(ACME, aad.audit_reason(row["id"]), b"it was somebody else")

    async def forge(db: Transaction) -> None:
        await db.execute(sa.update(scheduler_audit.entries).values(reason=other))

    await driver.harness.runtime.database.write(forge, WritePriority.BATCHES)
    [entry] = await logged(driver, "scheduler")
    assert (entry["reason"], entry["reason_state"]) == (None, "changed")


def names(found: Sequence[dict[str, Any]]) -> list[str]:
    return [str(entry["action"]) for entry in found]


async def test_releasing_judging_and_sending_write_no_entry(driver: RightsDriver) -> None:
    await driver.lived()
    assert [names(await logged(driver, service)) for service in SERVICES] == [[], [], []]


async def test_who_acts_is_told_by_what_they_came_with_and_not_by_a_name(driver: RightsDriver) -> None:
    acme = driver.harness.runtime.merchants.get(ACME)
    assert acme is not None
    user = Caller(acme, "user:anna", frozenset(), "0" * 64)
    key = Caller(acme, "operator", frozenset(), "0" * 64, "8.8.8.8")
    operator = Caller(acme, "operator", frozenset(), address="127.0.0.1")
    assert user.actor == Actor(ActorKind.USER, "anna", AddressClass.NONE)
    assert key.actor == Actor(ActorKind.API_KEY, "operator", AddressClass.PUBLIC)
    assert operator.actor == Actor(ActorKind.OPERATOR, "operator", AddressClass.THIS_MACHINE)


async def test_what_is_done_to_every_merchant_is_in_a_log_of_the_operators_alone(driver: RightsDriver) -> None:
    async def work(uow: UnitOfWork) -> None:
        AuditLog(scheduler_audit, driver.sealer).record(uow, ACTOR, DEED._replace(merchant_id=EVERY_MERCHANT))

    await driver.harness.runtime.units.run(work, WritePriority.BATCHES)
    assert await logged(driver, "scheduler") == []
    acme = driver.harness.runtime.merchants.get(ACME)
    assert acme is not None
    operator = Caller(acme, "operator", frozenset())
    endpoints = AuditEndpoints(AuditLog(scheduler_audit, driver.sealer), driver.harness.runtime.units)
    page = await endpoints.newest(operator, everything=True)
    assert [entry.action for entry in page.entries] == ["hold.released"]
    [day] = (await endpoints.days(operator, everything=True)).days
    chain = await endpoints.chain(date.fromisoformat(day.day), operator, everything=True)
    assert [link.position for link in chain.links] == [0]
