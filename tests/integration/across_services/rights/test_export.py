import csv
import io

import sqlalchemy as sa

import services.compliance.tables
from services.compliance.tables import export_parts
from shared.events.consent import PrivacyRequested
from shared.events.follow_up import FollowUpDue
from shared.events.privacy import PrivacyExported
from shared.testing import make
from tests.integration.across_services.rights.driver import PHONE, RightsDriver


async def test_a_copy_holds_what_every_service_knows_in_the_clear(driver: RightsDriver) -> None:
    await driver.lived()
    answer = await driver.exported()
    assert (answer["state"], answer["missing"]) == ("complete", [])
    reported = answer["services"]
    assert reported["ingest"]["ingest_deliveries"][0]["body"]["customer"]["first_name"] == "Ana"
    assert {row["contact"]["phone"] for row in reported["ingest"]["ingest_subjects"]} == {PHONE}
    [text] = reported["scheduler"]["scheduler_follow_ups"]
    assert (text["contact"]["last_name"], text["facts"]["recipient"]["first_name"]) == ("Ruiz", "Ana")
    assert [row["state"] for row in reported["scheduler"]["scheduler_state_changes"]] == ["pending", "released"]
    [entry, *_] = reported["compliance"]["compliance_consent_ledger"]
    assert entry["canonical"]["act"] == "granted"
    [verdict] = reported["compliance"]["compliance_decisions"]
    assert verdict["record"]["verdict"]["reason"] == "ok"
    assert reported["sender"]["sender_replies"][0]["text"] == "what a lovely cup"
    [talk] = reported["sender"]["sender_conversations"]
    assert talk["contact"]["phone"] == PHONE
    assert "assigned_to" not in talk
    assert "MessageStatus=sent" in reported["sender"]["sender_receipts"][0]["raw"]
    assert {row["type"] for row in reported["metrics"]["metrics_facts"]} >= {"trigger.received", "follow-up.due"}
    assert reported["metrics"]["metrics_customer_orders"][0]["amount_minor"] == 4900


async def test_what_was_handed_over_rests_sealed_and_travels_sealed(driver: RightsDriver) -> None:
    await driver.lived()
    await driver.exported()
    sealed = [event.body for event in await driver.harness.published(PrivacyExported)]
    sealed += [bytes(row["body"]) for row in await driver.harness.rows(sa.select(export_parts))]
    for body in sealed:  # long words: three bytes stand in a large ciphertext by chance
        assert b"12125550123" not in body
        assert b'"recipient_id"' not in body


async def test_parked_events_are_part_of_the_copy(driver: RightsDriver) -> None:
    await driver.lived()
    [due] = await driver.harness.published(FollowUpDue)
    await driver.park(services.compliance.tables.system_tables, due)
    [parked] = (await driver.exported())["services"]["compliance"]["compliance_parked"]
    assert parked["event"]["content"]["contact"]["phone"] == PHONE


async def test_a_copy_can_be_had_as_csv_one_value_a_line(driver: RightsDriver) -> None:
    await driver.lived()
    answer = await driver.exported()
    got = await driver.client.get(f"/v1/exports/{answer['id']}", headers={"Accept": "text/csv"})
    assert got.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(got.text)))
    assert {"sender", "ingest", "scheduler", "metrics", "compliance", "connectors"} == {
        line["service"] for line in lines
    }
    [said] = [line["value"] for line in lines if (line["table"], line["field"]) == ("sender_replies", "text")]
    assert said == "what a lovely cup"
    assert PHONE in {line["value"] for line in lines}


async def test_an_incomplete_copy_says_who_has_not_answered_after_a_minute(driver: RightsDriver) -> None:
    await driver.lived()
    asked = (await driver.client.post("/v1/exports", json={"to": PHONE})).json()
    ingest, scheduler, compliance, _sender, metrics, connectors = driver.services
    await driver.harness.settle(ingest, scheduler, compliance, metrics, connectors)
    path = f"/v1/exports/{asked['id']}"
    before = (await driver.client.get(path)).json()
    assert (before["state"], before["missing"]) == ("under_way", ["sender"])
    driver.clock.advance(seconds=60)
    assert (await driver.client.get(path)).json()["state"] == "late"
    await driver.settle()
    after = (await driver.client.get(path)).json()
    assert (after["state"], "sender" in after["services"]) == ("complete", True)


async def test_a_copy_received_twice_is_the_same_copy(driver: RightsDriver) -> None:
    await driver.lived()
    answer = await driver.exported()
    await driver.harness.publish(*await driver.harness.published(PrivacyExported))
    [asked] = await driver.harness.published(PrivacyRequested)
    await driver.harness.publish(asked)
    await driver.settle()
    assert (await driver.client.get(f"/v1/exports/{answer['id']}")).json() == answer


async def test_shopifys_request_for_data_takes_the_same_path(driver: RightsDriver) -> None:
    await driver.lived()
    asked = {
        "shop_domain": "acme.myshopify.com",
        "orders_requested": [],
        "customer": {"id": 207_119_551, "phone": PHONE},
    }
    await driver.shopify("customers/data_request", asked, "data")
    [listed] = (await driver.client.get("/v1/exports")).json()["exports"]
    answer = (await driver.client.get(f"/v1/exports/{listed['id']}")).json()
    assert (answer["source"], answer["state"]) == ("shopify", "complete")
    assert answer["services"]["sender"]["sender_replies"][0]["text"] == "what a lovely cup"


async def test_another_persons_data_is_not_in_the_copy(driver: RightsDriver) -> None:
    await driver.lived()
    other = (await driver.client.post("/v1/exports", json={"to": "+12125550199"})).json()
    await driver.settle()
    answer = (await driver.client.get(f"/v1/exports/{other['id']}")).json()
    assert answer["state"] == "complete"
    assert [row["canonical"]["action"] for row in answer["services"]["compliance"]["compliance_audit"]] == [
        "export.asked"
    ]
    assert not any(
        rows
        for tables in answer["services"].values()
        for name, rows in tables.items()
        if "facts" not in name and name != "compliance_audit"
    )


async def test_an_unknown_export_and_a_bad_number_are_refused(driver: RightsDriver) -> None:
    assert (await driver.client.get(f"/v1/exports/{make.REQUEST}")).status_code == 404
    assert (await driver.client.post("/v1/exports", json={"to": "12"})).status_code == 422
