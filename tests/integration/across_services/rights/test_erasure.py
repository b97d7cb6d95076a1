import sqlalchemy as sa

import services.compliance.tables
import services.metrics.tables
import services.scheduler.tables
import services.sender.tables
from services.compliance.privacy.answers import ErasuresAnswer, RightsRequestTaken
from services.compliance.tables import export_parts
from shared.aad import evidence
from shared.bus import parked
from shared.events.consent import ConsentAct, ConsentReported, RecipientErased, SuppressionCause
from shared.events.envelope import Part
from shared.events.follow_up import FollowUpBlocked, FollowUpDue
from shared.events.privacy import PrivacyErased
from shared.events.trigger import TriggerReceived
from shared.testing import make
from shared.testing.make_ingest import shopify_order
from shared.testing.sealed import ring_of, with_the_keys
from tests.integration.across_services.rights.driver import PHONE, SECRETS, RightsDriver


async def test_before_the_erasure_the_search_finds_the_person_in_every_kind_of_place(driver: RightsDriver) -> None:
    await driver.lived()
    assert set(await driver.found_anywhere()) == {
        "ingest_deliveries",
        "ingest_subjects",
        "scheduler_follow_ups",
        "scheduler_recipients",
        "sender_conversations",
        "sender_dispatches",
        "sender_receipts",
        "sender_replies",
    }


async def test_after_the_erasure_nothing_about_the_person_can_be_read_in_any_table_of_any_service(
    driver: RightsDriver,
) -> None:
    await driver.lived()
    await driver.exported()
    assert "compliance_export_parts" in await driver.found_anywhere()
    await driver.erased()
    assert await driver.found_anywhere() == []


async def test_the_certificate_says_what_each_service_deleted_where_and_that_the_ledger_verifies(
    driver: RightsDriver,
) -> None:
    await driver.lived()
    certificate = await driver.erased()
    assert (certificate["state"], certificate["missing"], certificate["ledger_verifies"]) == ("complete", [], True)
    rows = {each["service"]: {name: n for name, n in each["rows"].items() if n} for each in certificate["services"]}
    assert rows == {
        "ingest": {"ingest_deliveries": 1, "ingest_subjects": 3},
        "scheduler": {"scheduler_follow_ups": 1, "scheduler_enrollments": 1, "scheduler_triggers_seen": 1},
        "compliance": {},
        "sender": {"sender_conversations": 1, "sender_dispatches": 1, "sender_receipts": 1, "sender_replies": 1},
        "metrics": {"metrics_facts": 4},
        "connectors": {"connectors_deliveries": 1},
    }
    assert PHONE not in str(certificate)


async def test_the_guards_stay_so_that_nothing_is_sent_or_counted_twice(driver: RightsDriver) -> None:
    await driver.lived()
    await driver.erased()
    for table in (
        services.scheduler.tables.entries,
        services.sender.tables.dispatches,
        services.compliance.tables.decisions,
        services.metrics.tables.follow_ups,
    ):
        assert len(await driver.harness.rows(sa.select(table))) == 1
    [person] = await driver.harness.rows(sa.select(services.sender.tables.recipients))
    assert person["suppressed"] == SuppressionCause.ERASED
    assert person["text_key"] is None
    keys = await driver.harness.rows(sa.select(services.ingest.tables.delivery_keys))
    assert {bytes(row["body_sha256"]) for row in keys} == {b""}


async def test_what_is_still_in_the_log_when_a_person_is_erased_leaves_nothing_behind_either(
    driver: RightsDriver,
) -> None:
    await driver.lived()
    [trigger] = await driver.harness.published(TriggerReceived)
    [due] = await driver.harness.published(FollowUpDue)
    await driver.erased()
    late = [
        trigger.model_copy(update={"event_id": make.TRIGGER}),
        due.model_copy(update={"release": 2, "event_id": make.ATTEMPT}),
        make.event(
            ConsentReported,
            recipient_id=driver.person,
            occurred_at=driver.clock.now().replace(year=2026),
            evidence=driver.sealer.seal(trigger.merchant_id, evidence(make.REQUEST), b'{"signer": "Ana Ruiz"}'),
        ),
    ]
    await driver.harness.publish(*late)
    await driver.settle()
    assert await driver.found_anywhere() == []
    [blocked] = await driver.harness.published(FollowUpBlocked)
    assert blocked.reason == "suppressed_number"


async def test_parked_events_lose_what_is_sealed_and_can_still_be_handed_over(driver: RightsDriver) -> None:
    await driver.lived()
    [trigger] = await driver.harness.published(TriggerReceived)
    [due] = await driver.harness.published(FollowUpDue)
    schedulers, gates = services.scheduler.tables.system_tables, services.compliance.tables.system_tables
    await driver.park(schedulers, trigger.model_copy(update={"event_id": make.TRIGGER}))
    await driver.park(gates, due)
    assert {"scheduler_parked", "compliance_parked"} <= set(await _readable_when_parked(driver))
    await driver.erased()
    assert await _readable_when_parked(driver) == []
    assert FollowUpDue.type not in [row["type"] for row in await driver.harness.rows(sa.select(gates.parked))]
    for service in (driver.services[1], driver.services[2]):
        gone, kept = await parked.redrive(driver.harness.runtime.units, service.system_tables, service.events)
        assert (gone > 0, kept) == (True, 0)
    assert await driver.found_anywhere() == []


async def test_the_suppression_survives_a_new_import_and_a_new_grant(driver: RightsDriver) -> None:
    await driver.lived()
    await driver.erased()
    grant = {"to": PHONE, "scope": "marketing", "level": "pewc", "disclosure": "yes", "event": "granted"}
    refused = await driver.client.post("/v1/consents", json={**grant, "captured_at": driver.clock.now().isoformat()})
    assert (refused.status_code, refused.json()["code"]) == (409, "recipient_erased")
    await driver.harness.publish(make.event(ConsentReported, recipient_id=driver.person, act=ConsentAct.IMPORTED))
    await driver.settle()
    standing = await driver.client.post("/v1/recipients/standing", json={"to": PHONE})
    assert standing.json()["suppressed"] == "erased"


async def test_an_opt_out_of_an_erased_person_is_still_taken(driver: RightsDriver) -> None:
    await driver.erased()
    assert (await driver.client.post("/v1/consents/revoke", json={"to": PHONE})).status_code == 200


async def test_an_unknown_person_is_erased_too_and_stays_so(driver: RightsDriver) -> None:
    certificate = await driver.erased()
    assert certificate["state"] == "complete"
    assert all(not any(each["rows"].values()) for each in certificate["services"])
    await driver.shopify("orders/create", shopify_order(), "later")
    assert (await driver.client.get("/v1/follow-ups?subject=order-1")).json()["follow_ups"] == []
    standing = await driver.client.post("/v1/recipients/standing", json={"to": PHONE})
    assert standing.json()["suppressed"] == "erased"


async def test_an_erasure_received_twice_keeps_its_first_certificate(driver: RightsDriver) -> None:
    await driver.lived()
    certificate = await driver.erased()
    [erased] = await driver.harness.published(RecipientErased)
    await driver.harness.publish(erased)
    await driver.settle()
    again = await driver.client.get(f"/v1/erasures/{certificate['id']}")
    assert again.json() == certificate


async def test_a_service_that_does_not_answer_is_named_as_late_after_a_minute(driver: RightsDriver) -> None:
    asked = (await driver.client.post("/v1/erasures", json={"to": PHONE})).json()
    assert asked["state"] == "under_way"
    assert asked.keys() == RightsRequestTaken.model_validate(asked).model_fields_set
    *others, connectors = driver.services
    await driver.harness.settle(*others)
    path = f"/v1/erasures/{asked['id']}"
    assert (await driver.client.get(path)).json()["state"] == "under_way"
    driver.clock.advance(seconds=60)
    answer = (await driver.client.get(path)).json()
    assert (answer["state"], answer["missing"]) == ("late", ["connectors"])
    await driver.harness.settle(*others, connectors)
    assert (await driver.client.get(path)).json()["state"] == "complete"


async def test_a_copy_made_before_the_erasure_and_received_after_it_is_not_kept(driver: RightsDriver) -> None:
    await driver.lived()
    await driver.client.post("/v1/exports", json={"to": PHONE})
    await driver.client.post("/v1/erasures", json={"to": PHONE})
    await driver.settle()
    assert await driver.harness.rows(sa.select(export_parts)) == []


async def test_shopifys_redaction_of_a_customer_takes_the_same_path(driver: RightsDriver) -> None:
    await driver.lived()
    redaction = {
        "shop_domain": "acme.myshopify.com",
        "customer": {"id": 207_119_551, "phone": PHONE, "email": "ana@example.com"},
        "orders_to_redact": [],
    }
    await driver.shopify("customers/redact", redaction, "redact")
    assert await driver.found_anywhere() == []
    [listed] = (await driver.client.get("/v1/erasures")).json()["erasures"]
    certificate = (await driver.client.get(f"/v1/erasures/{listed['id']}")).json()
    assert (listed["source"], certificate["state"]) == ("shopify", "complete")


async def test_shopifys_redaction_reaches_the_number_a_customer_had_before(driver: RightsDriver) -> None:
    await driver.lived()
    moved = {"id": 207_119_551, "phone": "+12125550188", "updated_at": "2026-12-01T12:00:00-05:00"}
    await driver.shopify("customers/update", moved, "moved")
    assert "ingest_former_people" in await driver.found_anywhere()
    redaction = {"shop_domain": "acme.myshopify.com", "customer": {"id": 207_119_551}, "orders_to_redact": []}
    await driver.shopify("customers/redact", redaction, "redact")
    assert await driver.found_anywhere() == []
    found = (await driver.client.get("/v1/erasures")).json()
    listed = found["erasures"]
    assert len(ErasuresAnswer.model_validate(found).erasures) == len(listed)
    states = [(await driver.client.get(f"/v1/erasures/{each['id']}")).json()["state"] for each in listed]
    assert states == ["complete", "complete"]


async def test_a_shop_that_leaves_stops_everything_and_one_that_is_redacted_leaves_nothing(
    driver: RightsDriver,
) -> None:
    await driver.lived()
    await driver.exported()
    await driver.shopify("app/uninstalled", {"id": 1, "myshopify_domain": "acme.myshopify.com"}, "gone")
    assert "sender_replies" in await driver.found_anywhere()
    assert await driver.harness.published(PrivacyErased) == []
    await driver.shopify("shop/redact", {"shop_domain": "acme.myshopify.com"}, "forgotten")
    assert await driver.found_anywhere() == []
    [listed] = (await driver.client.get("/v1/erasures")).json()["erasures"]
    certificate = (await driver.client.get(f"/v1/erasures/{listed['id']}")).json()
    assert (certificate["recipient_id"], certificate["state"]) == (None, "complete")


async def test_another_merchants_certificate_is_not_found(driver: RightsDriver) -> None:
    assert (await driver.client.get(f"/v1/erasures/{make.REQUEST}")).status_code == 404


async def test_the_same_key_asks_once(driver: RightsDriver) -> None:
    first, again = [
        await driver.client.post("/v1/erasures", json={"to": PHONE}, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert (first.status_code, first.json()) == (202, again.json())
    await driver.settle()
    assert len(await driver.harness.published(RecipientErased)) == 1


async def _readable_when_parked(driver: RightsDriver) -> list[str]:
    """Return the parked tables whose events hold anything sealed that opens to the person."""
    found = []
    for service in driver.services:
        for row in await driver.harness.rows(sa.select(service.system_tables.parked)):
            event = service.events.kinds[row["type"]].model_validate_json(bytes(row["body"]))
            sealed = [*_sealed(event)]
            clear = b" ".join(with_the_keys(ring_of(driver.sealer), value) for value in sealed if value).decode()
            if any(secret in clear for secret in SECRETS):
                found.append(service.system_tables.parked.name)
    return found


def _sealed(part: Part) -> list[bytes]:
    values = [getattr(part, name) for name in type(part).model_fields]
    inner = [value for each in values if isinstance(each, Part) for value in _sealed(each)]
    return [value for value in values if isinstance(value, bytes)] + inner
