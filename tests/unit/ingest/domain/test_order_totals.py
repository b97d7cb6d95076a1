"""An order's published total and differences add up to its current total."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ingest.domain.order_totals import adjust_amounts, in_shop_money, parse_total, serialize_total
from services.ingest.domain.parsed_deliveries import OrderTotal, ParsedDelivery, TriggerDraft
from shared.testing.clock import START

BEGUN = TriggerDraft("purchase", "order-1/purchase", START, "order-1", 4900, "USD")
TOTALS = st.one_of(
    st.none(), st.builds(OrderTotal, st.one_of(st.none(), st.integers(0, 10**6)), st.sampled_from(["USD", "EUR"]))
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(TOTALS, st.booleans())))
def test_what_was_announced_and_the_differences_come_to_the_newest_total(
    news: list[tuple[OrderTotal | None, bool]],
) -> None:
    first = OrderTotal(4900, "USD")
    known = adjust_amounts(ParsedDelivery(triggers=(BEGUN,), total=first), None, is_old=False).total
    assert known == first
    newest, sum_minor = 4900, 4900
    for total, is_old in news:
        found = adjust_amounts(ParsedDelivery(total=total), known, is_old=is_old)
        known = found.total or known
        sum_minor += found.added_minor
        if total is not None and total.minor is not None and total.currency == "USD" and not is_old:
            newest = total.minor
    assert sum_minor == newest


def test_an_unannounced_order_has_nothing_to_differ_from() -> None:
    found = adjust_amounts(ParsedDelivery(total=OrderTotal(4900, "USD")), None, is_old=False)
    assert (found.total, found.added_minor) == (None, 0)


@given(
    minor=st.integers(0, 10**9), shop=st.integers(0, 10**9), buyer=st.integers(1, 10**9), other=st.integers(0, 10**9)
)
def test_a_conversion_is_the_nearest_unit_and_never_turns_round(minor: int, shop: int, buyer: int, other: int) -> None:
    total = OrderTotal(shop, "USD", shop, buyer, "CAD")
    less, more = sorted((minor, other))
    refunds = [TriggerDraft("refund", "r", START, "order-1", each, "CAD") for each in (less, more)]
    first, second = (each.amount_minor or 0 for each in in_shop_money(refunds, total))
    assert first <= second
    assert abs(first * buyer - less * shop) * 2 <= buyer


@given(TOTALS)
def test_a_total_is_read_as_it_was_written(total: OrderTotal | None) -> None:
    assert parse_total(serialize_total(total)) == total
