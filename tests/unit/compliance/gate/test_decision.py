"""The gate row by row: each reason, and which comes first when several hold."""

from datetime import timedelta

import pytest

from services.compliance.gate.inputs import (
    Consent,
    HistoryItem,
    LineType,
    PastKind,
    Policy,
    Recipient,
)
from services.compliance.gate.verdicts import Block, Clear, Reason, Verdict
from shared.events.consent import SuppressionCause
from shared.events.follow_up import Purpose
from shared.rules.places import KnownPlace
from shared.rules.table import ConsentStatus
from tests.unit.compliance.gate.questions import HOUR, MINUTE, NIGHT, NOON, SECOND, TICK, judge, person


def test_texts_that_share_a_moment_share_nothing_of_what_is_said_of_each() -> None:
    capped = tuple(HistoryItem(NOON - hour * HOUR, PastKind.MARKETING) for hour in (1, 2, 3))
    held = person(needs_review=True)
    judged = {
        "cleared": judge(),
        "cleared, but not for long": judge(expires_at=NOON + MINUTE),
        "capped": judge(history=capped),
        "capped until later": judge(history=(HistoryItem(NOON, PastKind.MARKETING), *capped[:2])),
        "held": judge(recipient=held),
        "without consent": judge(consent=Consent(ConsentStatus.NONE)),
        "opted out": judge(consent=Consent(ConsentStatus.REVOKED)),
    }
    assert judged["cleared"].evidence is judge().evidence  # the same was said, in the same words
    assert judged["cleared"] != judged["cleared, but not for long"]
    sentences = [verdict.evidence.explanation for verdict in judged.values()]
    assert len(set(sentences)) == len(sentences) - 1  # of the two that were cleared
    assert {verdict.evidence.rules for verdict in judged.values()} == {judged["cleared"].evidence.rules}


# ------------------------------------------------------------------ checks 1 to 3


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize(
    ("recipient", "reason"),
    [
        (person("+10125550123"), Reason.INVALID_NUMBER),
        (person("nonsense"), Reason.INVALID_NUMBER),
        (person("+18005550123"), Reason.UNSUPPORTED_NUMBER_TYPE),
        (person("+18885550123"), Reason.UNSUPPORTED_NUMBER_TYPE),
        (person("+19005550123"), Reason.UNSUPPORTED_NUMBER_TYPE),
        (person(line=LineType.LANDLINE), Reason.UNSUPPORTED_NUMBER_TYPE),
        (person(suppressed=True), Reason.SUPPRESSED_NUMBER),
        (person(suppression=SuppressionCause.REASSIGNED), Reason.SUPPRESSED_NUMBER),
        (person(suppression=SuppressionCause.ERASED), Reason.SUPPRESSED_NUMBER),
    ],
)
def test_no_class_of_text_passes_the_first_three_checks(purpose: Purpose, recipient: Recipient, reason: Reason) -> None:
    asked = (HistoryItem(NOON, PastKind.INBOUND_HELP),)
    verdict = judge(purpose, recipient, Consent(ConsentStatus.REVOKED, revoked_at=NOON), asked)
    assert isinstance(verdict, Block)
    assert verdict.reason is reason


def test_an_invalid_number_is_named_before_a_suppression() -> None:
    assert judge(recipient=person("+10125550123", suppressed=True)).reason is Reason.INVALID_NUMBER
    assert judge(recipient=person("+18005550123", suppressed=True)).reason is Reason.UNSUPPORTED_NUMBER_TYPE


def test_an_unknown_class_is_blocked() -> None:
    assert judge(None).reason is Reason.UNKNOWN_CLASS


# ------------------------------------------------------------------ checks 4 and 5


def confirmation(age: timedelta, *history: HistoryItem, status: ConsentStatus = ConsentStatus.REVOKED) -> Verdict:
    return judge(Purpose.OPT_OUT_CONFIRMATION, consent=Consent(status, revoked_at=NOON - age), history=history)


@pytest.mark.parametrize("age", [timedelta(), SECOND, 300 * SECOND])
def test_an_opt_out_is_confirmed_within_five_minutes(age: timedelta) -> None:
    assert isinstance(confirmation(age), Clear)


def test_an_opt_out_is_confirmed_at_night_too() -> None:
    consent = Consent(ConsentStatus.REVOKED, revoked_at=NIGHT)
    assert isinstance(judge(Purpose.OPT_OUT_CONFIRMATION, consent=consent, now=NIGHT), Clear)


def test_an_opt_out_is_not_confirmed_after_five_minutes() -> None:
    assert confirmation(300 * SECOND + TICK).reason is Reason.CONFIRMATION_EXPIRED


def test_an_opt_out_of_the_future_or_of_no_time_is_not_confirmed() -> None:
    assert confirmation(-SECOND).reason is Reason.NO_RECENT_INBOUND
    undated = judge(Purpose.OPT_OUT_CONFIRMATION, consent=Consent(ConsentStatus.REVOKED))
    assert undated.reason is Reason.NO_RECENT_INBOUND


def test_an_opt_out_is_confirmed_once() -> None:
    again = HistoryItem(NOON - MINUTE, PastKind.OPT_OUT_CONFIRMATION)
    assert confirmation(2 * MINUTE, again).reason is Reason.CONFIRMATION_ALREADY_SENT
    assert isinstance(confirmation(MINUTE / 2, again), Clear), "that one confirmed an earlier opt-out"


def stop_again(first: timedelta, *history: HistoryItem) -> Verdict:
    """Return the verdict on confirming a STOP of a minute ago by somebody who first withdrew `first` ago."""
    consent = Consent(ConsentStatus.REVOKED, revoked_at=NOON - MINUTE, revoked_since=NOON - first)
    return judge(Purpose.OPT_OUT_CONFIRMATION, consent=consent, history=history)


def test_a_stop_said_again_is_not_confirmed_again() -> None:
    for age in (HOUR, 2 * MINUTE):
        confirmed = HistoryItem(NOON - age, PastKind.OPT_OUT_CONFIRMATION)
        assert stop_again(HOUR, confirmed).reason is Reason.CONFIRMATION_ALREADY_SENT


def test_a_stop_after_an_opt_out_that_no_text_confirmed_is_confirmed_once() -> None:
    earlier = HistoryItem(NOON - HOUR - TICK, PastKind.OPT_OUT_CONFIRMATION)
    first = stop_again(HOUR, earlier)
    assert isinstance(first, Clear)
    assert first.valid_until == NOON + 4 * MINUTE
    assert stop_again(HOUR, HistoryItem(NOON, PastKind.OPT_OUT_CONFIRMATION)).reason is Reason.CONFIRMATION_ALREADY_SENT


def test_a_first_withdrawal_that_is_said_to_follow_the_newest_widens_nothing() -> None:
    confirmed = HistoryItem(NOON - MINUTE, PastKind.OPT_OUT_CONFIRMATION)
    assert stop_again(timedelta(), confirmed).reason is Reason.CONFIRMATION_ALREADY_SENT


def test_only_a_withdrawal_that_no_later_grant_overturned_is_one() -> None:
    assert Consent(ConsentStatus.PEWC).is_revoked() is False
    assert Consent(ConsentStatus.PEWC, captured_at=NOON, revoked_at=NOON - TICK).is_revoked() is False
    assert Consent(ConsentStatus.PEWC, captured_at=NOON, revoked_at=NOON).is_revoked() is True
    assert Consent(ConsentStatus.PEWC, revoked_at=NOON).is_revoked() is True
    assert Consent(ConsentStatus.REVOKED).is_revoked() is True


def test_a_withdrawn_opt_out_is_not_confirmed() -> None:
    consent = Consent(ConsentStatus.PEWC, captured_at=NOON, revoked_at=NOON - MINUTE)
    assert judge(Purpose.OPT_OUT_CONFIRMATION, consent=consent).reason is Reason.NO_RECENT_INBOUND


def help_after(age: timedelta, *history: HistoryItem) -> Verdict:
    asked = HistoryItem(NOON - age, PastKind.INBOUND_HELP)
    return judge(Purpose.HELP, consent=Consent(ConsentStatus.NONE), history=(asked, *history))


def test_help_is_answered_within_five_minutes_without_any_consent() -> None:
    assert isinstance(help_after(300 * SECOND), Clear)
    assert help_after(300 * SECOND + TICK).reason is Reason.NO_RECENT_INBOUND


def test_help_is_answered_once_for_each_request() -> None:
    answered = HistoryItem(NOON - MINUTE, PastKind.HELP)
    assert help_after(2 * MINUTE, answered).reason is Reason.NO_RECENT_INBOUND
    assert isinstance(help_after(MINUTE / 2, answered), Clear)


def test_an_answer_at_the_instant_of_the_request_is_its_answer() -> None:
    assert help_after(MINUTE, HistoryItem(NOON - MINUTE, PastKind.HELP)).reason is Reason.NO_RECENT_INBOUND


def test_help_without_a_request_is_blocked() -> None:
    assert judge(Purpose.HELP).reason is Reason.NO_RECENT_INBOUND


def test_an_answer_is_clear_no_longer_than_its_five_minutes() -> None:
    verdict = help_after(4 * MINUTE)
    assert isinstance(verdict, Clear)
    assert verdict.valid_until == NOON + MINUTE


def test_an_answer_past_its_own_end_is_blocked() -> None:
    asked = (HistoryItem(NOON, PastKind.INBOUND_HELP),)
    assert judge(Purpose.HELP, history=asked, expires_at=NOON).reason is Reason.MESSAGE_EXPIRED


# ------------------------------------------------------------------ checks 6 to 8


@pytest.mark.parametrize("purpose", [Purpose.MARKETING, Purpose.INFORMATIONAL, Purpose.TRANSACTIONAL])
@pytest.mark.parametrize(
    "consent",
    [
        Consent(ConsentStatus.REVOKED),
        Consent(ConsentStatus.PEWC, revoked_at=NOON - HOUR),
        Consent(ConsentStatus.PEWC, captured_at=NOON - 2 * HOUR, revoked_at=NOON - HOUR),
        Consent(ConsentStatus.PEWC, captured_at=NOON - HOUR, revoked_at=NOON - HOUR),
    ],
)
def test_an_opt_out_stops_every_class_that_is_no_answer(purpose: Purpose, consent: Consent) -> None:
    assert judge(purpose, consent=consent).reason is Reason.OPTED_OUT


def test_an_opt_out_suppression_stops_like_a_revocation() -> None:
    assert judge(recipient=person(suppression=SuppressionCause.OPT_OUT)).reason is Reason.OPTED_OUT


def test_a_grant_after_the_opt_out_counts() -> None:
    renewed = Consent(ConsentStatus.PEWC, captured_at=NOON - HOUR, revoked_at=NOON - 2 * HOUR)
    assert isinstance(judge(consent=renewed), Clear)


@pytest.mark.parametrize("number", ["+905321234567", "+84912345678"])
def test_marketing_to_a_prohibited_destination_is_blocked_and_service_is_not(number: str) -> None:
    nothing = Consent(ConsentStatus.NONE)
    assert judge(recipient=person(number), consent=nothing).reason is Reason.DESTINATION_PROHIBITED
    assert isinstance(judge(Purpose.TRANSACTIONAL, person(number)), Clear)


def test_a_declared_emergency_bars_marketing_to_its_state() -> None:
    policy = Policy(emergency_blocks=frozenset({"US-LA"}))
    assert judge(recipient=person("+15045550123"), policy=policy).reason is Reason.DESTINATION_PROHIBITED
    assert isinstance(judge(policy=policy), Clear)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (ConsentStatus.NONE, Reason.NO_CONSENT),
        (ConsentStatus.UNKNOWN, Reason.NO_CONSENT),
        (ConsentStatus.PENDING, Reason.CONSENT_PENDING),
        (ConsentStatus.EXPIRED, Reason.CONSENT_EXPIRED),
        (ConsentStatus.EXPRESS, Reason.CONSENT_INSUFFICIENT),
        (ConsentStatus.IMPLIED, Reason.CONSENT_INSUFFICIENT),
        (ConsentStatus.SOFT_OPT_IN, Reason.CONSENT_INSUFFICIENT),
        (ConsentStatus.CONTRACT, Reason.CONSENT_INSUFFICIENT),
    ],
)
def test_marketing_to_an_american_number_needs_written_consent(status: ConsentStatus, reason: Reason) -> None:
    assert judge(consent=Consent(status)).reason is reason


@pytest.mark.parametrize(
    ("number", "status", "accepted"),
    [
        ("+14165550123", ConsentStatus.EXPRESS, True),
        ("+14165550123", ConsentStatus.SOFT_OPT_IN, False),
        ("+447700900123", ConsentStatus.SOFT_OPT_IN, True),
        ("+447700900123", ConsentStatus.IMPLIED, False),
        ("+447911123456", ConsentStatus.SOFT_OPT_IN, True),  # Guernsey, under the law of GB
        ("+4915112345678", ConsentStatus.SOFT_OPT_IN, False),  # Germany: section 7(3) UWG is not relied on
        ("+4915112345678", ConsentStatus.EXPRESS, True),
        ("+17875550123", ConsentStatus.EXPRESS, False),  # Puerto Rico, under the law of the US
        ("+819012345678", ConsentStatus.EXPRESS, True),
    ],
)
def test_each_country_says_which_consent_suffices(number: str, status: ConsentStatus, accepted: bool) -> None:  # noqa: FBT001 - a table
    verdict = judge(recipient=person(number), consent=Consent(status))
    assert (verdict.reason is not Reason.CONSENT_INSUFFICIENT) is accepted


def test_implied_consent_needs_an_end() -> None:
    canadian = person("+14165550123")
    assert judge(recipient=canadian, consent=Consent(ConsentStatus.IMPLIED)).reason is Reason.CONSENT_INSUFFICIENT
    ending = Consent(ConsentStatus.IMPLIED, expires_at=NOON + HOUR)
    assert isinstance(judge(recipient=canadian, consent=ending), Clear)


def test_consent_must_satisfy_the_numbers_country_and_the_persons() -> None:
    express = Consent(ConsentStatus.EXPRESS)
    abroad = person("+14165550123", known=KnownPlace(country="US"))
    assert judge(recipient=abroad, consent=express).reason is Reason.CONSENT_INSUFFICIENT
    assert isinstance(judge(recipient=abroad), Clear)


def test_consent_ends_at_its_end_and_not_before() -> None:
    assert judge(consent=Consent(ConsentStatus.PEWC, expires_at=NOON)).reason is Reason.CONSENT_EXPIRED
    verdict = judge(consent=Consent(ConsentStatus.PEWC, expires_at=NOON + SECOND))
    assert isinstance(verdict, Clear)
    assert verdict.valid_until == NOON + SECOND


@pytest.mark.parametrize("purpose", [Purpose.INFORMATIONAL, Purpose.TRANSACTIONAL])
@pytest.mark.parametrize("status", [ConsentStatus.CONTRACT, ConsentStatus.EXPRESS, ConsentStatus.IMPLIED])
def test_service_texts_need_no_written_consent_but_some(purpose: Purpose, status: ConsentStatus) -> None:
    assert isinstance(judge(purpose, consent=Consent(status)), Clear)
    assert judge(purpose, consent=Consent(ConsentStatus.NONE)).reason is Reason.NO_CONSENT
