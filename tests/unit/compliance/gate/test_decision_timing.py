"""The gate on time: hours, holidays, caps, waiting, clearances, profiles, holds and the evidence for them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import resources

import pytest

from services.compliance.gate.decision import decide
from services.compliance.gate.inputs import Consent, HistoryItem, JudgedText, PastKind, Policy, Recipient
from services.compliance.gate.verdicts import Block, Clear, Defer, Reason
from shared.events.follow_up import Purpose
from shared.rule_files.loader import load_rules, read_rules
from shared.rules.places import KnownPlace
from shared.rules.table import ConsentStatus, FrequencyCap, RuleTable
from shared.vocabulary.profiles import Profile
from tests.unit.compliance.gate.questions import HOUR, MINUTE, NIGHT, NOON, SECOND, TICK, WRITTEN, judge, person

FILES = ("quiet-hours.yaml", "area-codes.yaml", "places.yaml")
MORNING = datetime(2026, 12, 2, 13, tzinfo=UTC)  # 08:00 in New York
DAY = timedelta(days=1)


def sent(*ages: timedelta, now: datetime = NOON) -> tuple[HistoryItem, ...]:
    return tuple(HistoryItem(now - age, PastKind.MARKETING) for age in ages)


# ------------------------------------------------------------------ checks 9 to 11


def test_quiet_hours_defer_to_the_next_opening() -> None:
    verdict = judge(now=NIGHT)
    assert isinstance(verdict, Defer)
    assert (verdict.reason, verdict.until) == (Reason.QUIET_HOURS, MORNING)


def test_informational_texts_keep_our_window_in_every_candidate_zone() -> None:
    floridian = person("+18505550123")
    verdict = judge(Purpose.INFORMATIONAL, floridian, now=MORNING)
    assert isinstance(verdict, Defer)
    assert verdict.until == MORNING + HOUR
    assert isinstance(judge(Purpose.TRANSACTIONAL, floridian, now=NIGHT), Clear)


@pytest.mark.parametrize(
    ("now", "reason", "until"),
    [
        ("2027-07-05T14:00", Reason.HOLIDAY, "2027-07-06T13:00"),  # Monday 09:00 in Rhode Island, observed for Sunday
        ("2027-07-05T10:00", Reason.HOLIDAY, "2027-07-06T13:00"),  # 06:00 there: the holiday ends last
        ("2027-07-06T03:00", Reason.QUIET_HOURS, "2027-07-06T13:00"),  # 23:00 there: the night ends last
        ("2027-07-03T22:00", Reason.QUIET_HOURS, "2027-07-06T13:00"),  # Saturday 18:00, no holiday yet
    ],
)
def test_of_holiday_and_quiet_hours_the_one_that_ends_last_is_named(now: str, reason: Reason, until: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    verdict = judge(recipient=person("+14015550123"), now=moment)
    assert isinstance(verdict, Defer)
    assert (verdict.reason, verdict.until) == (reason, datetime.fromisoformat(until).replace(tzinfo=UTC))


def test_on_a_tie_the_holiday_is_named() -> None:
    files = [resources.files("shared.rule_files.data").joinpath(name).read_bytes() for name in FILES]
    files[0] = files[0].replace(b'"08:00", "22:00"', b'"00:00", "22:00"')
    late = datetime(2027, 7, 14, 20, 30, tzinfo=UTC)  # 22:30 in Paris: night and holiday both end at midnight
    message, recipient = JudgedText(Purpose.MARKETING, late), person("+33612345678")
    verdict = decide(message, recipient, WRITTEN, (), late, read_rules(*files), Policy())
    assert isinstance(verdict, Defer)
    assert (verdict.reason, verdict.until) == (Reason.HOLIDAY, late + HOUR * 1.5)


def test_the_fourth_marketing_text_of_a_day_waits_until_the_first_is_a_day_old() -> None:
    verdict = judge(history=sent(23 * HOUR, 2 * HOUR, HOUR))
    assert isinstance(verdict, Defer)
    assert (verdict.reason, verdict.until) == (Reason.FREQUENCY_CAP, NOON + HOUR)


def test_a_text_exactly_a_day_old_no_longer_counts() -> None:
    assert isinstance(judge(history=sent(24 * HOUR, 2 * HOUR, HOUR)), Clear)
    assert judge(history=sent(24 * HOUR - TICK, 2 * HOUR, HOUR)).reason is Reason.FREQUENCY_CAP


def test_only_marketing_counts_towards_the_cap_and_only_marketing_is_capped() -> None:
    other = tuple(replace(past, kind=PastKind.TRANSACTIONAL) for past in sent(HOUR, HOUR, HOUR))
    assert isinstance(judge(history=other), Clear)
    assert isinstance(judge(Purpose.INFORMATIONAL, history=sent(HOUR, HOUR, HOUR)), Clear)


def test_a_cap_that_frees_up_at_night_runs_on_into_the_morning() -> None:
    evening = datetime(2026, 12, 1, 23, tzinfo=UTC)
    verdict = judge(history=sent(20 * HOUR, HOUR, HOUR, now=evening), now=evening)
    assert isinstance(verdict, Defer)
    assert (verdict.reason, verdict.until) == (Reason.FREQUENCY_CAP, MORNING)


def test_quiet_hours_are_named_before_a_cap_and_the_cap_is_waited_out_too() -> None:
    verdict = judge(history=sent(HOUR, HOUR, HOUR, now=NIGHT), now=NIGHT)
    assert isinstance(verdict, Defer)
    # The three are a day old at 22:00 local time the next day, so the morning after that.
    assert (verdict.reason, verdict.until) == (Reason.QUIET_HOURS, MORNING + 24 * HOUR)


def test_colombia_allows_one_a_day() -> None:
    verdict = judge(recipient=person("+573001234567"), history=sent(HOUR))
    assert isinstance(verdict, Defer)
    assert (verdict.reason, verdict.until) == (Reason.FREQUENCY_CAP, NOON + 23 * HOUR)


def test_a_merchant_may_lower_a_cap_and_not_raise_it() -> None:
    lower, higher = Policy(marketing_caps=(FrequencyCap(1, 24),)), Policy(marketing_caps=(FrequencyCap(9, 24),))
    assert judge(history=sent(HOUR), policy=lower).reason is Reason.FREQUENCY_CAP
    assert judge(history=sent(HOUR, HOUR, HOUR), policy=higher).reason is Reason.FREQUENCY_CAP


def test_a_cap_rises_only_where_every_jurisdiction_is_named() -> None:
    history, floridian = sent(HOUR, HOUR, HOUR), person("+13055550123")
    some = Policy(marketing_caps=(FrequencyCap(9, 24),), allow_above_statutory=frozenset({"US-FL"}))
    every = replace(some, allow_above_statutory=frozenset({"US", "US-FL"}))
    assert judge(recipient=floridian, history=history, policy=some).reason is Reason.FREQUENCY_CAP
    assert isinstance(judge(recipient=floridian, history=history, policy=every), Clear)


def test_a_cap_of_nothing_blocks() -> None:
    assert judge(policy=Policy(marketing_caps=(FrequencyCap(0, 24),))).reason is Reason.MESSAGE_EXPIRED


def test_a_text_past_its_end_is_blocked_before_any_hour_is_looked_at() -> None:
    assert judge(expires_at=NOON).reason is Reason.MESSAGE_EXPIRED
    assert judge(expires_at=NIGHT - TICK, now=NIGHT).reason is Reason.MESSAGE_EXPIRED
    assert judge(expires_at=NOON, consent=Consent()).reason is Reason.NO_CONSENT
    assert judge(Purpose.TRANSACTIONAL, expires_at=NOON).reason is Reason.MESSAGE_EXPIRED


def test_a_deferral_that_would_outlive_the_text_is_a_block() -> None:
    assert judge(now=NIGHT, expires_at=MORNING).reason is Reason.MESSAGE_EXPIRED
    assert judge(now=NIGHT, expires_at=MORNING + TICK).reason is Reason.QUIET_HOURS


def test_waiting_is_counted_from_the_first_due_time() -> None:
    a_week = timedelta(hours=168)
    assert judge(now=NIGHT, first_due_at=MORNING - a_week).reason is Reason.QUIET_HOURS
    assert judge(now=NIGHT, first_due_at=MORNING - a_week - TICK).reason is Reason.MESSAGE_EXPIRED
    assert judge(now=NIGHT, policy=Policy(max_defer_hours=8)).reason is Reason.MESSAGE_EXPIRED
    assert isinstance(judge(first_due_at=NOON - 2 * a_week), Clear), "no deferral, no limit"


# ------------------------------------------------------------------ clearances


def test_a_clearance_lasts_ten_minutes_or_to_the_end_of_the_window_less_the_guard() -> None:
    closing = datetime(2026, 12, 2, 2, tzinfo=UTC)
    verdict = judge(now=NOON)
    assert isinstance(verdict, Clear)
    assert (verdict.valid_until, verdict.window_closes_at) == (NOON + 10 * MINUTE, closing)
    late = judge(now=closing - 5 * MINUTE, policy=Policy(close_guard_seconds=60))
    assert isinstance(late, Clear)
    assert (late.valid_until, late.window_closes_at) == (closing - MINUTE, closing - MINUTE)
    assert judge(now=closing - MINUTE, policy=Policy(close_guard_seconds=60)).reason is Reason.QUIET_HOURS


def test_a_clearance_never_outlives_the_text() -> None:
    verdict = judge(expires_at=NOON + MINUTE)
    assert isinstance(verdict, Clear)
    assert verdict.valid_until == NOON + MINUTE


def test_a_text_without_quiet_hours_has_no_window_to_close() -> None:
    verdict = judge(Purpose.TRANSACTIONAL, now=NIGHT)
    assert isinstance(verdict, Clear)
    assert verdict.window_closes_at is None


def test_a_live_policy_has_a_guard_of_a_minute_at_least() -> None:
    assert Policy().in_service().close_guard_seconds == 60
    assert Policy(close_guard_seconds=300).in_service().close_guard_seconds == 300


# ------------------------------------------------------------------ profiles and holds


def test_the_strict_profile_does_not_spare_people_with_written_consent() -> None:
    washington = person("+12065550123")
    after_eight = datetime(2026, 12, 2, 4, 30, tzinfo=UTC)  # 20:30 in Seattle, where the state stops at 20:00
    assert judge(recipient=washington, now=after_eight).reason is Reason.QUIET_HOURS
    aware = judge(recipient=washington, now=after_eight, policy=Policy(profile=Profile.CONSENT_AWARE))
    assert isinstance(aware, Clear)
    assert {rule.id: rule.skipped is not None for rule in aware.evidence.rules} == {"US": False, "US-WA": True}


def test_with_every_row_skipped_the_federal_window_stays() -> None:
    at_night = judge(recipient=person("+12035550123"), now=NIGHT, policy=Policy(profile=Profile.CONSENT_AWARE))
    assert isinstance(at_night, Defer)
    assert at_night.until == MORNING, "Connecticut's own 09:00 steps back, the federal 08:00 does not"


def test_the_consent_aware_profile_keeps_rules_that_do_not_spare_consenting_people() -> None:
    after_eight = datetime(2026, 12, 2, 1, 30, tzinfo=UTC)  # 20:30 in Miami, where the state stops at 20:00
    verdict = judge(recipient=person("+13055550123"), now=after_eight, policy=Policy(profile=Profile.CONSENT_AWARE))
    assert verdict.reason is Reason.QUIET_HOURS


def test_the_consent_aware_profile_exempts_only_written_consent() -> None:
    policy = Policy(profile=Profile.CONSENT_AWARE)
    african = person("+27821234567")
    sunday = datetime(2026, 12, 6, 10, tzinfo=UTC)
    express = Consent(ConsentStatus.EXPRESS)
    assert judge(recipient=african, consent=express, now=sunday, policy=policy).reason is Reason.QUIET_HOURS
    assert isinstance(judge(recipient=african, now=sunday, policy=policy), Clear)


@pytest.mark.parametrize(
    ("held", "reason", "again"),
    [
        (person(needs_review=True), Reason.NEEDS_REVIEW, HOUR),
        (person(parked=True), Reason.PARKED, 5 * MINUTE),
        (person(consent_lag=True), Reason.CONSENT_LAG, 30 * SECOND),
        (person(source_lag=True), Reason.SOURCE_LAG, 30 * SECOND),
    ],
)
def test_marketing_is_held_back_and_service_is_not(held: Recipient, reason: Reason, again: timedelta) -> None:
    verdict = judge(recipient=held)
    assert isinstance(verdict, Defer)
    assert (verdict.reason, verdict.until) == (reason, NOON + again)
    assert isinstance(judge(Purpose.INFORMATIONAL, held), Clear)
    assert judge(recipient=held, consent=Consent()).reason is Reason.NO_CONSENT


def test_a_hold_ends_inside_the_window() -> None:
    evening = datetime(2026, 12, 2, 1, 30, tzinfo=UTC)  # 20:30: an hour later is night
    verdict = judge(recipient=person(needs_review=True), now=evening)
    assert isinstance(verdict, Defer)
    assert verdict.until == MORNING


def test_a_text_waits_a_minute_at_most_for_the_consent_of_its_own_checkout() -> None:
    waiting, nothing = person(awaiting_consent=True), Consent()
    verdict = judge(recipient=waiting, consent=nothing, now=NOON + 59 * SECOND, first_due_at=NOON)
    assert isinstance(verdict, Defer)
    assert (verdict.reason, verdict.until) == (Reason.AWAITING_CONSENT, NOON + 64 * SECOND)
    assert judge(recipient=waiting, consent=nothing, now=NOON + MINUTE, first_due_at=NOON).reason is Reason.NO_CONSENT


@pytest.mark.parametrize("late", ["consent_lag", "source_lag", "parked"])
@pytest.mark.parametrize("purpose", [Purpose.MARKETING, Purpose.TRANSACTIONAL])
def test_a_consent_that_may_be_among_news_not_heard_yet_is_not_judged_missing(purpose: Purpose, late: str) -> None:
    late_news = {"awaiting_consent": True, late: True}
    waiting, nothing = replace(person(), **late_news), Consent()  # type: ignore[arg-type]  # the parameters name real fields
    for now in (NOON, NOON + MINUTE, NOON + 2 * HOUR):
        verdict = judge(purpose, waiting, nothing, now=now, first_due_at=NOON)
        assert isinstance(verdict, Defer)
        assert verdict.reason is Reason.AWAITING_CONSENT
    heard = person(awaiting_consent=True)
    assert judge(purpose, heard, nothing, now=NOON + 2 * HOUR, first_due_at=NOON).reason is Reason.NO_CONSENT


def test_news_that_never_comes_keeps_a_text_no_longer_than_it_may_be_deferred() -> None:
    rules = load_rules()
    assert isinstance(rules, RuleTable)
    waiting, last_hour = person(awaiting_consent=True, source_lag=True), NOON + rules.max_defer_hours * HOUR
    last = judge(recipient=waiting, consent=Consent(), now=last_hour, first_due_at=NOON)
    assert last.reason is Reason.NO_CONSENT


def test_an_answer_waits_for_late_news_no_longer_than_it_is_an_answer() -> None:
    waiting = person(awaiting_consent=True, source_lag=True)
    ask = partial(judge, Purpose.OPT_OUT_CONFIRMATION, waiting, Consent(), first_due_at=NOON)
    assert ask(now=NOON + 4 * MINUTE).reason is Reason.AWAITING_CONSENT
    assert ask(now=NOON + 5 * MINUTE).reason is Reason.NO_RECENT_INBOUND


# ------------------------------------------------------------------ evidence


def test_every_verdict_on_a_known_place_names_rules_clocks_and_a_sentence() -> None:
    for verdict in (judge(), judge(now=NIGHT), judge(consent=Consent())):
        assert [rule.id for rule in verdict.evidence.rules] == ["US", "US-NY"]
        assert [found.zone for found in verdict.evidence.zones] == ["America/New_York"]
        assert verdict.evidence.explanation.endswith(".")


def test_local_time_is_the_persons() -> None:
    (found,) = judge(now=NIGHT).evidence.zones
    assert (found.local_time.hour, found.open) == (23, False)


def test_an_unusable_zone_is_reported() -> None:
    assert judge(recipient=person(known=KnownPlace(time_zone="Mars/Phobos"))).evidence.ignored == ("time_zone",)


@pytest.mark.parametrize("purpose", [Purpose.MARKETING, Purpose.TRANSACTIONAL, Purpose.HELP])
def test_a_number_of_no_country_is_refused_whatever_the_purpose(purpose: Purpose) -> None:
    assert judge(purpose, person("+881612345678")).reason is Reason.UNSUPPORTED_NUMBER_TYPE


# ------------------------------------------------------------------ pauses


def test_a_pause_defers_marketing_to_its_end() -> None:
    verdict = judge(recipient=person(paused_until=NOON + HOUR), now=NOON)
    assert isinstance(verdict, Defer)
    assert (verdict.reason, verdict.until) == (Reason.PAUSED, NOON + HOUR)


def test_a_pause_that_ends_at_night_runs_on_into_the_morning_and_is_named_first() -> None:
    verdict = judge(recipient=person(paused_until=NIGHT + HOUR), now=NIGHT)
    assert isinstance(verdict, Defer)
    assert (verdict.reason, verdict.until) == (Reason.PAUSED, MORNING)


@pytest.mark.parametrize("ended", [timedelta(), SECOND, DAY])
def test_a_pause_that_is_over_holds_nothing(ended: timedelta) -> None:
    assert isinstance(judge(recipient=person(paused_until=NOON - ended), now=NOON), Clear)


def test_a_pause_holds_marketing_only() -> None:
    paused = person(paused_until=NOON + HOUR)
    for purpose in (Purpose.INFORMATIONAL, Purpose.TRANSACTIONAL):
        assert isinstance(judge(purpose, recipient=paused, now=NOON), Clear)


def test_a_pause_longer_than_a_text_may_wait_blocks_it() -> None:
    verdict = judge(recipient=person(paused_until=NOON + 8 * DAY), now=NOON)
    assert verdict.reason is Reason.MESSAGE_EXPIRED
    assert "asked for a pause" in verdict.evidence.explanation


def test_the_number_of_a_shipping_address_gets_no_marketing_and_every_other_text() -> None:
    gift = person(is_of_shipping=True)
    verdict = judge(recipient=gift, now=NOON)
    assert isinstance(verdict, Block)
    assert verdict.reason is Reason.CONSENT_INSUFFICIENT
    assert "shipping address" in verdict.evidence.explanation
    assert isinstance(judge(Purpose.TRANSACTIONAL, recipient=gift, now=NOON), Clear)
