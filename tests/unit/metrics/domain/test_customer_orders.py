"""One row for each order, independent of the sequence of its reports."""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.metrics.domain.customer_orders import CustomerOrder, affects_order, apply_trigger
from shared.events.trigger import TriggerReceived
from shared.testing.clock import START
from shared.testing.make_metrics import TextFacts

PURCHASE = TextFacts(1).purchase()


def sent(number: int, kind: str = "purchase", **changes: Any) -> TriggerReceived:
    at = START + timedelta(minutes=number)
    return PURCHASE.model_copy(
        update={"event_id": TextFacts(number).trigger_id, "kind": kind, "occurred_at": at, **changes}
    )


SHOPIFYS = sent(1)
APIS = sent(2, source="api", amount_minor=5000)
REFUND = sent(3, "refund", amount_minor=1000)
CANCELLATION = sent(4, "cancellation")


def book(*triggers: TriggerReceived) -> CustomerOrder:
    order = None
    for trigger in triggers:
        order = apply_trigger(order, trigger)
    assert order is not None
    return order


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations([SHOPIFYS, APIS, REFUND, CANCELLATION]))
def test_an_order_is_the_same_line_in_whatever_order_its_events_come(order: list[TriggerReceived]) -> None:
    found = book(*order)
    assert (found.amount_minor, found.refunded_minor, found.is_awaited) == (4900, 1000, False)
    assert (found.ordered_at, found.cancelled_at) == (SHOPIFYS.occurred_at, CANCELLATION.occurred_at)


def test_two_sources_send_one_order() -> None:
    assert book(SHOPIFYS, APIS) == book(SHOPIFYS)


def test_a_refund_of_an_unknown_amount_is_all_of_it() -> None:
    assert book(SHOPIFYS, sent(3, "refund", amount_minor=None)).refunded_minor >= 4900


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.permutations(
        [
            SHOPIFYS,
            REFUND,
            sent(5, "order_edited", amount_minor=700),
            sent(6, "order_edited", amount_minor=-200),
        ]
    )
)
def test_an_edit_adds_to_what_is_left_of_an_order_in_whatever_order_events_come(order: list[TriggerReceived]) -> None:
    found = book(*order)
    assert found.amount_minor - found.refunded_minor == 4900 + 700 - 200 - 1000


def test_tests_and_what_names_no_order_stay_out_of_the_book() -> None:
    assert affects_order(sent(1, subject=None))
    assert not affects_order(sent(1, test=True))
    assert not affects_order(sent(3, "refund", subject=None))
    assert not affects_order(sent(3, "booking"))
