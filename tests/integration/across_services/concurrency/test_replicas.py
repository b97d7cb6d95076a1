"""The sender and metrics in several replicas: doing it at the same moment is as good as one after the other."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog

from services.metrics import store as metrics_store
from services.metrics.domain.rollups import rebuild
from services.sender.engagement.attribution.credit import Deduction, PurchaseRecord
from services.sender.engagement.attribution.store import OwnedPurchase, accounts_of, keep_accounts
from services.sender.privacy import SenderPrivacy
from services.sender.tables import conversions
from services.sender.tables import system_tables as sender_tables
from shared import ids
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.errors import DatabaseUnavailable
from shared.events.consent import ConsentAct, ConsentChanged, ConsentReported, RecipientErased, ScopeSnapshot
from shared.events.dispatch import DispatchAccepted
from shared.ids import EventId
from shared.testing import make, make_sender
from shared.testing.clock import START
from shared.testing.make_metrics import MERCHANT, TextFacts
from tests.integration.across_services.concurrency.at_once import AT_ONCE, all_at_once, handled
from tests.integration.metrics.conftest import opened as metrics_opened
from tests.integration.sender.driver import assembled, open_driver
from tests.integration.sender.engagement.attribution.test_attribution import ACME, ANA
from tests.integration.sender.engagement.attribution.test_attribution import opened as attribution_opened


async def test_a_stop_beside_other_words_of_a_stranger_is_never_written_over(tmp_path: Path) -> None:
    async with open_driver(tmp_path) as driver:
        for number in range(AT_ONCE):
            phone = f"+1212555010{number}"
            words = ("hello", "STOP", "what?", "who is this")
            answers = await asyncio.gather(
                *(driver.reply(text, f"SM-{number}-{place}", phone) for place, text in enumerate(words))
            )
            assert {answer.status_code for answer in answers} == {200}
        people = await driver.people()
        assert [(row["suppressed"], row["keyword_seq"]) for row in people] == [("opt_out", 1)] * AT_ONCE
        assert len(await driver.published(ConsentReported)) == AT_ONCE


async def test_a_stop_beside_the_ledgers_older_word_is_never_lifted(tmp_path: Path) -> None:
    async with open_driver(tmp_path) as driver:
        for number in range(AT_ONCE):
            phone = f"+1212555010{number}"
            granted = make.event(
                ConsentChanged,
                recipient_id=make_sender.recipient_id(driver.sealer, phone),
                marketing=ScopeSnapshot(status="pewc"),
                informational=ScopeSnapshot(status="pewc"),
                act=ConsentAct.GRANTED,
                epoch=1,
            )
            await asyncio.gather(driver.reply("STOP", f"SM-{number}", phone),
                                 handled(driver.harness, driver.service, [granted]))  # fmt: skip
        people = await driver.people()
        assert [(row["suppressed"], row["consent_epoch"]) for row in people] == [("opt_out", 1)] * AT_ONCE


async def test_a_reply_brought_many_times_at_once_is_one_reply(tmp_path: Path) -> None:
    async with open_driver(tmp_path) as driver:
        answers = await all_at_once(lambda: driver.reply("STOP"))
        assert {answer.status_code for answer in answers} == {200}
        assert [row["keyword_seq"] for row in await driver.people()] == [1]
        assert len(await driver.replies()) == len(await driver.published(ConsentReported)) == 1


async def test_two_replicas_with_one_queue_send_each_text_once(tmp_path: Path) -> None:
    async with open_driver(tmp_path, rate=1000) as driver:
        await driver.hear(*(driver.cleared(n, phone=f"+121255501{n:02}") for n in range(20)))
        replicas = [driver.sender, *(assembled(driver.harness) for _ in range(2))]
        for _ in range(3):
            await asyncio.gather(*(each.dispatcher.step() for each in replicas))
            await asyncio.gather(*(each.calls.drain() for each in replicas))
        assert (driver.provider.calls, len(driver.provider.texts)) == (20, 20)
        assert {row["state"] for row in await driver.dispatches()} == {"accepted"}
        assert len(await driver.published(DispatchAccepted)) == 20
        for each in replicas[1:]:
            await each.providers.close()


async def test_a_replica_in_doubt_never_gives_up_the_intent_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_driver(tmp_path) as driver:
        await driver.hear(driver.cleared())
        other = assembled(driver.harness)
        dispatcher = driver.sender.dispatcher
        claim, run = dispatcher._claim, dispatcher._units.run

        async def overtaken(*claimed: Any) -> Any:
            rows = await claim(*claimed)
            await other.dispatcher.step()
            return rows

        async def unlucky(work: Any, priority: WritePriority) -> Any:
            if priority is WritePriority.INTENTS:
                raise DatabaseUnavailable
            return await run(work, priority)

        monkeypatch.setattr(dispatcher, "_claim", overtaken)
        monkeypatch.setattr(dispatcher._units, "run", unlucky)
        monkeypatch.setattr(other.calls, "start", lambda *_: None)  # the call that it is about to begin
        with pytest.raises(DatabaseUnavailable):
            await dispatcher.step()
        monkeypatch.undo()
        await dispatcher.step()
        assert [(row["state"], row["n"]) for row in await driver.attempts()] == [("intent", 1)]
        assert driver.provider.calls == 0
        await other.providers.close()


async def test_two_reconcilers_and_a_late_answer_at_once_conclude_once(tmp_path: Path) -> None:
    async with open_driver(tmp_path) as driver:
        driver.provider.script.append("accept_then_drop")
        await driver.hear(driver.cleared())
        await driver.send()
        driver.clock.advance(seconds=50)
        others = [assembled(driver.harness) for _ in range(3)]
        text = driver.provider.texts[0]
        await asyncio.gather(
            *(each.reconciler.step() for each in (driver.sender, *others)),
            *(driver.http.post(**text.receipt(status)) for status in ("queued", "sent")),
        )
        assert [row["state"] for row in await driver.attempts()] == ["accepted"]
        assert len(await driver.published(DispatchAccepted)) == 1
        for each in others:
            await each.providers.close()


async def test_an_erasure_beside_intents_never_deadlocks_and_nothing_of_the_person_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_driver(tmp_path, rate=1000) as driver:
        phones = [f"+121255501{n:02}" for n in range(20)]
        await driver.hear(*(driver.cleared(n, phone=phone) for n, phone in enumerate(phones)))
        erased = [
            make.event(RecipientErased, recipient_id=make_sender.recipient_id(driver.sealer, phone),
                       occurred_at=driver.clock.now()) for phone in reversed(phones)
        ]  # fmt: skip
        units = driver.harness.runtime.units
        erase = SenderPrivacy(sender_tables, driver.sealer).erase
        with structlog.testing.capture_logs() as logs:
            await asyncio.gather(
                driver.sender.dispatcher.step(),
                *(units.run(partial(erase, [each]), WritePriority.BATCHES) for each in erased),
                units.run(partial(erase, erased), WritePriority.BATCHES),
            )
        await driver.sender.calls.drain()
        assert [line for line in logs if line["event"] == "unit_runs_again"] == []
        for row in await driver.dispatches():
            assert (row["body"], row["contact"], row["facts"]) == (None, None, None)


async def test_sums_that_replicas_add_to_at_once_are_those_of_the_facts(tmp_path: Path) -> None:
    async with metrics_opened(tmp_path) as metrics:
        stories = [TextFacts(ordinal=n).all_the_way() for n in range(AT_ONCE)]
        batches = [story[::step] for story in stories for step in (1, -1)]
        with structlog.testing.capture_logs() as logs:
            await handled(metrics.harness, metrics.service, *batches)
        assert [line for line in logs if line["event"] == "unit_runs_again"] == []
        kept = await metrics.harness.runtime.units.read(lambda db: metrics_store.all_rollups(db, MERCHANT))
        assert kept == rebuild([each for story in stories for each in story])


async def test_an_account_made_by_two_replicas_at_once_holds_what_both_heard(tmp_path: Path) -> None:
    async with attribution_opened(tmp_path) as sender:
        key = ids.minted(START)
        both = asyncio.Barrier(2)
        runs = 0

        async def deduct(minor: int, uow: UnitOfWork) -> None:
            nonlocal runs
            runs += 1
            deduction = Deduction(EventId(ids.derived("refund", minor, at=START)), START, minor, "USD")
            known = (await accounts_of(uow.db, [key])).get(key)
            await (asyncio.wait_for(both.wait(), 60) if runs <= 2 else asyncio.sleep(0.01))
            before = known.account.deductions if known else ()
            account = OwnedPurchase(ACME, ANA, PurchaseRecord(deductions=(*before, deduction)), is_new=known is None)
            await keep_accounts(uow.db, {key: account})

        await asyncio.gather(*(sender.units.run(partial(deduct, minor), WritePriority.BATCHES) for minor in (100, 250)))
        [row] = await sender.rows(conversions)
        assert sorted(taken[2] for taken in row["deductions"]) == [100, 250]
        assert runs == 3
        await asyncio.gather(
            *(sender.units.run(partial(deduct, minor), WritePriority.BATCHES) for minor in range(1, AT_ONCE))
        )
        [row] = await sender.rows(conversions)
        assert sorted(taken[2] for taken in row["deductions"]) == [*range(1, AT_ONCE), 100, 250]
