import csv
import io

import sqlalchemy as sa

import services.compliance.tables
from services.compliance.privacy.tables import export_parts
from shared.events.consent import PrivacyRequested
from shared.events.follow_up import FollowUpDue
from shared.events.privacy import PrivacyExported
from shared.testing import make
from tests.integration.rights.stage import PHONE, Stage


async def test_a_copy_holds_what_every_service_knows_in_the_clear(stage: Stage) -> None:
    await stage.lived()
    answer = await stage.exported()
    assert (answer["state"], answer["missing"]) == ("complete", [])
    told = answer["services"]
    assert told["ingest"]["ingest_deliveries"][0]["body"]["customer"]["first_name"] == "Ana"
    assert {row["contact"]["phone"] for row in told["ingest"]["ingest_subjects"]} == {PHONE}
    [text] = told["scheduler"]["scheduler_follow_ups"]
    assert (text["contact"]["last_name"], text["facts"]["recipient"]["first_name"]) == ("Ruiz", "Ana")
    assert [row["state"] for row in told["scheduler"]["scheduler_state_changes"]] == ["pending", "released"]
    [entry, *_] = told["compliance"]["compliance_consent_ledger"]
    assert entry["canonical"]["act"] == "granted"
    [verdict] = told["compliance"]["compliance_decisions"]
    assert verdict["record"]["verdict"]["reason"] == "ok"
    assert told["sender"]["sender_replies"][0]["text"] == "what a lovely cup"
    assert "MessageStatus=sent" in told["sender"]["sender_receipts"][0]["raw"]
    assert {row["type"] for row in told["metrics"]["metrics_facts"]} >= {"trigger.received", "follow-up.due"}
    assert told["metrics"]["metrics_customer_orders"][0]["amount_minor"] == 4900


async def test_what_was_handed_over_rests_sealed_and_travels_sealed(stage: Stage) -> None:
    await stage.lived()
    await stage.exported()
    for event in await stage.house.published(PrivacyExported):
        assert b"Ana" not in event.body
    for row in await stage.house.rows(sa.select(export_parts)):
        assert b"Ana" not in bytes(row["body"])


async def test_parked_events_are_part_of_the_copy(stage: Stage) -> None:
    await stage.lived()
    [due] = await stage.house.published(FollowUpDue)
    await stage.park(services.compliance.tables.ground, due)
    [parked] = (await stage.exported())["services"]["compliance"]["compliance_parked"]
    assert parked["event"]["content"]["contact"]["phone"] == PHONE


async def test_a_copy_can_be_had_as_csv_one_value_a_line(stage: Stage) -> None:
    await stage.lived()
    answer = await stage.exported()
    got = await stage.client.get(f"/v1/exports/{answer['id']}", headers={"Accept": "text/csv"})
    assert got.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(got.text)))
    assert {"sender", "ingest", "scheduler", "metrics", "compliance"} == {line["service"] for line in lines}
    [said] = [line["value"] for line in lines if (line["table"], line["field"]) == ("sender_replies", "text")]
    assert said == "what a lovely cup"
    assert PHONE in {line["value"] for line in lines}


async def test_an_incomplete_copy_says_who_has_not_answered_after_a_minute(stage: Stage) -> None:
    await stage.lived()
    asked = (await stage.client.post("/v1/exports", json={"to": PHONE})).json()
    ingest, scheduler, compliance, _sender, metrics = stage.five
    await stage.house.settle(ingest, scheduler, compliance, metrics)
    path = f"/v1/exports/{asked['id']}"
    before = (await stage.client.get(path)).json()
    assert (before["state"], before["missing"]) == ("under_way", ["sender"])
    stage.clock.advance(seconds=60)
    assert (await stage.client.get(path)).json()["state"] == "late"
    await stage.settle()
    after = (await stage.client.get(path)).json()
    assert (after["state"], "sender" in after["services"]) == ("complete", True)


async def test_a_copy_told_twice_is_the_same_copy(stage: Stage) -> None:
    await stage.lived()
    answer = await stage.exported()
    await stage.house.publish(*await stage.house.published(PrivacyExported))
    [asked] = await stage.house.published(PrivacyRequested)
    await stage.house.publish(asked)
    await stage.settle()
    assert (await stage.client.get(f"/v1/exports/{answer['id']}")).json() == answer


async def test_shopifys_request_for_data_takes_the_same_path(stage: Stage) -> None:
    await stage.lived()
    asked = {
        "shop_domain": "acme.myshopify.com",
        "orders_requested": [],
        "customer": {"id": 207_119_551, "phone": PHONE},
    }
    await stage.shopify("customers/data_request", asked, "data")
    [listed] = (await stage.client.get("/v1/exports")).json()["exports"]
    answer = (await stage.client.get(f"/v1/exports/{listed['id']}")).json()
    assert (answer["source"], answer["state"]) == ("shopify", "complete")
    assert answer["services"]["sender"]["sender_replies"][0]["text"] == "what a lovely cup"


async def test_another_persons_data_is_not_in_the_copy(stage: Stage) -> None:
    await stage.lived()
    other = (await stage.client.post("/v1/exports", json={"to": "+12125550199"})).json()
    await stage.settle()
    answer = (await stage.client.get(f"/v1/exports/{other['id']}")).json()
    assert answer["state"] == "complete"
    assert not any(
        rows for tables in answer["services"].values() for name, rows in tables.items() if "facts" not in name
    )


async def test_an_unknown_export_and_a_bad_number_are_refused(stage: Stage) -> None:
    assert (await stage.client.get(f"/v1/exports/{make.REQUEST}")).status_code == 404
    assert (await stage.client.post("/v1/exports", json={"to": "12"})).status_code == 422
