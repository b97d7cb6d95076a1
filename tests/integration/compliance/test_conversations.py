"""A shop's own answer in service: which reply counts, whatever order replies, opt-outs and the question arrive in."""

from datetime import timedelta
from typing import Any

import pytest

from services.compliance.gate.records import recompute
from services.compliance.tables import send_slots
from shared import ids
from shared.bus.marks import MARK_SECONDS, AlwaysInLog
from shared.events.consent import ConsentAct, ConsentChanged, ConsentScope
from shared.events.engagement import ReplyClass, ReplyReceived
from shared.events.follow_up import FollowUpCleared, Purpose
from shared.ids import EventId
from shared.rule_files.loader import load_rules
from shared.testing.clock import START
from tests.integration.compliance.driver import ComplianceDriver, only

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TOLD = ("cleared", "ok")
NOTHING = ("blocked", "no_recent_inbound")


def reply(driver: ComplianceDriver, kind: ReplyClass = ReplyClass.OTHER, **changes: Any) -> ReplyReceived:
    at = changes.setdefault("occurred_at", driver.clock.now())
    return driver.about(ReplyReceived, event_id=EventId(ids.derived("reply", kind, at=at)), reply_class=kind, **changes)


async def answered(driver: ComplianceDriver, name: str = "answer", **changes: Any) -> tuple[str, str]:
    (found,) = only(await driver.verdict(name, purpose=Purpose.CONVERSATION, **changes))
    return found


async def test_a_reply_is_answered_without_any_consent_and_the_verdict_gives_itself_again(
    driver: ComplianceDriver,
) -> None:
    await driver.hear(reply(driver))
    driver.clock.advance(hours=3)
    verdict = await driver.verdict(purpose=Purpose.CONVERSATION)
    assert isinstance(verdict, FollowUpCleared)
    assert [row["purpose"] for row in await driver.rows(send_slots)] == ["conversation"]
    (record,) = await driver.records()
    assert recompute(record, load_rules()) == record.verdict


@pytest.mark.parametrize("kind", [ReplyClass.OTHER, ReplyClass.HELP, ReplyClass.OPT_IN])
async def test_every_reply_that_is_no_opt_out_may_be_answered(driver: ComplianceDriver, kind: ReplyClass) -> None:
    await driver.hear(reply(driver, kind))
    assert await answered(driver) == TOLD


async def test_an_opt_out_is_no_reply(driver: ComplianceDriver) -> None:
    await driver.hear(reply(driver, ReplyClass.OPT_OUT))
    assert await answered(driver) == NOTHING


async def test_the_scheduler_may_know_of_a_reply_first(driver: ComplianceDriver) -> None:
    assert await answered(driver, inbound_at=START) == TOLD


async def test_a_later_reply_counts_for_a_text_that_was_asked_for_before_it(driver: ComplianceDriver) -> None:
    asked_at = driver.clock.now()
    driver.clock.advance(hours=25)
    await driver.hear(reply(driver))
    assert await answered(driver, inbound_at=asked_at) == TOLD


async def test_a_reply_read_twice_late_or_by_a_fast_clock_lasts_no_longer(driver: ComplianceDriver) -> None:
    ahead, old = reply(driver, occurred_at=START + 9 * HOUR), reply(driver, occurred_at=START - HOUR)
    await driver.hear(ahead, ahead)
    await driver.hear(old)
    assert (await driver.held()).replied_at == START
    driver.clock.advance(hours=23)
    assert await answered(driver) == TOLD
    driver.clock.advance(hours=1)
    assert await answered(driver, "a day later") == NOTHING


async def test_an_opt_out_after_the_reply_forbids_the_answer_that_was_asked_for_before(
    driver: ComplianceDriver,
) -> None:
    await driver.hear(reply(driver))
    driver.clock.advance(minutes=1)
    stop = driver.claim(ConsentAct.REVOKED, scope=ConsentScope.ALL, captured_at=driver.clock.now())
    await driver.hear(stop)
    assert await answered(driver, inbound_at=START) == ("blocked", "opted_out")


async def test_after_start_the_reply_before_the_stop_is_answered_no_more_than_the_start_allows(
    driver: ComplianceDriver,
) -> None:
    await driver.hear(reply(driver))
    keyword: dict[str, Any] = {"scope": ConsentScope.ALL, "method": "keyword"}
    await driver.hear(
        driver.claim(ConsentAct.REVOKED, keyword_seq=1, captured_at=START + MINUTE, **keyword),
        driver.claim(ConsentAct.RESTORED, keyword_seq=2, captured_at=START + 2 * MINUTE, **keyword),
    )
    driver.clock.advance(minutes=3)
    await driver.hear(reply(driver, ReplyClass.OPT_IN))
    assert await answered(driver) == TOLD


async def test_an_opt_out_of_offers_ends_the_talk_before_it_and_allows_a_new_question(
    driver: ComplianceDriver,
) -> None:
    await driver.hear(reply(driver))
    driver.clock.advance(minutes=1)
    await driver.hear(driver.claim(ConsentAct.REVOKED, scope=ConsentScope.MARKETING, captured_at=driver.clock.now()))
    assert await answered(driver, "old", inbound_at=START) == NOTHING
    driver.clock.advance(minutes=1)
    await driver.hear(reply(driver))
    assert await answered(driver, "new") == TOLD


async def test_a_stop_that_is_unread_in_the_log_keeps_the_answer_waiting(
    driver: ComplianceDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.hear(reply(driver))
    monkeypatch.setattr(AlwaysInLog, "in_log", lambda _self, _who: driver.clock.monotonic() - MARK_SECONDS - 2)
    driver.clock.advance(seconds=MARK_SECONDS + 1)
    assert await answered(driver) == ("deferred", "source_lag")


async def test_nobody_answers_while_the_clock_is_not_to_be_trusted(driver: ComplianceDriver) -> None:
    await driver.hear(reply(driver))
    driver.clock.trustworthy = False
    assert await answered(driver) == ("deferred", "consent_lag")


async def test_an_ambiguous_reply_is_answered_once_somebody_has_decided_what_it_means(
    driver: ComplianceDriver,
) -> None:
    await driver.hear(reply(driver, needs_review=True))
    assert await answered(driver) == ("deferred", "needs_review")
    driver.clock.advance(minutes=1)
    await driver.hear(driver.claim(ConsentAct.CONFIRMED, captured_at=driver.clock.now()))
    assert await answered(driver, "decided") == TOLD


async def test_a_reply_of_somebody_else_is_no_reply(driver: ComplianceDriver) -> None:
    await driver.hear(reply(driver, recipient_id=driver.person("+12125550124")))
    assert await answered(driver) == NOTHING


async def test_a_reply_changes_no_consent(driver: ComplianceDriver) -> None:
    await driver.hear(reply(driver))
    assert await driver.harness.published(ConsentChanged) == []
    assert only(await driver.verdict("marketing")) == [("blocked", "no_consent")]
