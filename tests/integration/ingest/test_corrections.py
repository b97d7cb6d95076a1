"""Corrections before a checkout is completed count: the checkbox for texts, and the number."""

from random import Random
from typing import Any

import pytest

from services.ingest.domain.resolution import MOST_NUMBERS
from services.ingest.tables import subjects
from shared.events.consent import ConsentReported
from shared.events.trigger import TriggerReceived
from shared.ids import MerchantId, RecipientId
from shared.phone import E164
from shared.testing.clock import START
from shared.testing.make_ingest import ORDER_ID, PHONE, shopify_order
from tests.integration.ingest.driver import IngestDriver

MISTYPED = "+12125550970"
EMPTY = {"sms_marketing_phone": None, "buyer_accepts_sms_marketing": False}
EARLY, LATE = "2026-12-01T11:58:30-05:00", "2026-12-01T11:59:00-05:00"


def checkout(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "token": "t1",
        "created_at": "2026-12-01T11:58:00-05:00",
        "completed_at": None,
        "currency": "USD",
        "total_price": "10.00",
        "customer": None,
        "phone": PHONE,
        "billing_address": {"country_code": "US", "province_code": "NY", "zip": "10001"},
        "sms_marketing_phone": PHONE,
        "buyer_accepts_sms_marketing": True,
        "line_items": [],
    } | changes


def end_of(driver: IngestDriver, event: ConsentReported | TriggerReceived) -> str:
    """Return the last digits of the number an event is about."""
    sealer = driver.harness.runtime.sealer
    return next(
        each[-4:]
        for each in (PHONE, MISTYPED)
        if sealer.recipient_id(event.merchant_id, E164(each)) == event.recipient_id
    )


async def claims(driver: IngestDriver) -> list[tuple[str, str]]:
    reports = [each for each in await driver.harness.published(ConsentReported) if each.scope == "marketing"]
    return [(each.act, end_of(driver, each)) for each in reports]


async def heard(driver: IngestDriver) -> list[tuple[str, str]]:
    return [(each.kind, end_of(driver, each)) for each in await driver.triggers()]


async def reported(driver: IngestDriver, *documents: dict[str, Any]) -> list[tuple[str, str]]:
    """Tell of a checkout's states in order; return each consent as act and the end of its number."""
    for place, document in enumerate(documents):
        topic = "checkouts/update" if place else "checkouts/create"
        await driver.shopify(topic, document, event_id=f"checkout-{place}")
    return await claims(driver)


GRANTED, REVOKED = ("granted", "0123"), ("revoked", "0123")


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((checkout(), checkout(**EMPTY)), [GRANTED, REVOKED]),
        ((checkout(), checkout(**EMPTY), checkout(**EMPTY, total_price="11.00")), [GRANTED, REVOKED]),
        ((checkout(**EMPTY), checkout(**EMPTY, total_price="11.00")), []),
        ((checkout(), checkout(total_price="11.00")), [GRANTED]),
        ((checkout(), checkout(sms_marketing_phone="12")), [GRANTED, REVOKED]),
        (
            (checkout(), checkout(**EMPTY), checkout(total_price="11.00"), checkout(completed_at=LATE)),
            [GRANTED, REVOKED, GRANTED],
        ),
    ],
    ids=["emptied", "stays empty", "never ticked", "stays ticked", "unreadable", "completed with the box ticked"],
)
async def test_a_box_permits_what_it_permits_when_it_is_last_seen(
    driver: IngestDriver, states: tuple[dict[str, Any], ...], expected: list[tuple[str, str]]
) -> None:
    assert await reported(driver, *states) == expected


async def test_a_number_that_is_corrected_takes_its_permission_and_its_cart_along(driver: IngestDriver) -> None:
    mistyped = checkout(phone=MISTYPED, sms_marketing_phone=MISTYPED)
    found = await reported(driver, mistyped, checkout(), checkout(total_price="11.00"))
    assert sorted(found) == [("granted", "0123"), ("granted", "0970"), ("revoked", "0970")]
    assert sorted(await heard(driver)) == [
        ("checkout_started", "0123"),
        ("checkout_started", "0970"),
        ("number_changed", "0970"),
    ]


async def test_what_was_received_late_of_an_earlier_state_changes_nothing(driver: IngestDriver) -> None:
    corrected = checkout(**EMPTY, updated_at=LATE)
    checkbox_consent = checkout(phone=MISTYPED, sms_marketing_phone=MISTYPED, updated_at=EARLY)
    assert await reported(driver, corrected, checkbox_consent) == []
    assert await heard(driver) == [("checkout_started", "0123")]


async def test_who_a_gift_is_shipped_to_is_not_said_to_have_withdrawn(driver: IngestDriver) -> None:
    gift = checkout(phone=None, sms_marketing_phone=None, shipping_address={"phone": PHONE, "country_code": "US"})
    assert await reported(driver, gift, gift | EMPTY) == []


async def test_an_emptied_box_is_forgotten(driver: IngestDriver) -> None:
    await reported(driver, checkout())
    checkbox_consent = await driver.count(subjects)
    await driver.shopify("checkouts/update", checkout(**EMPTY), event_id="emptied")
    assert await driver.count(subjects) == checkbox_consent - 1


async def test_an_order_follows_the_number_it_has_now(driver: IngestDriver) -> None:
    order = shopify_order(customer=None, phone=MISTYPED, checkout_token=None)
    await driver.shopify("orders/create", order, event_id="one")
    for each in ("two", "three"):
        await driver.shopify("orders/updated", order | {"phone": PHONE, "note": each}, event_id=each)
    assert sorted(await heard(driver)) == [("number_changed", "0970"), ("purchase", "0123"), ("purchase", "0970")]
    triggers = await driver.triggers()
    assert {each.subject for each in triggers} == {f"order-{ORDER_ID}"}
    deals = {each.event_id: end_of(driver, each) for each in await driver.harness.published(ConsentReported)}
    assert sorted(deals.values()) == ["0123", "0970"]
    [bought] = [each for each in triggers if each.kind == "purchase" and end_of(driver, each) == "0123"]
    assert [deals[each] for each in bought.consent_reports] == ["0123"]
    assert driver.facts(bought)["order_name"] == "#1001"


async def test_a_dead_or_old_order_is_not_announced_because_its_number_changed(driver: IngestDriver) -> None:
    order = shopify_order(customer=None, phone=MISTYPED, checkout_token=None)
    await driver.shopify("orders/create", order, event_id="one")
    await driver.shopify("orders/updated", order | {"phone": PHONE, "cancelled_at": LATE}, event_id="two")
    assert sorted(await heard(driver)) == [
        ("cancellation", "0123"),
        ("number_changed", "0970"),
        ("purchase", "0970"),
    ]


async def test_an_event_of_our_own_format_moves_no_texts(driver: IngestDriver) -> None:
    for number, phone in enumerate((MISTYPED, PHONE)):
        event = {"id": f"e{number}", "kind": "booking", "subject": "concert-1", "recipient": {"phone": phone}}
        await driver.report(event)
    assert await heard(driver) == [("booking", "0970"), ("booking", "0123")]


def account(phone: str | None, state: str | None, at: str = EARLY) -> dict[str, Any]:
    consent = {"state": state, "consent_updated_at": at, "opt_in_level": "single_opt_in"} if state else None
    return {"id": 9005, "updated_at": at, "phone": phone, "sms_marketing_consent": consent}


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (account(None, None, LATE), [GRANTED, REVOKED]),
        (account(MISTYPED, None, LATE), [GRANTED, REVOKED]),
        (account(PHONE, None, LATE), [GRANTED]),
        (account(PHONE, "unsubscribed", LATE), [GRANTED, REVOKED]),
        ({"id": 9005, "updated_at": LATE}, [GRANTED]),
        (account(None, None, "2026-12-01T11:58:00-05:00"), [GRANTED]),
    ],
    ids=["taken off", "another", "the same", "unsubscribed", "not told", "told late"],
)
async def test_a_permission_goes_when_its_number_is_taken_off_the_account(
    driver: IngestDriver, then: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    await driver.shopify("customers/update", account(PHONE, "subscribed"), event_id="one")
    await driver.shopify("customers/update", then, event_id="two")
    assert await claims(driver) == expected


async def test_a_customer_whose_account_never_had_a_number_keeps_what_they_permitted_elsewhere(
    driver: IngestDriver,
) -> None:
    await reported(driver, checkout(customer={"id": 9005, "phone": None}))
    await driver.shopify("customers/update", account(None, None, LATE), event_id="one")
    assert await claims(driver) == [GRANTED]


async def test_whoever_types_many_numbers_into_one_checkout_makes_few_of_them_hear_of_it(driver: IngestDriver) -> None:
    for number in range(12):
        phone = f"+1212555{number:04d}"
        document = checkout(phone=phone, sms_marketing_phone=phone)
        await driver.shopify("checkouts/update", document, event_id=f"event-{number}")
    kinds = [each.kind for each in await driver.triggers()]
    assert (kinds.count("checkout_started"), kinds.count("number_changed")) == (1 + MOST_NUMBERS, 11)


def states(random: Random, number: int) -> list[dict[str, Any]]:
    """Return what a checkout of some buyer came to be, oldest first."""
    mine = [f"+1212555{2 * number + each:04d}" for each in (0, 1)]
    found = []
    for second in range(random.randint(2, 5)):
        phone, is_ticked = random.choice(mine), random.random() < 0.6
        box = {"sms_marketing_phone": phone if is_ticked else None, "buyer_accepts_sms_marketing": is_ticked}
        at = f"2026-12-01T11:58:{10 + second}-05:00"
        found.append(checkout(token=f"t{number}", phone=phone, updated_at=at, **box))
    return found


async def test_no_number_is_permitted_but_the_one_that_stands_beside_the_box_in_the_end(driver: IngestDriver) -> None:
    random = Random(7)  # noqa: S311 - a shuffle
    permitted: dict[RecipientId, bool] = {}
    last: dict[RecipientId, bool] = {}
    sealer = driver.harness.runtime.sealer
    for number in range(16):
        history = states(random, number)
        for place, document in enumerate(random.sample(history, len(history))):
            await driver.shopify("checkouts/update", document, event_id=f"event-{number}-{place}")
        for document in history:
            who = sealer.recipient_id(MerchantId("acme"), E164(document["phone"]))
            last[who] = document is history[-1] and document["buyer_accepts_sms_marketing"]
    claimed = await driver.harness.published(ConsentReported)
    for claim in sorted(claimed, key=lambda each: (each.captured_at or START, each.act == "revoked")):
        permitted[claim.recipient_id] = claim.act == "granted"
    assert sum(permitted.values()) > 3
    assert [who for who, is_permitted in permitted.items() if is_permitted and not last[who]] == []
