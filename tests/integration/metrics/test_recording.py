"""Facts come twice, late, and before their predecessors; the sums are those of the facts (promise P7)."""

import random
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from services.metrics import store, tables
from services.metrics.domain.rollups import ALWAYS, Measure, rebuild
from shared.events.envelope import Event
from shared.ids import MerchantId
from shared.testing.clock import START
from shared.testing.make_days import days_at_a_shop
from shared.testing.make_metrics import MERCHANT, TextFacts
from tests.integration.metrics.conftest import Metrics

TEXT = TextFacts(segment="vip")
STORY = [*TEXT.all_the_way(), TEXT.click(1), TEXT.click(2), TEXT.conversion(), TEXT.reply(), TEXT.opted_out()]


async def sums_are_those_of(metrics: Metrics, events: Sequence[Event], merchant: MerchantId = MERCHANT) -> bool:
    kept = await metrics.harness.runtime.units.read(lambda db: store.all_rollups(db, merchant))
    return kept == rebuild(event for event in events if event.merchant_id == merchant)


async def count(metrics: Metrics, table: sa.Table) -> int:
    return len(await metrics.harness.rows(sa.select(table)))


async def test_the_sums_are_those_of_the_facts(metrics: Metrics) -> None:
    await metrics.take(*STORY)
    assert await sums_are_those_of(metrics, STORY)
    assert await count(metrics, tables.facts) == len(STORY)
    assert await count(metrics, tables.follow_ups) == 1


async def test_a_fact_that_comes_twice_counts_once(metrics: Metrics) -> None:
    await metrics.take(*STORY, *STORY)
    await metrics.take(*STORY)
    assert await sums_are_those_of(metrics, STORY)
    assert await count(metrics, tables.facts) == len(STORY)
    assert await count(metrics, tables.customer_orders) == 1


async def test_a_late_fact_reopens_its_hour(metrics: Metrics) -> None:
    await metrics.take(*TEXT.all_the_way())
    metrics.clock.advance(days=3)
    late = TEXT.click()
    await metrics.take(late)
    rows = await metrics.harness.rows(sa.select(tables.rollups).where(tables.rollups.c.measure == Measure.CLICKS))
    assert [row["hour"] for row in rows] == [late.occurred_at.replace(minute=0, second=0, microsecond=0)]


async def test_facts_before_their_predecessors_lead_to_the_same_sums(metrics: Metrics) -> None:
    for event in reversed(STORY):
        await metrics.take(event)
    assert await sums_are_those_of(metrics, STORY)


@pytest.mark.parametrize("seed", range(3))
async def test_a_busy_day_in_any_order_and_batches_equals_a_rebuild(metrics: Metrics, seed: int) -> None:
    events = list(days_at_a_shop(START, 60, 1.0))
    chance = random.Random(seed)  # noqa: S311 - an order to try, not a secret
    shuffled = [*events, *chance.sample(events, len(events) // 3)]
    chance.shuffle(shuffled)
    while shuffled:
        size = chance.randint(1, 120)
        await metrics.take(*shuffled[:size])
        shuffled = shuffled[size:]
    assert await sums_are_those_of(metrics, events)


async def test_stored_facts_alone_rebuild_the_sums(metrics: Metrics) -> None:
    await metrics.take(*days_at_a_shop(START, 60, 1.0))
    stored = [store.StoredFact(row).event() for row in await metrics.harness.rows(sa.select(tables.facts))]
    assert await sums_are_those_of(metrics, stored)


async def test_what_is_five_years_old_goes_and_every_number_is_still_made_of_facts_that_are_there(
    metrics: Metrics,
) -> None:
    old, young = [*days_at_a_shop(START, 60, 1.0)], [*days_at_a_shop(START + timedelta(days=1000), 60, 1.0)]
    await metrics.take(*old)
    metrics.clock.advance(days=1001)
    await metrics.take(*young)
    assert await metrics.service.loops[0]._step() == 86_400
    assert await sums_are_those_of(metrics, [*old, *young])
    texts, orders = await count(metrics, tables.follow_ups), await count(metrics, tables.customer_orders)

    metrics.clock.advance(days=1826 - 999)
    await metrics.service.loops[0]._step()

    left = [store.StoredFact(row).event() for row in await metrics.harness.rows(sa.select(tables.facts))]
    assert {event.event_id for event in left} == {event.event_id for event in young}
    assert await sums_are_those_of(metrics, young)
    assert await count(metrics, tables.follow_ups) == texts // 2 > 0
    assert await count(metrics, tables.customer_orders) < orders


async def test_two_shops_are_counted_apart(metrics: Metrics) -> None:
    other = TextFacts(merchant_id=MerchantId("bolt"))
    events = [*STORY, *other.all_the_way()]
    await metrics.take(*events)
    assert await sums_are_those_of(metrics, events)
    assert await sums_are_those_of(metrics, events, MerchantId("bolt"))


async def test_nothing_sealed_comes_to_rest(metrics: Metrics) -> None:
    await metrics.take(*STORY)
    bodies = [bytes(row["body"]) for row in await metrics.harness.rows(sa.select(tables.facts.c.body))]
    assert bodies
    assert not any(b"c2VhbGVk" in body or b"sealed" in body for body in bodies)


async def test_what_is_asked_for_often_is_found_through_an_index(metrics: Metrics) -> None:
    facts, texts = tables.facts, tables.follow_ups
    is_troubled = sa.text("state IN ('unknown', 'blocked', 'failed')")
    questions = {
        "ix_metrics_facts_person": sa.select(facts).where(
            facts.c.recipient_id == UUID(int=1), facts.c.follow_up_id.is_(None)
        ),
        "ix_metrics_facts_time": sa.select(facts)
        .where(facts.c.merchant_id == "acme")
        .order_by(facts.c.occurred_at.desc()),
        "ix_metrics_follow_ups_trouble": sa.select(texts)
        .where(texts.c.merchant_id == "acme", is_troubled)
        .order_by(texts.c.changed_at.desc()),
        "ix_metrics_follow_ups_waiting": sa.select(texts)
        .where(texts.c.merchant_id == "acme", texts.c.waits_until.is_not(None), texts.c.changed_at > ALWAYS)
        .order_by((texts.c.reason == "unanswered").desc(), texts.c.changed_at.desc()),
    }
    for index, question in questions.items():
        plan = await metrics.harness.plan(question)
        by_another = "Index Scan" in plan and "Seq Scan" not in plan  # of nearly empty tables PostgreSQL may choose any
        assert index in plan or by_another
