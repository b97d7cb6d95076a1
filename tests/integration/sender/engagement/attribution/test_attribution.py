"""Purchases, refunds and cancellations as events, on a real database and log."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sender.engagement.attribution import consumer, store
from services.sender.engagement.attribution.credit import Deduction, PurchaseRecord
from services.sender.engagement.attribution.store import (
    AccountRaced,
    OwnedPurchase,
    keep_accounts,
    record_clicked,
    record_delivered,
)
from services.sender.privacy_store import blank_recipient
from services.sender.retention import sweeps
from services.sender.settings import SenderSettings
from services.sender.tables import conversions, metadata, system_tables, touches
from shared import ids
from shared.bus.router import Router
from shared.config.directory import MerchantDirectory
from shared.db.sweep import swept
from shared.db.transaction import Row, WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.events.engagement import AttributionModel, ConversionAdjusted, ConversionAttributed
from shared.events.follow_up import Purpose
from shared.events.trigger import TriggerReceived
from shared.ids import EventId, FollowUpId, MerchantId, RecipientId
from shared.service import Consumer, Service
from shared.tasks import WatchedTasks
from shared.testing.clock import START, FakeClock
from shared.testing.harness import ServiceHarness, harness
from tests.unit.sender.queue.test_conclusion import DISPATCH

ACME = MerchantId("acme")
HOUR = timedelta(hours=1)
ANA = RecipientId(ids.minted(START))
BEN = RecipientId(ids.minted(START))
CART = FollowUpId(ids.derived("follow-up", "cart", at=START - 48 * HOUR))
REVIEW = FollowUpId(ids.derived("follow-up", "review", at=START - 24 * HOUR))


def trigger(kind: str = "purchase", name: str = "", **changes: Any) -> TriggerReceived:
    fields: dict[str, Any] = {
        "event_id": EventId(ids.derived("trigger.received", kind, name, at=START)),
        "merchant_id": ACME,
        "recipient_id": ANA,
        "occurred_at": START if kind == "purchase" else START + HOUR,
        "correlation_id": f"webhook-{kind}",
        "kind": kind,
        "source": "shopify",
        "subject": "order-1001",
        "amount_minor": 4900 if kind == "purchase" else 1000,
        "currency": "USD",
        "contact": b"",
        "facts": b"",
    }
    return TriggerReceived(**{**fields, **changes})


class Sender:
    """The event handlers of attribution, and what the rest of the sender stores for it."""

    def __init__(self, harness: ServiceHarness, clock: FakeClock) -> None:
        self.harness = harness
        self.clock = clock
        self.units = harness.runtime.units
        router = Router()
        router.on(TriggerReceived)(consumer.attribute)
        events = Consumer.of(harness.runtime, system_tables, router)
        self.service = Service("sender", metadata, system_tables, self.units, events, WatchedTasks("sender"))

    async def click(self, follow_up_id: FollowUpId, *, at: datetime, by: RecipientId = ANA) -> None:
        async def work(uow: UnitOfWork) -> None:
            uow.now = at
            click_id = ids.derived("click", follow_up_id, at=at)
            record_clicked(uow, click_id, recipient_id=by, follow_up_id=follow_up_id, click_days=5)

        await self.units.run(work, WritePriority.INGEST)

    async def deliver(self, follow_up_id: FollowUpId, *, at: datetime, purpose: Purpose = Purpose.MARKETING) -> None:
        async def work(uow: UnitOfWork) -> None:
            record_delivered(uow, DISPATCH._replace(follow_up_id=follow_up_id, recipient_id=ANA, purpose=purpose), at)

        await self.units.run(work, WritePriority.OUTCOMES)

    async def hear(self, *triggers: TriggerReceived) -> None:
        await self.harness.publish(*triggers)
        await self.harness.settle(self.service)

    async def attributed(self) -> list[ConversionAttributed]:
        return await self.harness.published(ConversionAttributed)

    async def adjusted(self) -> list[ConversionAdjusted]:
        return await self.harness.published(ConversionAdjusted)

    async def net(self) -> int:
        facts: list[ConversionAttributed | ConversionAdjusted] = [*await self.attributed(), *await self.adjusted()]
        return sum(fact.amount_minor for fact in facts)

    async def rows(self, table: sa.Table) -> list[Row]:
        return [*await self.harness.rows(sa.select(table))]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Sender]:
    clock = FakeClock()
    async with harness(folder, clock, MerchantDirectory(folder, {})) as base:
        await base.create(metadata)
        yield Sender(base, clock)


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Sender]:
    async with opened(tmp_path) as made:
        yield made


async def test_a_purchase_after_a_click_is_credited_to_that_text(sender: Sender) -> None:
    await sender.click(CART, at=START - 2 * HOUR)
    await sender.deliver(REVIEW, at=START - HOUR)
    await sender.hear(trigger())
    (credited,) = await sender.attributed()
    assert (credited.follow_up_id, credited.model) == (CART, AttributionModel.LAST_CLICK)
    assert (credited.amount_minor, credited.currency, credited.subject) == (4900, "USD", "order-1001")
    assert (credited.touched_at, credited.window_hours) == (START - 2 * HOUR, 120)
    assert (credited.occurred_at, credited.correlation_id) == (START, "webhook-purchase")


async def test_a_purchase_after_a_delivery_alone_is_credited_to_it(sender: Sender) -> None:
    await sender.deliver(REVIEW, at=START - HOUR)
    await sender.hear(trigger())
    (credited,) = await sender.attributed()
    assert (credited.follow_up_id, credited.model, credited.window_hours) == (REVIEW, AttributionModel.DELIVERED, 24)


async def test_answers_to_keywords_earn_nothing(sender: Sender) -> None:
    await sender.deliver(CART, at=START - HOUR, purpose=Purpose.HELP)
    await sender.deliver(REVIEW, at=START - HOUR, purpose=Purpose.OPT_OUT_CONFIRMATION)
    await sender.hear(trigger())
    assert await sender.attributed() == []


async def test_a_shops_own_answer_takes_no_credit_from_the_text_that_was_replied_to(sender: Sender) -> None:
    await sender.deliver(CART, at=START - 2 * HOUR)
    await sender.deliver(REVIEW, at=START - HOUR, purpose=Purpose.CONVERSATION)
    await sender.hear(trigger())
    assert [each.follow_up_id for each in await sender.attributed()] == [CART]


async def test_a_delivery_received_twice_keeps_its_first_time(sender: Sender) -> None:
    await sender.deliver(REVIEW, at=START - HOUR)
    await sender.deliver(REVIEW, at=START + HOUR)
    (touch,) = await sender.rows(touches)
    assert touch["at"] == START - HOUR


async def test_a_purchase_received_twice_is_credited_once(sender: Sender) -> None:
    await sender.click(CART, at=START - HOUR)
    await sender.hear(trigger())
    await sender.hear(trigger(), trigger(name="paid", occurred_at=START + HOUR))
    assert len(await sender.attributed()) == 1


async def test_one_order_of_two_people_in_one_batch_is_credited_once(sender: Sender) -> None:
    await sender.click(CART, at=START - HOUR)
    await sender.click(REVIEW, at=START - HOUR, by=BEN)
    await sender.hear(trigger(), trigger(name="shipping", recipient_id=BEN))
    assert [credited.recipient_id for credited in await sender.attributed()] == [ANA]


async def test_the_same_order_number_at_two_shops_is_two_purchases(sender: Sender) -> None:
    await sender.click(CART, at=START - HOUR)
    await sender.click(REVIEW, at=START - HOUR, by=BEN)
    await sender.hear(trigger(), trigger(name="other", merchant_id=MerchantId("other"), recipient_id=BEN))
    assert len(await sender.attributed()) == 2


async def test_a_purchase_received_late_is_judged_by_its_own_time(sender: Sender) -> None:
    await sender.click(CART, at=START - HOUR)
    await sender.click(REVIEW, at=START + HOUR)
    sender.clock.advance(days=3)
    await sender.hear(trigger())
    assert [credited.follow_up_id for credited in await sender.attributed()] == [CART]


async def test_the_purchase_that_began_a_run_is_not_credited_to_its_text(sender: Sender) -> None:
    thanks = FollowUpId(ids.derived("follow-up", "thanks", at=START))
    await sender.deliver(thanks, at=START - timedelta(seconds=5))
    await sender.hear(trigger())
    assert await sender.attributed() == []


async def test_its_second_report_is_not_credited_to_the_thank_you_text_either(sender: Sender) -> None:
    thanks = FollowUpId(ids.derived("follow-up", "thanks", at=START))
    await sender.hear(trigger())
    await sender.click(thanks, at=START + HOUR)
    await sender.hear(trigger(name="paid", occurred_at=START + 2 * HOUR))
    assert await sender.attributed() == []


async def test_a_test_order_is_neither_credited_nor_deducted(sender: Sender) -> None:
    await sender.click(CART, at=START - HOUR)
    await sender.hear(trigger(name="test", test=True))
    await sender.hear(trigger(), trigger("refund", test=True))
    assert await sender.net() == 4900


async def test_a_completed_checkout_is_not_a_second_sale(sender: Sender) -> None:
    await sender.click(CART, at=START - HOUR)
    await sender.hear(trigger("checkout_completed", subject="checkout-9"), trigger())
    assert [credited.subject for credited in await sender.attributed()] == ["order-1001"]


async def test_a_refund_takes_its_part_and_a_cancellation_what_is_left(sender: Sender) -> None:
    await sender.click(CART, at=START - HOUR)
    await sender.hear(trigger(), trigger("refund"), trigger("cancellation", occurred_at=START + 2 * HOUR))
    first, second = await sender.adjusted()
    assert (first.amount_minor, second.amount_minor) == (-1000, -3900)
    (credited,) = await sender.attributed()
    assert first.conversion_id == second.conversion_id == credited.conversion_id
    assert first.follow_up_id == CART
    assert (first.occurred_at, second.occurred_at) == (START + HOUR, START + 2 * HOUR)


async def test_a_refund_received_twice_is_deducted_once(sender: Sender) -> None:
    await sender.click(CART, at=START - HOUR)
    await sender.hear(trigger(), trigger("refund"))
    await sender.hear(trigger("refund"))
    assert await sender.net() == 3900


async def test_a_refund_that_overtakes_its_purchase_makes_the_same_facts(tmp_path: Path) -> None:
    facts = []
    for number, order in enumerate(([trigger(), trigger("refund")], [trigger("refund"), trigger()])):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with opened(folder) as sender:
            await sender.click(CART, at=START - HOUR)
            for event in order:
                await sender.hear(event)
            credited, adjusted = await sender.attributed(), await sender.adjusted()
            facts.append(
                (
                    [(event.event_id, event.amount_minor) for event in credited],
                    [(event.event_id, event.amount_minor) for event in adjusted],
                )
            )
            (row,) = await sender.rows(conversions)
            assert row["remaining_minor"] == 3900
    assert facts[0] == facts[1]


async def test_a_refund_without_a_subject_or_purchase_changes_nothing(sender: Sender) -> None:
    await sender.click(CART, at=START - HOUR)
    await sender.hear(trigger("refund", subject=None), trigger("refund", "other", subject="order-7"), trigger())
    assert await sender.net() == 4900


async def test_purchases_without_a_subject_are_distinguished_by_their_event(sender: Sender) -> None:
    await sender.click(CART, at=START - HOUR)
    await sender.hear(trigger(subject=None), trigger(name="second", subject=None), trigger(subject=None))
    assert len(await sender.attributed()) == 2


async def test_a_purchase_without_an_amount_counts_with_none(sender: Sender) -> None:
    await sender.click(CART, at=START - HOUR)
    await sender.hear(trigger(amount_minor=None, currency=None))
    (credited,) = await sender.attributed()
    assert (credited.amount_minor, credited.currency) == (0, "XXX")


async def test_an_erased_persons_touches_are_gone_and_the_guard_stays(sender: Sender) -> None:
    await sender.click(CART, at=START - HOUR)
    await sender.click(REVIEW, at=START - HOUR, by=BEN)
    await sender.hear(trigger())
    await sender.units.run(lambda uow: blank_recipient(uow.db, ANA), WritePriority.BATCHES)
    assert [touch["recipient_id"] for touch in await sender.rows(touches)] == [BEN]
    await sender.hear(trigger(), trigger(name="new", subject="order-1002"))
    assert len(await sender.attributed()) == 1


async def test_pruning_deletes_only_touches_beyond_every_window(sender: Sender) -> None:
    await sender.click(CART, at=START)
    await sender.click(REVIEW, at=START + 2 * HOUR)
    sender.clock.move_to(START + store.TOUCHES_KEPT + HOUR)
    await swept(sender.units, sweeps(sender.clock.now(), SenderSettings()))
    assert [touch["follow_up_id"] for touch in await sender.rows(touches)] == [REVIEW]


async def test_an_account_another_process_made_meanwhile_is_a_fault_worth_trying_again(sender: Sender) -> None:
    deduction = Deduction(EventId(ids.minted(START)), START, 100, "USD")
    owned = {ids.minted(START): OwnedPurchase(ACME, ANA, PurchaseRecord(deductions=(deduction,)), is_new=True)}
    await sender.units.run(lambda uow: keep_accounts(uow.db, owned), WritePriority.BATCHES)
    with pytest.raises(AccountRaced) as raised:
        await sender.units.run(lambda uow: keep_accounts(uow.db, owned), WritePriority.BATCHES)
    assert raised.value.retryable


STORY = [
    trigger(),
    trigger("refund"),
    trigger("refund", "second", amount_minor=2500),
    trigger("order_edited", "added", amount_minor=600),
    trigger("order_edited", "removed", amount_minor=-200),
    trigger("purchase", "other", subject="order-1002", amount_minor=700),
    trigger("cancellation", "other", subject="order-1002"),
]


@settings(max_examples=12, deadline=None)
@given(
    order=st.permutations([*STORY, *STORY[:3]]),
    cuts=st.lists(st.integers(0, len(STORY) + 3), max_size=3),
)
async def test_any_order_any_repeats_and_any_batches_end_the_same(
    tmp_path_factory: pytest.TempPathFactory, order: list[TriggerReceived], cuts: list[int]
) -> None:
    async with opened(tmp_path_factory.mktemp("story")) as sender:
        await sender.click(CART, at=START - HOUR)
        bounds = [0, *sorted(cuts), len(order)]
        for start, end in itertools.pairwise(bounds):
            await sender.hear(*order[start:end])
        credited = await sender.attributed()
        assert sorted(conversion.amount_minor for conversion in credited) == [700, 4900]
        assert len({conversion.event_id for conversion in credited}) == 2
        assert await sender.net() == 4900 + 600 - 200 - 1000 - 2500
        left = {row["amount_minor"]: row["remaining_minor"] for row in await sender.rows(conversions)}
        assert left == {4900: 1800, 700: 0}
