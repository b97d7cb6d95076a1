"""Sums are the total of the facts: in any order, in any batches, with any repeats (promise P7)."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.domain.facts import follow_up_of
from services.metrics.domain.projection import Projection, apply, project
from services.metrics.domain.rollups import (
    ALWAYS,
    Measure,
    RollupKey,
    add_up,
    hour_of,
    needs_recount,
    nonzero,
    rebuild,
    rollup_delta,
)
from shared.events.engagement import ReplyClass
from shared.events.envelope import Event
from shared.events.follow_up import Purpose
from shared.ids import EventId
from shared.testing.clock import START
from shared.testing.make_days import days_at_a_shop
from shared.testing.make_metrics import TextFacts

TEXT = TextFacts(1, segment="vip")
OTHER = TextFacts(2, flow="abandoned-cart", step="reminder", purpose=Purpose.MARKETING)
LATE = TextFacts(3)
OVER = TextFacts(4)
LATER = START + timedelta(hours=20)
STORY: list[Event] = [
    *TEXT.all_the_way(),
    TEXT.click(1),
    TEXT.click(2, robot=True),
    TEXT.click(3),
    TEXT.conversion(1),
    TEXT.conversion(2),
    TEXT.refund(1),
    TEXT.reply(),
    TEXT.reply(ReplyClass.OPT_OUT, 2),
    TEXT.opted_out(),
    OTHER.planned(),
    OTHER.due(),
    OTHER.deferred(LATER),
    OTHER.due(LATER, 2),
    OTHER.accepted(LATER, 2, price_minor=None),
    OTHER.failed(LATER, 2),
    LATE.planned(),
    LATE.cancelled(release=1),
    LATE.accepted(),
    OVER.planned(),
    OVER.expired(LATER),
    OVER.cancelled(LATER, 2),
    OVER.delivered(LATER),
]


def sum_of(events: list[Event], measure: Measure, detail: str | None = None) -> int:
    return sum(v for cell, v in rebuild(events).items() if cell.measure == measure and detail in {None, cell.detail})


class Ledger:
    """Counts batch by batch, as the consumer does."""

    def __init__(self) -> None:
        self.sums: Counter[RollupKey] = Counter()
        self._standings: dict[object, Projection] = {}
        self._facts: dict[object, list[Event]] = {}
        self._seen: set[object] = set()

    def take(self, batch: list[Event]) -> None:
        news = [
            event for event in {event.event_id: event for event in batch}.values() if event.event_id not in self._seen
        ]
        self._seen.update(event.event_id for event in news)
        about: dict[object, list[Event]] = {}
        for event in news:
            about.setdefault(follow_up_of(event), []).append(event)
        for key, facts in about.items():
            if key is None:
                self.sums.update(add_up(facts, None))
                continue
            before = self._standings.get(key)
            after = before
            for fact in facts:
                after = apply(after, fact)
            assert after is not None
            reported = self._facts.get(key, []) if needs_recount(before, after) else []
            self.sums.update(rollup_delta(before, after, facts, reported))
            self._standings[key] = after
            self._facts.setdefault(key, []).extend(facts)


@given(st.lists(st.sampled_from(STORY)), st.randoms(use_true_random=False), st.integers(1, 9))
@settings(max_examples=200)
def test_counting_batch_by_batch_equals_a_rebuild(events: list[Event], chance: random.Random, batch: int) -> None:
    shuffled = [*events, *events[::3]]
    chance.shuffle(shuffled)
    ledger = Ledger()
    for start in range(0, len(shuffled), batch):
        ledger.take(shuffled[start : start + batch])
    assert nonzero(ledger.sums) == rebuild(events)


@given(st.randoms(use_true_random=False))
def test_a_rebuild_is_the_same_in_any_order_and_with_repeats(chance: random.Random) -> None:
    shuffled = [*STORY, *chance.sample(STORY, 5)]
    chance.shuffle(shuffled)
    assert rebuild(shuffled) == rebuild(STORY)


def test_a_whole_play_counted_backwards_equals_a_rebuild() -> None:
    events = list(days_at_a_shop(START, 300, 2.0))
    ledger = Ledger()
    for start in range(0, len(events), 50):
        ledger.take(events[::-1][start : start + 50])
    assert nonzero(ledger.sums) == rebuild(events)


def test_every_follow_up_is_counted_in_exactly_one_state() -> None:
    events = list(days_at_a_shop(START, 200, 1.0))
    follow_ups = {follow_up_of(event) for event in events} - {None}
    assert sum_of(events, Measure.IN_STATE) == len(follow_ups)


def test_a_text_cancelled_in_time_counts_as_cancelled_and_one_cancelled_too_late_as_sent() -> None:
    in_time: list[Event] = [TEXT.planned(), TEXT.cancelled(release=1)]
    assert (sum_of(in_time, Measure.CANCELLED), sum_of(in_time, Measure.ACCEPTED)) == (1, 0)
    too_late = [*in_time, TEXT.accepted()]
    assert (sum_of(too_late, Measure.CANCELLED), sum_of(too_late, Measure.ACCEPTED)) == (0, 1)


def test_a_text_that_expired_counts_as_such_unless_it_went_before() -> None:
    over: list[Event] = [TEXT.planned(), TEXT.expired(LATER)]
    assert sum_of(over, Measure.EXPIRED) == 1
    assert sum_of([*over, TEXT.accepted(), TEXT.delivered()], Measure.EXPIRED) == 0


def test_a_later_release_withdrawn_is_no_cancelled_text() -> None:
    facts: list[Event] = [
        TEXT.planned(),
        TEXT.cancelled(release=1),
        TEXT.cancelled(release=2, reason="already_dispatched"),
    ]
    assert sum_of(facts, Measure.CANCELLED) == 1


def test_two_clicks_on_one_text_are_two_clicks_and_one_clicked_text() -> None:
    assert sum_of(STORY, Measure.CLICKS) == 2
    assert sum_of(STORY, Measure.CLICKED) == 1
    assert sum_of(STORY, Measure.ROBOT_CLICKS) == 1


def test_a_refund_is_deducted_from_the_revenue() -> None:
    assert sum_of(STORY, Measure.REVENUE, "USD") == 4900
    assert sum_of(STORY, Measure.CONVERSIONS) == 2
    assert sum_of(STORY, Measure.CONVERTED) == 1


def test_an_opt_out_is_distinguished_from_a_reply() -> None:
    assert sum_of(STORY, Measure.REPLIED) == 1
    assert sum_of(STORY, Measure.OPTED_OUT) == 1


def test_the_time_of_an_opt_out_runs_from_the_persons_act_to_the_ledger() -> None:
    assert sum_of(STORY, Measure.OPT_OUT_MILLISECONDS) == 180
    assert sum_of(STORY, Measure.TIMED_OPT_OUTS) == 1


def test_a_test_purchase_is_no_order() -> None:
    assert sum_of([TEXT.purchase(test=True)], Measure.ORDERS) == 0
    assert sum_of([TEXT.purchase()], Measure.ORDER_VALUE, "USD") == 4900


def test_a_text_without_a_price_is_counted_as_unpriced_and_costs_nothing() -> None:
    assert sum_of(STORY, Measure.UNPRICED) == 1
    assert sum_of(STORY, Measure.COST, "USD") == 20_000


def test_what_people_did_counts_for_the_way_the_text_went() -> None:
    cell = next(cell for cell in rebuild(STORY) if cell.measure == Measure.CLICKED)
    assert (cell.flow, cell.segment, cell.provider, cell.sender_number) == (TEXT.flow, "vip", "twilio", TEXT.number)


def test_a_fact_counts_in_the_hour_it_happened() -> None:
    cell = next(cell for cell in rebuild([TEXT.click()]) if cell.measure == Measure.CLICKS)
    assert cell.hour == hour_of(TEXT.click().occurred_at)
    assert cell.hour.minute == 0


def test_a_present_state_belongs_to_no_hour() -> None:
    standing = project([TEXT.planned()])
    assert standing is not None
    states = [cell for cell in rollup_delta(None, standing, [TEXT.planned()]) if cell.measure == Measure.IN_STATE]
    assert [(cell.hour, cell.detail) for cell in states] == [(ALWAYS, "pending")]


@pytest.mark.parametrize("first", [TEXT.click(), TEXT.reply(), TEXT.conversion()], ids=lambda event: event.type)
def test_engagement_that_overtakes_its_plan_is_counted_under_the_plan_in_the_end(first: Event) -> None:
    ledger = Ledger()
    ledger.take([first])
    ledger.take([TEXT.planned(), TEXT.accepted()])
    assert nonzero(ledger.sums) == rebuild([TEXT.planned(), TEXT.accepted(), first])
    assert {cell.flow for cell in nonzero(ledger.sums)} == {TEXT.flow}


RATES = (
    (Measure.DELIVERED, Measure.ACCEPTED),
    (Measure.CLICKED, Measure.REACHED),
    (Measure.REPLIED, Measure.REACHED),
    (Measure.OPTED_OUT, Measure.REACHED),
    (Measure.CONVERTED, Measure.REACHED),
)


def no_rate_is_above_one(events: list[Event]) -> None:
    sums = rebuild(events)
    hours = {cell.hour for cell in sums}
    for numerator, denominator in RATES:
        for hour in hours:
            part = sum(value for cell, value in sums.items() if cell[1:3] == (hour, numerator))
            whole = sum(value for cell, value in sums.items() if cell[1:3] == (hour, denominator))
            assert part <= whole, (numerator, hour)


@given(st.lists(st.sampled_from(STORY)))
def test_no_rate_of_any_hour_is_above_one_whichever_facts_are_there(events: list[Event]) -> None:
    no_rate_is_above_one(events)


def test_no_rate_of_any_hour_of_a_shop_is_above_one() -> None:
    no_rate_is_above_one(list(days_at_a_shop(START, 300, 2.0)))


def test_an_old_texts_click_counts_in_the_hour_of_the_text() -> None:
    clicked = next(cell for cell in rebuild(STORY) if cell.measure == Measure.CLICKED)
    accepted = next(event for event in STORY if event.type == "dispatch.accepted")
    assert clicked.hour == hour_of(accepted.occurred_at)


@pytest.mark.parametrize("purpose", [Purpose.HELP, Purpose.OPT_OUT_CONFIRMATION, Purpose.CONVERSATION])
def test_an_answer_to_a_reply_is_in_no_rate_of_engagement(purpose: Purpose) -> None:
    answer = replace(TEXT, purpose=purpose)
    facts: list[Event] = [answer.planned(), answer.accepted(), answer.delivered(), answer.click(), answer.reply()]
    assert sum_of(facts, Measure.DELIVERED) == 1
    for measure in (Measure.REACHED, Measure.CLICKED, Measure.REPLIED):
        assert sum_of(facts, measure) == 0


def test_a_stop_said_again_is_no_second_opt_out() -> None:
    first = TEXT.opted_out()
    again = first.model_copy(update={"event_id": EventId(uuid4()), "newly_revoked": False})
    assert sum_of([first, again, again], Measure.OPT_OUTS) == 1


@given(st.randoms(use_true_random=False))
def test_a_text_that_was_cancelled_while_the_gate_refused_it_is_cancelled_and_not_blocked(
    chance: random.Random,
) -> None:
    facts: list[Event] = [TEXT.planned(), TEXT.blocked(), TEXT.cancelled(release=1)]
    chance.shuffle(facts)
    assert (sum_of(facts, Measure.CANCELLED), sum_of(facts, Measure.BLOCKED)) == (1, 0)
    assert sum_of([TEXT.planned(), TEXT.blocked()], Measure.BLOCKED) == 1


def test_a_test_text_is_in_no_figure_even_where_its_plan_is_heard_last() -> None:
    ours = TextFacts(ordinal=901, flow="test", step="text")
    facts: list[Event] = [ours.accepted(LATER), ours.delivered(LATER), ours.planned()]
    ledger = Ledger()
    for fact in facts:
        ledger.take([fact])
    assert nonzero(ledger.sums) == rebuild(facts) == Counter()
