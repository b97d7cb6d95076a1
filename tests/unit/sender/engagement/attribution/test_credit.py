"""Which text earns a purchase, and what is left of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.sender.engagement.attribution.credit import (
    Adjusted,
    Attributed,
    AttributionChange,
    Deduction,
    Purchase,
    PurchaseRecord,
    Touch,
    TouchKind,
    credit_of,
    with_deduction,
    with_purchase,
)
from shared import ids
from shared.events.engagement import AttributionModel
from shared.ids import EventId, FollowUpId
from shared.testing.clock import START

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def follow_up(name: str = "a", *, began_at: datetime = START - 30 * DAY) -> FollowUpId:
    return FollowUpId(ids.derived("follow-up", name, at=began_at))


def trigger_id(name: str) -> EventId:
    return EventId(ids.derived("trigger.received", name, at=START))


def purchase(amount_minor: int = 4900, *, at: datetime = START) -> Purchase:
    return Purchase(trigger_id("purchase"), at, amount_minor, "USD")


def click(of: FollowUpId, *, ago: timedelta, days: int = 5) -> Touch:
    return Touch(of, TouchKind.CLICKED, START - ago, days * DAY)


def delivery(of: FollowUpId, *, ago: timedelta, hours: int = 24) -> Touch:
    return Touch(of, TouchKind.DELIVERED, START - ago, hours * HOUR)


def refund(minor: int | None, name: str = "refund", currency: str | None = "USD") -> Deduction:
    return Deduction(trigger_id(name), START + DAY, minor, currency)


def cancellation(name: str = "cancellation") -> Deduction:
    return Deduction(trigger_id(name), START + DAY, None, None)


def test_the_last_click_earns_the_purchase_whatever_was_delivered_since() -> None:
    touches = [
        click(follow_up("first"), ago=3 * DAY),
        click(follow_up("last"), ago=2 * DAY),
        delivery(follow_up("newest"), ago=HOUR),
    ]
    credit = credit_of(purchase(), touches)
    assert credit is not None
    assert credit.follow_up_id == follow_up("last")
    assert credit.model is AttributionModel.LAST_CLICK
    assert credit.touched_at == START - 2 * DAY


def test_without_a_click_the_last_delivery_earns_it() -> None:
    touches = [delivery(follow_up("first"), ago=5 * HOUR), delivery(follow_up("last"), ago=4 * HOUR)]
    credit = credit_of(purchase(), touches)
    assert credit is not None
    assert credit.follow_up_id == follow_up("last")
    assert credit.model is AttributionModel.DELIVERED


def test_a_window_ends_with_its_last_instant() -> None:
    tick = timedelta(microseconds=1)
    assert credit_of(purchase(), [click(follow_up(), ago=5 * DAY)])
    assert credit_of(purchase(), [click(follow_up(), ago=5 * DAY + tick)]) is None
    assert credit_of(purchase(), [delivery(follow_up(), ago=24 * HOUR)])
    assert credit_of(purchase(), [delivery(follow_up(), ago=24 * HOUR + tick)]) is None


def test_each_text_has_its_own_window() -> None:
    touches = [click(follow_up("short"), ago=2 * DAY, days=1), click(follow_up("long"), ago=6 * DAY, days=10)]
    credit = credit_of(purchase(), touches)
    assert credit is not None
    assert credit.follow_up_id == follow_up("long")


def test_a_window_of_nothing_earns_nothing() -> None:
    assert credit_of(purchase(), [click(follow_up(), ago=timedelta(), days=0)]) is None


def test_a_touch_after_the_purchase_earns_nothing() -> None:
    assert credit_of(purchase(), [click(follow_up(), ago=-HOUR), delivery(follow_up(), ago=-HOUR)]) is None


def test_the_purchase_that_began_the_run_is_not_earned_by_its_texts_even_if_the_clocks_disagree() -> None:
    own = follow_up("thanks", began_at=START)
    later = follow_up("later", began_at=START + HOUR)
    earlier = follow_up("cart", began_at=START - HOUR)
    assert credit_of(purchase(), [click(own, ago=HOUR), delivery(later, ago=HOUR)]) is None
    credit = credit_of(purchase(), [click(own, ago=timedelta(minutes=1)), click(earlier, ago=timedelta(minutes=5))])
    assert credit is not None
    assert credit.follow_up_id == earlier


def test_a_purchase_received_twice_is_credited_once() -> None:
    account, changes = with_purchase(PurchaseRecord(), purchase(), [click(follow_up(), ago=HOUR)])
    assert len(changes) == 1
    again, nothing = with_purchase(account, purchase(9900), [click(follow_up("other"), ago=HOUR)])
    assert (again, list(nothing)) == (account, [])


def test_an_uncredited_purchase_stays_so_when_it_is_received_again() -> None:
    account, changes = with_purchase(PurchaseRecord(), purchase(), [])
    assert list(changes) == []
    _, nothing = with_purchase(account, purchase(at=START + 2 * HOUR), [click(follow_up(), ago=-HOUR)])
    assert list(nothing) == []


def test_a_refund_takes_back_its_part_and_a_cancellation_the_rest() -> None:
    account, _ = with_purchase(PurchaseRecord(), purchase(4900), [click(follow_up(), ago=HOUR)])
    account, first = with_deduction(account, refund(1000))
    account, second = with_deduction(account, cancellation())
    account, third = with_deduction(account, refund(500, "late"))
    assert [taken(changes) for changes in (first, second, third)] == [-1000, -3900, 0]
    assert account.remaining_minor == 0


def test_a_refund_of_more_than_is_left_takes_what_is_left() -> None:
    account, _ = with_purchase(PurchaseRecord(), purchase(4900), [click(follow_up(), ago=HOUR)])
    account, changes = with_deduction(account, refund(9900))
    assert taken(changes) == -4900


def test_a_refund_received_twice_is_deducted_once() -> None:
    account, _ = with_purchase(PurchaseRecord(), purchase(4900), [click(follow_up(), ago=HOUR)])
    account, _ = with_deduction(account, refund(1000))
    again, changes = with_deduction(account, refund(1000))
    assert (again, list(changes)) == (account, [])


def test_a_refund_in_another_currency_has_an_unknown_amount_and_one_without_any_counts() -> None:
    account, _ = with_purchase(PurchaseRecord(), purchase(4900), [click(follow_up(), ago=HOUR)])
    account, none = with_deduction(account, refund(1000, "bare", None))
    account, other = with_deduction(account, refund(1000, "euros", "EUR"))
    assert (taken(none), taken(other)) == (-1000, -3900)


def test_an_edit_adds_to_the_credit_or_takes_from_it() -> None:
    account, _ = with_purchase(PurchaseRecord(), purchase(4900), [click(follow_up(), ago=HOUR)])
    account, more = with_deduction(account, refund(-1000, "added"))
    account, less = with_deduction(account, refund(2000, "removed"))
    assert (taken(more), taken(less), account.remaining_minor) == (1000, -2000, 3900)


def test_a_refund_of_an_uncredited_purchase_changes_nothing() -> None:
    account, _ = with_purchase(PurchaseRecord(), purchase(4900), [])
    _, changes = with_deduction(account, refund(1000))
    assert list(changes) == []


def test_a_refund_that_arrives_before_its_purchase_is_taken_off_when_it_comes() -> None:
    account, early = with_deduction(PurchaseRecord(), refund(1000))
    account, changes = with_purchase(account, purchase(4900), [click(follow_up(), ago=HOUR)])
    assert list(early) == []
    assert isinstance(changes[0], Attributed)
    assert isinstance(changes[1], Adjusted)
    assert total(changes) == 3900 == account.remaining_minor


def taken(changes: Sequence[AttributionChange]) -> int:
    return sum(change.amount_minor for change in changes if isinstance(change, Adjusted))


def total(changes: Sequence[AttributionChange]) -> int:
    return taken(changes) + sum(c.purchase.amount_minor for c in changes if isinstance(c, Attributed))


deductions = st.lists(
    st.builds(
        Deduction,
        trigger_id=st.sampled_from([trigger_id(f"d{n}") for n in range(5)]),
        at=st.sampled_from([START + n * HOUR for n in range(3)]),
        minor=st.one_of(st.none(), st.integers(0, 6000)),
        currency=st.sampled_from([None, "USD", "EUR"]),
    ),
    max_size=5,
    unique_by=lambda deduction: deduction.trigger_id,
)


@given(st.integers(0, 10_000), deductions, st.data())
def test_any_order_and_any_number_of_repeats_end_the_same(
    amount: int, known: list[Deduction], data: st.DataObject
) -> None:
    touches = [click(follow_up(), ago=HOUR)]
    facts: list[Purchase | Deduction] = [purchase(amount), *known]

    def end(order: Sequence[Purchase | Deduction]) -> tuple[int, set[Deduction], int]:
        account, credited = PurchaseRecord(), 0
        for fact in order:
            apply = (
                with_purchase(account, fact, touches) if isinstance(fact, Purchase) else with_deduction(account, fact)
            )
            account, changes = apply
            credited += total(changes)
            assert 0 <= credited <= amount
        assert credited == account.remaining_minor
        return credited, set(account.deductions), account.remaining_minor

    repeats = data.draw(st.lists(st.sampled_from(facts), max_size=6), label="repeats")
    shuffled = data.draw(st.permutations([*facts, *repeats]), label="order")
    assert end(shuffled) == end(facts)


touch_lists = st.lists(
    st.builds(
        Touch,
        follow_up_id=st.sampled_from([follow_up(name, began_at=START - n * HOUR) for n, name in enumerate("abcd")]),
        kind=st.sampled_from(TouchKind),
        at=st.integers(-72, 72).map(lambda hours: START + hours * HOUR),
        window=st.integers(0, 72).map(lambda hours: hours * HOUR),
    ),
    max_size=8,
)


@given(touch_lists, st.data())
def test_the_order_in_which_touches_are_known_does_not_matter(touches: list[Touch], data: st.DataObject) -> None:
    first = credit_of(purchase(), touches)
    second = credit_of(purchase(), data.draw(st.permutations(touches)))
    assert (first and (first.follow_up_id, first.model, first.touched_at)) == (
        second and (second.follow_up_id, second.model, second.touched_at)
    )


@given(touch_lists)
def test_a_credit_always_lies_before_the_purchase_and_inside_its_window(touches: list[Touch]) -> None:
    credit = credit_of(purchase(), touches)
    if credit is not None:
        assert START - credit.window <= credit.touched_at <= START
