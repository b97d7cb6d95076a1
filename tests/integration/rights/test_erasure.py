import sqlalchemy as sa

import services.compliance.tables
import services.metrics.tables
import services.scheduler.tables
import services.sender.tables
from services.compliance.privacy.tables import export_parts
from shared.bus import parked
from shared.events.consent import ConsentAct, ConsentReported, RecipientErased, SuppressionCause
from shared.events.envelope import Part
from shared.events.follow_up import FollowUpBlocked, FollowUpDue
from shared.events.privacy import PrivacyErased
from shared.events.trigger import TriggerReceived
from shared.places import evidence
from shared.testing import make
from shared.testing.make_ingest import shopify_order
from shared.testing.sealed import ring_of, with_the_keys
from tests.integration.rights.stage import PHONE, SECRETS, Stage


async def test_before_the_erasure_the_search_finds_the_person_in_every_kind_of_place(stage: Stage) -> None:
    await stage.lived()
    assert set(await stage.found_anywhere()) == {
        "ingest_deliveries",
        "ingest_subjects",
        "scheduler_follow_ups",
        "sender_dispatches",
        "sender_receipts",
        "sender_replies",
    }


async def test_after_the_erasure_nothing_about_the_person_can_be_read_in_any_table_of_any_service(
    stage: Stage,
) -> None:
    await stage.lived()
    await stage.exported()
    assert "compliance_export_parts" in await stage.found_anywhere()
    await stage.erased()
    assert await stage.found_anywhere() == []


async def test_the_certificate_says_what_each_service_deleted_where_and_that_the_ledger_verifies(stage: Stage) -> None:
    await stage.lived()
    certificate = await stage.erased()
    assert (certificate["state"], certificate["missing"], certificate["ledger_verifies"]) == ("complete", [], True)
    rows = {each["service"]: {name: n for name, n in each["rows"].items() if n} for each in certificate["services"]}
    assert rows == {
        "ingest": {"ingest_deliveries": 1, "ingest_subjects": 3},
        "scheduler": {"scheduler_follow_ups": 1, "scheduler_enrollments": 1, "scheduler_triggers_seen": 1},
        "compliance": {},
        "sender": {"sender_dispatches": 1, "sender_receipts": 1, "sender_replies": 1},
        "metrics": {"metrics_facts": 4},
    }
    assert PHONE not in str(certificate)


async def test_the_guards_stay_so_that_nothing_is_sent_or_counted_twice(stage: Stage) -> None:
    await stage.lived()
    await stage.erased()
    for table in (
        services.scheduler.tables.entries,
        services.sender.tables.dispatches,
        services.compliance.tables.decisions,
        services.metrics.tables.follow_ups,
    ):
        assert len(await stage.house.rows(sa.select(table))) == 1
    [person] = await stage.house.rows(sa.select(services.sender.tables.recipients))
    assert person["suppressed"] == SuppressionCause.ERASED
    assert person["text_key"] is None
    keys = await stage.house.rows(sa.select(services.ingest.tables.delivery_keys))
    assert {bytes(row["body_sha256"]) for row in keys} == {b""}


async def test_what_is_still_in_the_log_when_a_person_is_erased_leaves_nothing_behind_either(stage: Stage) -> None:
    await stage.lived()
    [trigger] = await stage.house.published(TriggerReceived)
    [due] = await stage.house.published(FollowUpDue)
    await stage.erased()
    late = [
        trigger.model_copy(update={"event_id": make.TRIGGER}),
        due.model_copy(update={"release": 2, "event_id": make.ATTEMPT}),
        make.event(
            ConsentReported,
            recipient_id=stage.person,
            occurred_at=stage.clock.now().replace(year=2026),
            evidence=stage.sealer.seal(trigger.merchant_id, evidence(make.REQUEST), b'{"signer": "Ana Ruiz"}'),
        ),
    ]
    await stage.house.publish(*late)
    await stage.settle()
    assert await stage.found_anywhere() == []
    [blocked] = await stage.house.published(FollowUpBlocked)
    assert blocked.reason == "suppressed_number"


async def test_parked_events_lose_what_is_sealed_and_can_still_be_handed_over(stage: Stage) -> None:
    await stage.lived()
    [trigger] = await stage.house.published(TriggerReceived)
    [due] = await stage.house.published(FollowUpDue)
    ground, desk = services.scheduler.tables.ground, services.compliance.tables.ground
    await stage.park(ground, trigger.model_copy(update={"event_id": make.TRIGGER}))
    await stage.park(desk, due)
    assert {"scheduler_parked", "compliance_parked"} <= set(await _readable_when_parked(stage))
    await stage.erased()
    assert await _readable_when_parked(stage) == []
    assert FollowUpDue.type not in [row["type"] for row in await stage.house.rows(sa.select(desk.parked))]
    for service in (stage.five[1], stage.five[2]):
        gone, kept = await parked.redrive(stage.house.runtime.units, service.ground, service.events)
        assert (gone > 0, kept) == (True, 0)
    assert await stage.found_anywhere() == []


async def test_the_suppression_survives_a_new_import_and_a_new_grant(stage: Stage) -> None:
    await stage.lived()
    await stage.erased()
    grant = {"to": PHONE, "scope": "marketing", "level": "pewc", "disclosure": "yes", "event": "granted"}
    refused = await stage.client.post("/v1/consents", json={**grant, "captured_at": stage.clock.now().isoformat()})
    assert (refused.status_code, refused.json()["code"]) == (409, "recipient_erased")
    await stage.house.publish(make.event(ConsentReported, recipient_id=stage.person, act=ConsentAct.IMPORTED))
    await stage.settle()
    standing = await stage.client.post("/v1/recipients/standing", json={"to": PHONE})
    assert standing.json()["suppressed"] == "erased"


async def test_an_opt_out_of_an_erased_person_is_still_taken(stage: Stage) -> None:
    await stage.erased()
    assert (await stage.client.post("/v1/consents/revoke", json={"to": PHONE})).status_code == 200


async def test_a_person_nobody_knows_is_erased_too_and_stays_so(stage: Stage) -> None:
    certificate = await stage.erased()
    assert certificate["state"] == "complete"
    assert all(not any(each["rows"].values()) for each in certificate["services"])
    await stage.shopify("orders/create", shopify_order(), "later")
    assert (await stage.client.get("/v1/follow-ups?subject=order-1")).json()["follow_ups"] == []
    standing = await stage.client.post("/v1/recipients/standing", json={"to": PHONE})
    assert standing.json()["suppressed"] == "erased"


async def test_an_erasure_told_twice_keeps_its_first_certificate(stage: Stage) -> None:
    await stage.lived()
    certificate = await stage.erased()
    [erased] = await stage.house.published(RecipientErased)
    await stage.house.publish(erased)
    await stage.settle()
    again = await stage.client.get(f"/v1/erasures/{certificate['id']}")
    assert again.json() == certificate


async def test_a_service_that_does_not_answer_is_named_as_late_after_a_minute(stage: Stage) -> None:
    asked = (await stage.client.post("/v1/erasures", json={"to": PHONE})).json()
    assert asked["state"] == "under_way"
    *four, metrics = stage.five
    await stage.house.settle(*four)
    path = f"/v1/erasures/{asked['id']}"
    assert (await stage.client.get(path)).json()["state"] == "under_way"
    stage.clock.advance(seconds=60)
    answer = (await stage.client.get(path)).json()
    assert (answer["state"], answer["missing"]) == ("late", ["metrics"])
    await stage.house.settle(*four, metrics)
    assert (await stage.client.get(path)).json()["state"] == "complete"


async def test_a_copy_made_before_the_erasure_and_told_after_it_is_not_kept(stage: Stage) -> None:
    await stage.lived()
    await stage.client.post("/v1/exports", json={"to": PHONE})
    await stage.client.post("/v1/erasures", json={"to": PHONE})
    await stage.settle()
    assert await stage.house.rows(sa.select(export_parts)) == []


async def test_shopifys_redaction_of_a_customer_takes_the_same_path(stage: Stage) -> None:
    await stage.lived()
    redaction = {
        "shop_domain": "acme.myshopify.com",
        "customer": {"id": 207_119_551, "phone": PHONE, "email": "ana@example.com"},
        "orders_to_redact": [],
    }
    await stage.shopify("customers/redact", redaction, "redact")
    assert await stage.found_anywhere() == []
    [listed] = (await stage.client.get("/v1/erasures")).json()["erasures"]
    certificate = (await stage.client.get(f"/v1/erasures/{listed['id']}")).json()
    assert (listed["source"], certificate["state"]) == ("shopify", "complete")


async def test_shopifys_redaction_reaches_the_number_a_customer_had_before(stage: Stage) -> None:
    await stage.lived()
    moved = {"id": 207_119_551, "phone": "+12125550188", "updated_at": "2026-12-01T12:00:00-05:00"}
    await stage.shopify("customers/update", moved, "moved")
    assert "ingest_former_people" in await stage.found_anywhere()
    redaction = {"shop_domain": "acme.myshopify.com", "customer": {"id": 207_119_551}, "orders_to_redact": []}
    await stage.shopify("customers/redact", redaction, "redact")
    assert await stage.found_anywhere() == []
    listed = (await stage.client.get("/v1/erasures")).json()["erasures"]
    states = [(await stage.client.get(f"/v1/erasures/{each['id']}")).json()["state"] for each in listed]
    assert states == ["complete", "complete"]


async def test_a_shop_that_leaves_stops_everything_and_one_that_is_redacted_leaves_nothing(stage: Stage) -> None:
    await stage.lived()
    await stage.exported()
    await stage.shopify("app/uninstalled", {"id": 1, "myshopify_domain": "acme.myshopify.com"}, "gone")
    assert "sender_replies" in await stage.found_anywhere()
    assert await stage.house.published(PrivacyErased) == []
    await stage.shopify("shop/redact", {"shop_domain": "acme.myshopify.com"}, "forgotten")
    assert await stage.found_anywhere() == []
    [listed] = (await stage.client.get("/v1/erasures")).json()["erasures"]
    certificate = (await stage.client.get(f"/v1/erasures/{listed['id']}")).json()
    assert (certificate["recipient_id"], certificate["state"]) == (None, "complete")


async def test_another_merchants_certificate_is_not_found(stage: Stage) -> None:
    assert (await stage.client.get(f"/v1/erasures/{make.REQUEST}")).status_code == 404


async def test_the_same_key_asks_once(stage: Stage) -> None:
    first, again = [
        await stage.client.post("/v1/erasures", json={"to": PHONE}, headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert (first.status_code, first.json()) == (202, again.json())
    await stage.settle()
    assert len(await stage.house.published(RecipientErased)) == 1


async def _readable_when_parked(stage: Stage) -> list[str]:
    """Return the parked tables whose events hold anything sealed that opens to the person."""
    found = []
    for service in stage.five:
        for row in await stage.house.rows(sa.select(service.ground.parked)):
            event = service.events.kinds[row["type"]].model_validate_json(bytes(row["body"]))
            sealed = [*_sealed(event)]
            clear = b" ".join(with_the_keys(ring_of(stage.sealer), value) for value in sealed if value).decode()
            if any(secret in clear for secret in SECRETS):
                found.append(service.ground.parked.name)
    return found


def _sealed(part: Part) -> list[bytes]:
    values = [getattr(part, name) for name in type(part).model_fields]
    inner = [value for each in values if isinstance(each, Part) for value in _sealed(each)]
    return [value for value in values if isinstance(value, bytes)] + inner
