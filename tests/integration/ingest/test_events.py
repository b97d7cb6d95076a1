import hashlib
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.ingest.tables import deliveries, delivery_keys
from shared import aad
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentReported
from shared.testing.make_ingest import PHONE, event
from tests.integration.ingest.driver import IngestDriver


async def test_one_event_is_taken(driver: IngestDriver) -> None:
    answer = await driver.report(event())
    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 1,
        "duplicates": 0,
        "no_recipient": 0,
        "refused": 0,
        "events": [{"id": "evt-1", "status": "accepted"}],
    }
    [trigger] = await driver.triggers()
    assert trigger.asked_by == "backend"
    assert (trigger.kind, trigger.source, trigger.subject, trigger.amount_minor) == (
        "purchase",
        "api",
        "order-1001",
        4900,
    )


async def test_a_list_is_taken_in_its_order(driver: IngestDriver) -> None:
    answer = await driver.report([event(id=f"evt-{number}", subject=f"order-{number}") for number in range(500)])
    assert answer.json()["accepted"] == 500
    assert [trigger.subject for trigger in await driver.triggers()] == [f"order-{number}" for number in range(500)]


@pytest.mark.parametrize("number", [0, 501])
async def test_a_list_of_none_or_too_many_is_refused(driver: IngestDriver, number: int) -> None:
    answer = await driver.report([event(id=str(each)) for each in range(number)])
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "events")


async def test_the_same_event_twice_is_a_duplicate_across_calls_and_within_one(driver: IngestDriver) -> None:
    first = await driver.report([event(), event()])
    again = await driver.report(event())
    assert [each["status"] for each in first.json()["events"]] == ["accepted", "duplicate"]
    assert again.json()["duplicates"] == 1
    assert len(await driver.triggers()) == 1


async def test_two_merchants_may_use_the_same_id(driver: IngestDriver) -> None:
    for merchant in ("acme", "bolt"):
        assert (await driver.report(event(), merchant=merchant)).json()["accepted"] == 1


@pytest.mark.parametrize("documents", [[event(), event(subject="other")], [event()]])
async def test_the_same_id_for_another_event_is_refused_and_costs_no_neighbour(
    driver: IngestDriver, documents: list[dict[str, Any]]
) -> None:
    if len(documents) == 1:
        await driver.report(event(subject="other"))
    before = await driver.count()
    answer = await driver.report([event(id="evt-9", subject="order-9"), *documents])
    assert answer.status_code == 202
    *taken, conflict = answer.json()["events"]
    assert [each["status"] for each in taken] == ["accepted"] * len(documents)
    assert (conflict["id"], conflict["status"], conflict["errors"][0]["field"]) == ("evt-1", "refused", "id")
    assert await driver.count() == before + len(taken)


async def test_an_event_whose_hash_an_earlier_version_kept_is_received_again_without_a_conflict(
    driver: IngestDriver,
) -> None:
    reported = event()
    await driver.report(reported)
    [delivery] = await driver.harness.rows(sa.select(deliveries))
    place, sealer = aad.delivery_body(delivery["delivery_id"]), driver.harness.runtime.sealer
    body = sealer.open(delivery["merchant_id"], place, bytes(delivery["body"]))

    async def as_before(uow: UnitOfWork) -> None:
        await uow.db.execute(sa.update(delivery_keys).values(body_sha256=hashlib.sha256(body).digest()))

    await driver.harness.runtime.units.run(as_before, WritePriority.BATCHES)
    answer = await driver.report(reported)
    assert [each["status"] for each in answer.json()["events"]] == ["duplicate"]


async def test_a_request_of_nothing_but_conflicts_is_a_conflict(driver: IngestDriver) -> None:
    await driver.report(event(subject="other"))
    for document, field in ((event(), "id"), ([event(), event(id="2", knd=1)], "events.0.id")):
        answer = await driver.report(document)
        assert (answer.status_code, answer.json()["code"]) == (409, "event_conflict")
        assert answer.json()["errors"][0]["field"] == field


async def test_a_mistake_in_a_list_is_named_at_its_event_and_costs_no_neighbour(driver: IngestDriver) -> None:
    revoked = {"scope": "marketing", "event": "revoked"}
    documents = [event(id=str(number), subject=f"order-{number}") for number in range(5)]
    documents[1] = event(id="1", knd="purchase")
    documents[2] = event(id="2", subject="order-2", consent=[revoked])
    documents[3] = event(id="3", recipient={"phone": "12"})
    documents.append([])  # type: ignore[arg-type] # not an object, on purpose
    answer = await driver.report(documents)
    assert answer.status_code == 202
    found = answer.json()["events"]
    assert [each["status"] for each in found] == ["accepted", "refused", "accepted", "refused", "accepted", "refused"]
    assert [each["id"] for each in found] == ["0", "1", "2", "3", "4", None]
    assert [found[place]["errors"][0]["field"] for place in (1, 3)] == ["knd", "recipient.phone"]
    assert "did you mean 'kind'?" in found[1]["errors"][0]["reason"]
    assert (answer.json()["accepted"], answer.json()["refused"]) == (3, 3)
    assert "revoked" in {report.act for report in await driver.harness.published(ConsentReported)}


async def test_one_empty_number_among_500_costs_nothing(driver: IngestDriver) -> None:
    documents = [event(id=str(number), subject=f"order-{number}") for number in range(500)]
    documents[250] = event(id="250", subject="order-250", recipient={"phone": ""})
    answer = await driver.report(documents)
    assert (answer.json()["accepted"], answer.json()["refused"], answer.json()["no_recipient"]) == (500, 0, 1)


async def test_where_nothing_is_right_the_request_is_refused_with_every_mistake_by_place(driver: IngestDriver) -> None:
    answer = await driver.report([event(id="1", knd="purchase"), event(id="3", recipient={"phone": "12"})])
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [error["field"] for error in answer.json()["errors"]] == ["events.0.knd", "events.1.recipient.phone"]
    assert await driver.count() == 0


async def test_a_withdrawal_has_no_level(driver: IngestDriver) -> None:
    answer = await driver.report(event(consent=[{"scope": "marketing", "event": "revoked", "level": None}]))
    assert answer.status_code == 202


async def test_a_mistake_in_one_event_is_named_by_its_field(driver: IngestDriver) -> None:
    answer = await driver.report(event(recipient={"phone": PHONE, "time_zone": "Mars/Olympus"}))
    assert [error["field"] for error in answer.json()["errors"]] == ["recipient.time_zone"]


async def test_an_event_finds_its_person_by_subject_or_customer(driver: IngestDriver) -> None:
    await driver.report(event(customer="c-7"))
    answer = await driver.report(
        [
            event(id="evt-2", kind="refund", recipient={}),
            event(id="evt-3", kind="booking", subject="table-1", customer="c-7", recipient={}),
            event(id="evt-4", kind="booking", subject="table-2", recipient={}),
        ]
    )
    assert [each["status"] for each in answer.json()["events"]] == ["accepted", "accepted", "no_recipient"]
    assert (answer.json()["accepted"], answer.json()["no_recipient"]) == (3, 1)
    assert len({trigger.recipient_id for trigger in await driver.triggers()}) == 1


async def test_consents_are_reported_before_their_trigger_and_named_by_it(driver: IngestDriver) -> None:
    consent = {
        "scope": "marketing",
        "event": "granted",
        "level": "pewc",
        "captured_at": "2026-12-01T16:59:00Z",
        "method": "checkout",
        "disclosure": "I agree",
        "source": "https://acme.example/checkout",
    }
    await driver.report(event(consent=[consent]))
    report, deal, trigger = await driver.harness.log_events()
    assert isinstance(report, ConsentReported)
    assert isinstance(deal, ConsentReported)
    assert trigger == (await driver.triggers())[0]
    assert (await driver.triggers())[0].consent_reports == (report.event_id, deal.event_id)
    assert (report.level, report.method, report.source) == ("pewc", "checkout", "https://acme.example/checkout")
    assert report.evidence is not None
    proof = driver.harness.runtime.sealer.open(
        report.merchant_id, report.associated_data()["evidence"], report.evidence
    )
    assert proof == b'{"disclosure":"I agree"}'


async def test_buying_permits_service_texts_about_it_and_no_marketing(driver: IngestDriver) -> None:
    await driver.report([event(), event(id="evt-2", kind="inquiry", subject="question-1")])
    [deal] = await driver.harness.published(ConsentReported)
    bought, asked = await driver.triggers()
    assert (deal.scope, deal.act, deal.level) == ("informational", "granted", "contract")
    assert deal.captured_at == bought.occurred_at
    assert bought.consent_reports == (deal.event_id,)
    assert asked.consent_reports == ()


async def test_an_idempotency_key_gives_the_same_answer_again(driver: IngestDriver) -> None:
    key = {"Idempotency-Key": "k-1"}
    answers = [(await driver.report(event(), **key)).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["accepted"] == 1
    other = await driver.report(event(id="evt-2"), **key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


async def test_without_a_key_or_with_an_unknown_one_nothing_is_taken(driver: IngestDriver) -> None:
    for headers in ({}, {"Authorization": "Bearer fu_guess"}):
        assert (await driver.client.post("/v1/events", json=event(), headers=headers)).status_code == 401
    assert await driver.count() == 0


async def test_a_body_that_is_not_json_is_refused(driver: IngestDriver) -> None:
    headers = {"Authorization": "Bearer fu_made_up_acme"}
    answer = await driver.client.post("/v1/events", content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_the_schema_is_published_whole(driver: IngestDriver) -> None:
    document = (await driver.client.get("/openapi.json")).json()
    schema = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    event_schema, list_schema = schema["oneOf"]
    assert event_schema["properties"]["recipient"]["properties"]["phone"]
    assert list_schema["maxItems"] == 500
    assert "$ref" not in str(schema)


async def test_without_a_database_events_get_503(driver: IngestDriver, tmp_path: Path) -> None:
    await driver.harness.runtime.database.stop()
    answer = await driver.report(event())
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")


async def test_a_consent_that_poses_as_a_reply_is_recorded_as_claimed(driver: IngestDriver) -> None:
    consent = {"scope": "all", "event": "restored", "method": "keyword", "source": "reply"}
    await driver.report(event(consent=[consent]))
    report = (await driver.harness.log_events())[0]
    assert isinstance(report, ConsentReported)
    assert (report.method, report.source, report.keyword_seq, report.first_hand) == (
        "claimed:keyword",
        "claimed:reply",
        None,
        False,
    )


@pytest.mark.parametrize("date", [46027, "20260105", "1970-01-01T00:00:00Z", "01/05/2026", "2031-01-01T00:00:00Z"])
async def test_an_opt_out_whose_date_cannot_be_read_is_taken_undated(driver: IngestDriver, date: Any) -> None:
    consent = {"scope": "all", "event": "revoked", "captured_at": date}
    assert (await driver.report(event(consent=[consent]))).status_code < 300
    report = (await driver.harness.log_events())[0]
    assert isinstance(report, ConsentReported)
    assert report.captured_at is None or report.captured_at.year == 2031  # the ledger counts it from now on
    refused = await driver.report(event(id="evt-2", consent=[{**consent, "event": "granted"}]))
    assert refused.status_code == 422
