"""Due follow-ups as events: cleared, deferred or blocked, each with a record that proves itself."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.compliance import consumer
from services.compliance.gate.records import recompute
from services.compliance.tables import decisions, ledger, send_slots, system_tables
from shared.bus import parked
from shared.bus.marks import MARK_SECONDS, AlwaysInLog
from shared.config.directory import MerchantDirectory
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope, MerchantClosed
from shared.events.dispatch import DispatchAccepted
from shared.events.engagement import ReplyReceived, ReplyReviewed
from shared.events.follow_up import FollowUpBlocked, FollowUpCleared, FollowUpDeferred, Purpose
from shared.events.trigger import Contact, PhoneProvenance
from shared.rule_files.loader import load_rules
from shared.testing import make, make_compliance
from shared.testing.clock import START
from shared.testing.make_compliance import PHONE
from tests.integration.compliance.driver import ComplianceDriver, only, opened

MINUTE = timedelta(minutes=1)
NIGHT = datetime(2026, 12, 2, 4, 0, tzinfo=UTC)
"""Eleven at night in New York."""
MORNING = datetime(2026, 12, 2, 13, 0, tzinfo=UTC)
BEN = "+12125550124"
CARA = "+12125550125"
ALREADY = "confirmation_already_sent"


async def test_a_text_with_consent_in_the_day_is_cleared_for_at_most_ten_minutes(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    verdict = await driver.verdict()
    assert isinstance(verdict, FollowUpCleared)
    assert verdict.valid_until == START + 10 * MINUTE
    assert verdict.window_closes_at == datetime(2026, 12, 2, 1, 59, tzinfo=UTC)
    assert verdict.content.facts == b"sealed facts"
    assert "US" in verdict.rules


async def test_every_verdict_is_kept_with_inputs_that_give_it_again(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    gift = Contact(phone=PHONE, provenance=PhoneProvenance.SHIPPING)
    await driver.verdict("cleared")
    await driver.verdict("gift", contact=gift)
    await driver.verdict("stranger", phone=BEN)
    driver.clock.move_to(NIGHT)
    await driver.verdict("deferred")
    rows = {row["decision"]: row["reason"] for row in await driver.rows(decisions)}
    assert rows.keys() == {"send", "defer", "block"}
    records = await driver.records()
    assert len(records) == 4
    assert [recompute(record, load_rules()) for record in records] == [record.verdict for record in records]


async def test_a_verdict_in_the_doubled_hour_of_autumn_gives_itself_again(tmp_path: Path) -> None:
    async with opened(tmp_path, at=datetime(2026, 11, 1, 5, 30, tzinfo=UTC)) as driver:
        await driver.hear(
            driver.claim(level=ConsentLevel.CONTRACT, scope=ConsentScope.INFORMATIONAL, captured_at=driver.clock.now())
        )
        assert only(await driver.verdict(purpose=Purpose.TRANSACTIONAL)) == [("cleared", "ok")]
        (record,) = await driver.records()
        assert record.verdict.evidence.zones[0].local_time.hour == 1
        assert recompute(record, load_rules()) == record.verdict


async def test_a_text_at_night_is_deferred_to_the_very_opening(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    driver.clock.move_to(NIGHT)
    verdict = await driver.verdict()
    assert isinstance(verdict, FollowUpDeferred)
    assert (verdict.reason, verdict.until) == ("quiet_hours", MORNING)
    assert verdict.explanation is not None
    assert not await driver.rows(send_slots)


async def test_the_release_after_the_deferral_is_cleared_at_the_opening(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    driver.clock.move_to(NIGHT)
    night = driver.due()
    assert only(*await driver.judged(night)) == [("deferred", "quiet_hours")]
    driver.clock.move_to(MORNING)
    assert only(await driver.verdict(release=2, first_due_at=night.first_due_at)) == [("cleared", "ok")]
    assert [row["release"] for row in await driver.rows(decisions)] == [1, 2]


async def test_a_text_to_a_stranger_is_blocked(driver: ComplianceDriver) -> None:
    assert only(await driver.verdict()) == [("blocked", "no_consent")]


async def test_a_due_read_twice_in_one_poll_is_judged_once(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    due = driver.due()
    assert only(*await driver.judged(due, due)) == [("cleared", "ok")]
    assert len(await driver.rows(decisions)) == 1


async def test_a_due_read_again_at_night_does_not_contradict_its_verdict(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    due = driver.due()
    await driver.judged(due)
    driver.clock.move_to(NIGHT)
    assert await driver.judged(due) == []
    assert [row["decision"] for row in await driver.rows(decisions)] == ["send"]


async def test_a_late_due_that_a_later_release_has_overtaken_says_nothing(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    assert only(await driver.verdict(release=2)) == [("cleared", "ok")]
    assert await driver.judged(driver.due(release=1)) == []
    (slot,) = await driver.rows(send_slots)
    assert slot["release"] == 2


async def test_the_consent_of_the_same_checkout_is_awaited_and_then_found(driver: ComplianceDriver) -> None:
    report = driver.claim()
    due = driver.due(consent_reports=(report.event_id,))
    (waits,) = await driver.judged(due)
    assert isinstance(waits, FollowUpDeferred)
    assert (waits.reason, waits.until) == ("awaiting_consent", START + timedelta(seconds=5))
    await driver.hear(report)
    driver.clock.advance(seconds=5)
    again = driver.due(release=2, first_due_at=due.first_due_at, consent_reports=due.consent_reports)
    assert only(*await driver.judged(again)) == [("cleared", "ok")]


async def test_a_consent_that_never_comes_is_awaited_for_one_minute_only(driver: ComplianceDriver) -> None:
    missing = driver.claim().event_id
    answers = []
    for release, second in enumerate((0, 59, 60), start=1):
        driver.clock.move_to(START + timedelta(seconds=second))
        answers.append(await driver.verdict(release=release, first_due_at=START, consent_reports=(missing,)))
    assert only(*answers) == [
        ("deferred", "awaiting_consent"),
        ("deferred", "awaiting_consent"),
        ("blocked", "no_consent"),
    ]


async def test_consent_that_has_run_out_blocks(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim(expires_at=START + MINUTE))
    cleared = await driver.verdict("in time")
    assert isinstance(cleared, FollowUpCleared)
    assert cleared.valid_until == START + MINUTE
    driver.clock.advance(minutes=1)
    assert only(await driver.verdict("too late")) == [("blocked", "consent_expired")]


async def test_marketing_never_goes_to_a_shipping_addresss_phone_and_the_record_says_why(
    driver: ComplianceDriver,
) -> None:
    await driver.hear(driver.claim(), driver.claim(level=ConsentLevel.CONTRACT, scope=ConsentScope.INFORMATIONAL))
    gift = Contact(phone=PHONE, provenance=PhoneProvenance.SHIPPING)
    verdict = await driver.verdict("marketing", contact=gift)
    assert only(verdict) == [("blocked", "consent_insufficient")]
    assert verdict.explanation is not None
    assert "shipping address" in verdict.explanation
    (record,) = await driver.records()
    assert record.inputs.recipient.is_of_shipping
    assert recompute(record, load_rules()) == record.verdict
    service = await driver.verdict("service", contact=gift, purpose=Purpose.TRANSACTIONAL)
    assert only(service) == [("cleared", "ok")]


async def test_an_unreadable_contact_is_set_aside_and_the_rest_of_the_batch_is_judged(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim(), driver.claim(phone=BEN), driver.claim(phone=CARA))
    bad = driver.due("bad", phone=BEN)
    bad = bad.model_copy(update={"content": bad.content.model_copy(update={"contact": b"not sealed by us"})})
    answers = await driver.judged(driver.due("good"), bad, driver.due("also good", phone=CARA))
    assert only(*answers) == [("cleared", "ok"), ("cleared", "ok")]
    (row,) = await driver.parked()
    assert row["recipient_id"] == driver.person(BEN)
    assert "contact" in row["reason"]
    assert "5550124" not in row["reason"]


async def test_marketing_waits_behind_a_text_of_the_same_poll_that_was_set_aside(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    bad = driver.due("bad")
    bad = bad.model_copy(update={"content": bad.content.model_copy(update={"contact": b"not sealed by us"})})
    assert only(*await driver.judged(bad, driver.due("behind"))) == [("deferred", "parked")]


async def test_a_due_of_an_unknown_merchant_is_set_aside_and_goes_on_once_its_folder_is_there(tmp_path: Path) -> None:
    async with opened(tmp_path) as driver:
        stranger = driver.due("lost", merchant_id="nobody")
        await driver.hear(driver.claim(merchant_id="nobody"), driver.claim(), driver.due(), stranger)
        assert only(*await driver.verdicts()) == [("cleared", "ok")]
        (row,) = await driver.parked()
        assert "nobody" in row["reason"]
        assert driver.service.events is not None
        drive = (driver.service.units, system_tables, driver.service.events)
        assert await parked.redrive(*drive) == (0, 1)
        assert len(await driver.parked()) == 1
        make_compliance.merchants_folder(tmp_path, "nobody")
        assert isinstance(driver.harness.runtime.merchants, MerchantDirectory)
        driver.harness.runtime.merchants.reload_if_changed()
        assert await parked.redrive(*drive) == (1, 0)
        assert only(*await driver.verdicts()) == [("cleared", "ok"), ("cleared", "ok")]


async def test_marketing_halts_while_the_clock_is_not_to_be_trusted(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim(), driver.claim(level=ConsentLevel.CONTRACT, scope=ConsentScope.INFORMATIONAL))
    driver.clock.trustworthy = False
    assert only(await driver.verdict("marketing")) == [("deferred", "consent_lag")]
    assert only(await driver.verdict("service", purpose=Purpose.TRANSACTIONAL)) == [("cleared", "ok")]


async def test_marketing_is_not_cleared_while_a_service_is_late_in_passing_on_its_news(
    driver: ComplianceDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.hear(driver.claim(), driver.claim(level=ConsentLevel.CONTRACT, scope=ConsentScope.INFORMATIONAL))
    monkeypatch.setattr(AlwaysInLog, "in_log", lambda _self, _who: driver.clock.monotonic() - MARK_SECONDS - 2)
    driver.clock.advance(seconds=MARK_SECONDS + 1)  # what was looked at before is too old to count
    assert only(await driver.verdict("marketing")) == [("deferred", "source_lag")]
    assert only(await driver.verdict("service", purpose=Purpose.TRANSACTIONAL)) == [("cleared", "ok")]


async def test_a_consent_that_may_be_in_late_news_is_awaited_longer_than_a_minute(
    driver: ComplianceDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = driver.claim(level=ConsentLevel.CONTRACT, scope=ConsentScope.INFORMATIONAL)
    service = {"purpose": Purpose.TRANSACTIONAL, "first_due_at": START, "consent_reports": (report.event_id,)}
    with monkeypatch.context() as late:
        late.setattr(AlwaysInLog, "in_log", lambda _self, _who: driver.clock.monotonic() - MARK_SECONDS - 2)
        driver.clock.advance(minutes=6)
        (waits,) = await driver.judged(driver.due("service", release=1, **service))
        assert isinstance(waits, FollowUpDeferred)
        assert (waits.reason, waits.until) == ("awaiting_consent", START + timedelta(minutes=6, seconds=30))
    await driver.hear(report)
    driver.clock.advance(seconds=30)
    assert only(await driver.verdict("service", release=2, **service)) == [("cleared", "ok")]


async def test_only_the_first_text_to_a_person_is_a_first_contact(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    first = await driver.verdict("first")
    await driver.hear(driver.about(DispatchAccepted, "first"))
    second = await driver.verdict("second")
    assert isinstance(first, FollowUpCleared)
    assert isinstance(second, FollowUpCleared)
    assert (first.first_contact, second.first_contact) == (True, False)
    driver.clock.advance(minutes=1)
    await driver.hear(driver.about(DispatchAccepted, "second"))
    assert (await driver.held()).texted_at == START


async def test_an_acceptance_that_comes_before_any_claim_leaves_the_standing_to_the_claim(
    driver: ComplianceDriver,
) -> None:
    await driver.hear(driver.about(DispatchAccepted, "unheard"))
    await driver.hear(driver.claim())
    verdict = await driver.verdict()
    assert isinstance(verdict, FollowUpCleared)
    assert not verdict.first_contact


async def test_an_acceptance_read_in_the_same_poll_as_a_stop_does_not_undo_it(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    stop = driver.claim(ConsentAct.REVOKED, scope=ConsentScope.ALL, captured_at=START + MINUTE)
    driver.clock.advance(minutes=2)
    await driver.hear(stop, driver.about(DispatchAccepted), driver.due("after"))
    assert only(*await driver.verdicts()) == [("blocked", "opted_out")]


async def test_help_is_answered_at_any_hour_to_anybody_who_asked(driver: ComplianceDriver) -> None:
    driver.clock.move_to(NIGHT)
    asked: dict[str, Any] = {"purpose": Purpose.HELP, "inbound_at": NIGHT}
    assert only(await driver.verdict("help", **asked)) == [("cleared", "ok")]
    assert only(await driver.verdict("answered already", **asked)) == [("blocked", "no_recent_inbound")]


async def test_help_asked_by_a_clock_ahead_of_ours_is_answered(driver: ComplianceDriver) -> None:
    ahead = START + timedelta(seconds=2)
    assert only(await driver.verdict(purpose=Purpose.HELP, inbound_at=ahead)) == [("cleared", "ok")]


async def test_help_is_not_answered_after_five_minutes(driver: ComplianceDriver) -> None:
    asked = START - timedelta(seconds=301)
    assert only(await driver.verdict(purpose=Purpose.HELP, inbound_at=asked)) == [("blocked", "no_recent_inbound")]


async def test_an_opt_out_is_confirmed_once_and_everything_else_is_blocked(driver: ComplianceDriver) -> None:
    stop = driver.claim(ConsentAct.REVOKED, scope=ConsentScope.ALL, method="keyword", keyword_seq=1)
    await driver.hear(stop)
    confirms: dict[str, Any] = {"purpose": Purpose.OPT_OUT_CONFIRMATION, "inbound_at": START}
    assert only(await driver.verdict("confirmation", **confirms)) == [("cleared", "ok")]
    assert only(await driver.verdict("another", **confirms)) == [("blocked", "confirmation_already_sent")]
    assert only(await driver.verdict("marketing")) == [("blocked", "opted_out")]


async def test_a_stop_said_again_is_not_confirmed_again_until_something_lifted_the_first(
    driver: ComplianceDriver,
) -> None:
    async def stop_and_confirm(name: str, sequence: int) -> list[tuple[str, str]]:
        driver.clock.advance(hours=1)
        now = driver.clock.now()
        said = {"scope": ConsentScope.ALL, "method": "keyword", "keyword_seq": sequence, "captured_at": now}
        await driver.hear(driver.claim(ConsentAct.REVOKED, **said))
        purpose = Purpose.OPT_OUT_CONFIRMATION
        return only(await driver.verdict(name, purpose=purpose, inbound_at=now, first_due_at=now))

    assert await stop_and_confirm("first", 1) == [("cleared", "ok")]
    assert await stop_and_confirm("second", 2) == [("blocked", "confirmation_already_sent")]
    start = {"scope": ConsentScope.ALL, "method": "keyword", "keyword_seq": 3, "captured_at": driver.clock.now()}
    await driver.hear(driver.claim(ConsentAct.RESTORED, **start))
    assert await stop_and_confirm("after a start", 4) == [("cleared", "ok")]


async def test_a_stop_by_text_after_an_opt_out_elsewhere_is_confirmed_once(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim(ConsentAct.REVOKED, scope=ConsentScope.ALL, method="web_form"))
    for name, sequence, expected in (("first", 1, ("cleared", "ok")), ("second", 2, ("blocked", ALREADY))):
        driver.clock.advance(days=1)
        now = driver.clock.now()
        said = {"scope": ConsentScope.ALL, "method": "keyword", "keyword_seq": sequence, "captured_at": now}
        await driver.hear(driver.claim(ConsentAct.REVOKED, **said))
        purpose = Purpose.OPT_OUT_CONFIRMATION
        assert only(await driver.verdict(name, purpose=purpose, inbound_at=now, first_due_at=now)) == [expected]


async def test_a_confirmation_that_comes_before_its_opt_out_waits_for_it(driver: ComplianceDriver) -> None:
    confirms: dict[str, Any] = {"purpose": Purpose.OPT_OUT_CONFIRMATION, "inbound_at": START, "first_due_at": START}
    assert only(await driver.verdict(**confirms)) == [("deferred", "awaiting_consent")]
    await driver.hear(driver.claim(ConsentAct.REVOKED, scope=ConsentScope.ALL))
    driver.clock.advance(seconds=5)
    assert only(await driver.verdict(release=2, **confirms)) == [("cleared", "ok")]


async def test_a_confirmation_without_any_opt_out_is_blocked_after_a_minute(driver: ComplianceDriver) -> None:
    confirms: dict[str, Any] = {"purpose": Purpose.OPT_OUT_CONFIRMATION, "inbound_at": START, "first_due_at": START}
    driver.clock.advance(minutes=1)
    assert only(await driver.verdict(**confirms)) == [("blocked", "no_recent_inbound")]


async def test_an_ambiguous_reply_holds_marketing_until_a_decision(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim(), driver.claim(level=ConsentLevel.CONTRACT, scope=ConsentScope.INFORMATIONAL))
    driver.clock.advance(minutes=1)
    await driver.hear(driver.about(ReplyReceived, needs_review=True))
    assert only(await driver.verdict("held")) == [("deferred", "needs_review")]
    assert only(await driver.verdict("service", purpose=Purpose.TRANSACTIONAL)) == [("cleared", "ok")]
    driver.clock.advance(minutes=1)
    await driver.hear(driver.claim(ConsentAct.CONFIRMED, captured_at=driver.clock.now()))
    assert only(await driver.verdict("free")) == [("cleared", "ok")]


async def test_an_older_grant_that_arrives_late_does_not_settle_an_ambiguous_reply(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    driver.clock.advance(minutes=5)
    await driver.hear(driver.about(ReplyReceived, needs_review=True))
    await driver.hear(driver.claim(captured_at=START + MINUTE), driver.claim(captured_at=None))
    assert only(await driver.verdict()) == [("deferred", "needs_review")]


async def test_an_ambiguous_reply_that_arrives_after_its_decision_holds_nothing(driver: ComplianceDriver) -> None:
    reply = driver.about(ReplyReceived, needs_review=True)
    driver.clock.advance(minutes=1)
    await driver.hear(driver.claim(ConsentAct.CONFIRMED, captured_at=driver.clock.now()))
    await driver.hear(reply, reply)
    assert only(await driver.verdict()) == [("cleared", "ok")]


async def test_a_reported_grant_does_not_end_the_doubt_a_reply_left(driver: ComplianceDriver) -> None:
    await driver.hear(driver.about(ReplyReceived, needs_review=True))
    driver.clock.advance(minutes=1)
    await driver.hear(driver.claim(captured_at=driver.clock.now(), method="platform", source="shopify"))
    assert only(await driver.verdict()) == [("deferred", "needs_review")]


async def test_a_review_ends_the_hold_heard_twice_and_late_a_newer_unclear_reply_is_still_held(
    driver: ComplianceDriver,
) -> None:
    await driver.hear(driver.claim())
    replied_at = driver.clock.now()
    await driver.hear(driver.about(ReplyReceived, needs_review=True))
    driver.clock.advance(minutes=1)
    review = make.event(ReplyReviewed, recipient_id=driver.person(), replied_at=replied_at, was_opt_out=False)
    await driver.hear(review)
    assert only(await driver.verdict("free")) == [("cleared", "ok")]
    await driver.hear(driver.about(ReplyReceived, needs_review=True))
    await driver.hear(review, review)
    assert only(await driver.verdict("held")) == [("deferred", "needs_review")]


async def test_a_reviewed_opt_out_is_the_persons_own_of_when_they_wrote(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    driver.clock.advance(minutes=1)
    replied_at = driver.clock.now()
    await driver.hear(driver.about(ReplyReceived, needs_review=True))
    driver.clock.advance(minutes=5)
    # A shop's sync in between changes nothing: the person had written before.
    await driver.hear(driver.claim(captured_at=driver.clock.now(), method="platform", source="shopify"))
    driver.clock.advance(minutes=5)
    own = {"method": "reply", "source": "reply", "keyword_seq": 1, "level": ConsentLevel.UNKNOWN}
    claim = driver.claim(ConsentAct.REVOKED, captured_at=replied_at, scope=ConsentScope.ALL, **own)
    await driver.hear(claim, make.event(ReplyReviewed, recipient_id=driver.person(), replied_at=replied_at))
    assert only(await driver.verdict()) == [("blocked", "opted_out")]
    held = await driver.held()
    assert (held.review_since, held.standing.marketing.is_stopped) == (None, True)
    [entry] = [json.loads(row["canonical"]) for row in await driver.rows(ledger) if b'"revoked"' in row["canonical"]]
    assert (entry["actor"], entry["method"]) == ("recipient", "reply")


async def test_a_reply_that_was_understood_holds_nothing(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim(), driver.about(ReplyReceived))
    assert only(await driver.verdict()) == [("cleared", "ok")]


@pytest.mark.parametrize("purpose", [Purpose.MARKETING, Purpose.HELP])
async def test_a_closed_shop_sends_nothing(driver: ComplianceDriver, purpose: Purpose) -> None:
    closed = make.event(MerchantClosed)
    await driver.hear(driver.claim(), closed, closed)
    assert only(await driver.verdict(purpose=purpose, inbound_at=START)) == [("blocked", "merchant_closed")]
    (record,) = await driver.records()
    assert recompute(record, load_rules()) == record.verdict


async def test_a_closed_shop_whose_folder_is_gone_is_blocked_and_not_set_aside(driver: ComplianceDriver) -> None:
    await driver.hear(make.event(MerchantClosed, merchant_id="gone"))
    assert only(await driver.verdict(merchant_id="gone")) == [("blocked", "merchant_closed")]
    assert not await driver.parked()


@pytest.mark.parametrize(("now", "before"), [("+525512345678", "+5215512345678"), ("+5491123456789", "+541123456789")])
async def test_an_opt_out_under_a_former_spelling_of_a_number_holds(
    driver: ComplianceDriver, now: str, before: str
) -> None:
    await driver.hear(driver.claim(phone=now), driver.claim(ConsentAct.REVOKED, phone=before, scope=ConsentScope.ALL))
    verdict = await driver.verdict(phone=now)
    assert isinstance(verdict, FollowUpBlocked)
    assert verdict.reason == "opted_out"


async def test_compliance_reads_exactly_what_it_handles(driver: ComplianceDriver) -> None:
    """The source is made before the handlers; a type that only they know would never be read."""
    assert set(driver.service.events.kinds) == {kind.type for kind in consumer.KINDS}
