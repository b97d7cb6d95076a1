"""Order totals follow edits, and refunds are counted in the shop's currency."""

from typing import Any

import pytest

from shared.testing.make_ingest import ORDER_ID, shopify_order, shopify_refund
from tests.integration.ingest.driver import IngestDriver

EARLY, LATE = "2026-12-01T11:59:10-05:00", "2026-12-01T11:59:30-05:00"


def money(amount: str, currency: str) -> dict[str, Any]:
    return {"amount": amount, "currency_code": currency}


CANADIAN = {"total_price_set": {"shop_money": money("49.00", "USD"), "presentment_money": money("66.15", "CAD")}}
"""1.35 Canadian dollars for one of the shop's."""


async def report(
    driver: IngestDriver, *deliveries: tuple[str, dict[str, Any]]
) -> list[tuple[str, int | None, str | None]]:
    for place, (topic, document) in enumerate(deliveries):
        await driver.shopify(topic, document, event_id=f"event-{place}")
    return [(each.kind, each.amount_minor, each.currency) for each in await driver.triggers()]


def now(total: str, *, at: str = LATE, **changes: Any) -> dict[str, Any]:
    return shopify_order(current_total_price=total, updated_at=at, **changes)


def given_back(amount: str, currency: str = "USD") -> dict[str, Any]:
    return shopify_refund(
        transactions=[{"kind": "refund", "status": "success", "amount": amount, "currency": currency}]
    )


BOUGHT = ("orders/create", now("49.00", at=EARLY))
PURCHASE = ("purchase", 4900, "USD")


@pytest.mark.parametrize(
    ("deliveries", "expected"),
    [
        ([("orders/updated", now("59.00"))], [("order_edited", 1000, "USD")]),
        ([("orders/updated", now("30.00"))], [("order_edited", -1900, "USD")]),
        ([("orders/updated", now("49.00"))], []),
        (
            [("orders/updated", now("59.00")), ("orders/updated", now("59.00", note="again"))],
            [("order_edited", 1000, "USD")],
        ),
        (
            [("orders/updated", now("59.00", at=EARLY)), ("orders/updated", now("49.00"))],
            [("order_edited", 1000, "USD"), ("order_edited", -1000, "USD")],
        ),
        ([("orders/updated", now("36.50", refunds=[given_back("12.50")]))], [("refund", 1250, "USD")]),
        (
            [("orders/updated", now("30.00", refunds=[given_back("12.50")]))],
            [("order_edited", -650, "USD"), ("refund", 1250, "USD")],
        ),
        (
            [("orders/updated", now("59.00")), ("orders/updated", now("49.00", at=EARLY))],
            [("order_edited", 1000, "USD")],
        ),
        ([("orders/updated", now("59.00", test=True))], []),
        ([("orders/updated", now("much"))], []),
        ([("orders/updated", now("59.00", refunds=None))], []),
    ],
    ids=[
        *("added", "removed", "the same", "told twice", "added and removed", "given back", "removed and given back"),
        *("told late", "a test", "unreadable", "nobody knows what was given back"),
    ],
)
async def test_an_edited_order_is_announced_by_the_difference(
    driver: IngestDriver,
    deliveries: list[tuple[str, dict[str, Any]]],
    expected: list[tuple[str, int | None, str | None]],
) -> None:
    found = await report(driver, BOUGHT, *deliveries)
    assert [each for each in found if each != PURCHASE or not expected] == (expected or [PURCHASE])


async def test_an_order_that_is_edited_before_it_is_announced_is_announced_as_it_is(driver: IngestDriver) -> None:
    pending = ("orders/updated", now("59.00", at=EARLY))
    assert await report(driver, pending, ("orders/paid", now("69.00"))) == [("purchase", 6900, "USD")]


async def test_an_order_announced_before_is_followed_from_what_was_announced(driver: IngestDriver) -> None:
    assert await report(driver, BOUGHT, ("orders/paid", now("59.00"))) == [PURCHASE, ("order_edited", 1000, "USD")]


@pytest.mark.parametrize(
    ("currency", "minor", "reported"),
    [("CAD", 4050, (3000, "USD")), ("USD", 4050, (4050, "USD")), ("EUR", 4050, (None, None))],
)
async def test_a_refund_in_the_buyers_currency_is_converted_by_the_orders_own_ratio(
    driver: IngestDriver, currency: str, minor: int, reported: tuple[int | None, str | None]
) -> None:
    order = shopify_order(**CANADIAN)
    refund = given_back(f"{minor / 100:.2f}", currency)
    found = await report(driver, ("orders/create", order), ("refunds/create", refund))
    assert found == [PURCHASE, ("refund", *reported)]


async def test_a_refund_in_an_order_is_converted_by_the_ratio_that_stands_there(driver: IngestDriver) -> None:
    order = shopify_order(**CANADIAN, refunds=[given_back("40.50", "CAD")])
    assert await report(driver, ("orders/updated", order)) == [("refund", 3000, "USD")]


async def test_without_any_ratio_a_refund_in_another_currency_has_an_unknown_amount(driver: IngestDriver) -> None:
    found = await report(driver, BOUGHT, ("refunds/create", given_back("40.50", "CAD")))
    assert found == [PURCHASE, ("refund", None, None)]
    assert {each.subject for each in await driver.triggers()} == {f"order-{ORDER_ID}"}
