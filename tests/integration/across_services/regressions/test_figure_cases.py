"""Small inputs that once failed, about orders and figures: what was bought, given back, and counted."""

from typing import Any

import pytest

from tests.integration.across_services.regressions.cases import CASES
from tests.integration.across_services.regressions.driver import PERSON, Shop
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("each of these is held on both databases where its cause was; this is the way through")

ORDER = 1001


def order(shop: Shop, total: str = "60.00", **changes: Any) -> dict[str, Any]:
    """Return an order as Shopify tells it."""
    return {
        "id": ORDER,
        "name": "#1001",
        "created_at": shop.clock.now().isoformat(),
        "updated_at": shop.clock.now().isoformat(),
        "currency": "USD",
        "total_price": total,
        "current_total_price": total,
        "financial_status": "paid",
        "cancelled_at": None,
        "customer": {"id": 1, "first_name": "Ana", "phone": PERSON},
        "billing_address": {"country_code": "US", "province_code": "NY", "phone": None},
        "line_items": [],
        "refunds": [],
    } | changes


async def bought(shop: Shop, total: str = "60.00") -> None:
    """Let a person click a link in a text, and buy."""
    await shop.allow()
    text = {"purpose": "transactional", "text": "Look: {{ trigger.u | link }}", "recipient": {"country": "US"}}
    await shop.ask(**text, facts={"u": "https://harbor.example/x"})
    await shop.delivered()
    shop.clock.advance(minutes=1)
    [link] = [word for word in shop.phone[-1].split() if "/r/" in word]
    await shop.tap(link)
    shop.clock.advance(minutes=5)
    await shop.shopify("orders/create", **order(shop, total))
    assert (await shop.figure("revenue", currency="USD"))["value"] == round(float(total) * 100)


async def revenue(shop: Shop) -> float:
    found: float = (await shop.figure("revenue", currency="USD"))["value"]
    return found


def refund(shop: Shop, case: str) -> dict[str, Any]:
    written = CASES[case]["input"]["refunds/create"]
    return {**written, "order_id": ORDER, "created_at": shop.clock.now().isoformat()}


@pytest.mark.parametrize("case", ["refund-no-transactions", "refund-failed-transaction"])
async def test_what_gave_no_money_back_takes_none(shop: Shop, case: str) -> None:
    await bought(shop)
    await shop.shopify("refunds/create", **refund(shop, case))
    assert await revenue(shop) == 6000


async def test_a_refund_in_the_buyers_currency_takes_the_shops_amount_back(shop: Shop) -> None:
    await bought(shop)
    given = refund(shop, "refund-presentment-currency")
    line = {"id": 1, "subtotal_set": {"shop_money": {"amount": "60.00", "currency_code": "USD"}}, "subtotal": 60.0}
    await shop.shopify("refunds/create", **given, refund_line_items=[line])
    assert await revenue(shop) == 0


async def test_a_refund_that_fails_after_all_is_given_back(shop: Shop) -> None:
    await bought(shop)
    given = {"id": 1, "order_id": ORDER, "created_at": shop.clock.now().isoformat()}
    pending = {"kind": "refund", "status": "pending", "amount": "60.00", "currency": "USD"}
    await shop.shopify("refunds/create", **given, transactions=[pending])
    shop.clock.advance(minutes=5)
    failed = {**given, "transactions": [{**pending, "status": "failure"}]}
    await shop.shopify("orders/updated", **order(shop, refunds=[failed]))
    assert await revenue(shop) == 6000


async def test_an_order_that_grew_counts_as_it_is_now(shop: Shop) -> None:
    await bought(shop)
    shop.clock.advance(minutes=5)
    await shop.shopify("orders/paid", **order(shop, "90.00"))
    assert await revenue(shop) == 9000


async def test_an_order_that_was_cancelled_leaves_no_revenue_and_the_conversion_says_so(shop: Shop) -> None:
    await bought(shop)
    assert (await shop.figure("conversion_rate"))["value"] == 1
    shop.clock.advance(minutes=5)
    at = shop.clock.now().isoformat()
    await shop.shopify("orders/cancelled", **order(shop, cancelled_at=at, cancel_reason="customer"))
    assert await revenue(shop) == 0
    assert "cancelled or refunded later still counts here" in (await shop.figure("conversion_rate"))["note"]


async def test_a_cancelled_order_is_no_order_of_the_persons(shop: Shop) -> None:
    await shop.allow()
    amount = {"minor": 4900, "currency": "USD"}
    await shop.event("purchase", subject="order-1", amount=amount)
    shop.clock.advance(minutes=1)
    await shop.event("cancellation", subject="order-1")
    shop.clock.advance(minutes=1)
    await shop.event("custom.vip")
    assert shop.phone[-1].removeprefix("Harbor Books: ").startswith("orders=0 spent=0 last=none")
    for name in ("average_order_value", "lifetime_value"):
        assert not (await shop.figure(name))["numerator"]


async def test_an_order_from_two_sources_is_one(shop: Shop) -> None:
    await shop.allow()
    await shop.shopify("orders/create", **order(shop))
    shop.clock.advance(minutes=1)
    await shop.event("purchase", subject=f"order-{ORDER}", amount={"minor": 6000, "currency": "USD"})
    shop.clock.advance(minutes=1)
    await shop.event("custom.vip")
    assert "orders=1 spent=6000" in shop.phone[-1]
    average = await shop.figure("average_order_value", currency="USD")
    assert (average["numerator"], average["denominator"]) == (6000, 1)
    assert (await shop.figure("repeat_purchase_rate"))["value"] == 0
    assert (await shop.figure("lifetime_value", currency="USD"))["value"] == 6000


async def test_a_customers_value_is_of_those_who_paid_in_the_currency(shop: Shop) -> None:
    await shop.event("purchase", amount={"minor": 900_000, "currency": "JPY"})
    for number in range(4):
        person = {"phone": f"+1212555013{number}"}
        await shop.event("purchase", recipient=person, amount={"minor": 1000, "currency": "USD"})
    assert (await shop.figure("lifetime_value", currency="JPY"))["value"] == 900_000
    assert (await shop.figure("lifetime_value", currency="USD"))["value"] == 1000


async def test_late_taps_raise_no_rate_of_another_hour(shop: Shop) -> None:
    await shop.allow()
    text = {"purpose": "transactional", "text": "{{ trigger.u | link }}", "recipient": {"country": "US"}}
    for number in range(3):
        await shop.ask(**text, facts={"u": f"https://harbor.example/{number}"})
        await shop.delivered()
    links = [word for text in shop.phone for word in text.split() if "/r/" in word]
    shop.clock.advance(hours=3)
    since = shop.clock.now().isoformat()
    await shop.ask(purpose="transactional", text="Plain", recipient={"country": "US"})
    await shop.delivered()
    shop.clock.advance(minutes=1)
    for link in links:
        await shop.tap(link)
    rate = await shop.figure("click_through_rate", **{"from": since})
    assert (rate["numerator"], rate["denominator"]) == (0, 1)
    whole = await shop.figure("click_through_rate")
    assert (whole["numerator"], whole["denominator"]) == (3, 4)


async def test_a_price_below_a_cent_is_kept(shop: Shop) -> None:
    price = CASES["price-rounded-up"]["input"]["provider price"].split()[0]
    shop.provider.price = price
    await shop.allow()
    for _ in range(10):
        await shop.ask(purpose="transactional", text="Hello", recipient={"country": "US"})
        shop.clock.advance(minutes=1)
    cost = await shop.figure("cost", currency="USD")
    assert len(shop.phone) == 10
    assert cost["value"] == pytest.approx(7.9)
