"""The sentences for shop owners: which clock and which rule they name."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.compliance.gate import wording
from services.compliance.gate.inputs import Consent, Policy, Recipient
from services.compliance.gate.setting import moment_of, setting_of
from services.compliance.gate.verdicts import Reason, RuleFinding, ZoneFinding
from shared.events.follow_up import Purpose
from shared.rule_files.loader import load_rules
from shared.rule_files.time_zones import zone
from shared.rules.numbers import facts_of
from shared.rules.table import RuleTable

AT = datetime(2026, 12, 1, 13, 30, tzinfo=UTC)
UNTIL = datetime(2026, 12, 1, 14, tzinfo=UTC)
OPEN_RULE = RuleFinding("US", "United States (federal)", "cite", "Mon-Sun 08:00-21:00", open=True)
CLOSED_RULE = RuleFinding("US-KY", "Kentucky", "cite", "Mon-Sun 10:00-21:00", open=False)
SKIPPED_RULE = RuleFinding("US-RI", "Rhode Island", "cite", "Mon-Fri 09:00-18:00", open=False, skipped="spared")


def clock(name: str, *, is_open: bool) -> ZoneFinding:
    return ZoneFinding(name, AT.astimezone(zone(name)), is_open, "area code 850")


NEW_YORK, CHICAGO, LOS_ANGELES = map(zone, ("America/New_York", "America/Chicago", "America/Los_Angeles"))
EASTERN, CENTRAL = clock("America/New_York", is_open=True), clock("America/Chicago", is_open=False)


def test_a_deferral_names_the_clock_and_the_rule_that_are_closed_wherever_they_stand() -> None:
    for zones in ((EASTERN, CENTRAL), (CENTRAL, EASTERN)):
        for rules in ((OPEN_RULE, CLOSED_RULE), (CLOSED_RULE, OPEN_RULE), (SKIPPED_RULE, CLOSED_RULE)):
            assert wording.waiting(Reason.QUIET_HOURS, UNTIL, rules, zones, CHICAGO) == (
                "It is Tue 07:30 in America/Chicago, outside the hours of Kentucky (Mon-Sun 10:00-21:00), "
                "so this text waits until Tue 01 Dec 08:00 America/Chicago time."
            )


def test_a_rule_that_stepped_back_is_never_the_cause() -> None:
    assert "outside the hours of the strictest rule, so" in wording.waiting(
        Reason.QUIET_HOURS, UNTIL, (SKIPPED_RULE, OPEN_RULE), (CENTRAL,), CHICAGO
    )


def test_a_holiday_is_named_with_its_calendar() -> None:
    assert wording.waiting(Reason.HOLIDAY, UNTIL, (CLOSED_RULE,), (CENTRAL,), CHICAGO) == (
        "It is Tue 07:30 in America/Chicago, a holiday by the rule of Kentucky, so this text waits until "
        "Tue 01 Dec 08:00 America/Chicago time."
    )


def test_a_waiting_text_names_the_moment_on_the_given_clock_and_in_utc_without_one() -> None:
    capped = "This person has had as many such texts as allowed, so this one waits until "
    said = [wording.waiting(Reason.FREQUENCY_CAP, UNTIL, (), (EASTERN,), clock) for clock in (NEW_YORK, LOS_ANGELES)]
    said.append(wording.waiting(Reason.FREQUENCY_CAP, UNTIL, (), (), None))
    assert said == [
        capped + "Tue 01 Dec 09:00 America/New_York time.",
        capped + "Tue 01 Dec 06:00 America/Los_Angeles time.",
        capped + "Tue 01 Dec 14:00 UTC.",
    ]
    closed = wording.waiting(Reason.QUIET_HOURS, UNTIL, (), (), None)
    assert closed.startswith("It is closed there, outside the hours of")


@pytest.mark.parametrize(
    ("now", "zone_name"),
    [
        ("2026-12-01T13:30:00+00:00", "America/Chicago"),  # 08:30 in New York, 07:30 in Chicago: the closed one
        ("2026-12-01T17:00:00+00:00", "America/New_York"),  # both are open: the first
        ("2026-12-01T10:00:00+00:00", "America/New_York"),  # both are closed: the first
    ],
)
def test_the_clock_of_a_moment_is_the_first_that_is_closed_else_the_first(now: str, zone_name: str) -> None:
    rules = load_rules()
    assert isinstance(rules, RuleTable)
    setting = setting_of(Purpose.MARKETING, Recipient(number=facts_of("+12125550123")), Consent(), rules, Policy())
    both = replace(setting, window=replace(setting.window, zones=(NEW_YORK, CHICAGO)))
    clock = moment_of(both, datetime.fromisoformat(now)).clock
    assert clock is not None
    assert clock.key == zone_name


def test_a_clearance_has_the_first_clock_and_an_answer_its_end() -> None:
    western = clock("America/Los_Angeles", is_open=True)
    assert wording.clear(UNTIL, (EASTERN, western)).startswith("It is Tue 08:30 in America/New_York and nothing stands")
    assert wording.clear(UNTIL, ()) == "This text answers the person and may go until 14:00:00 UTC."


def test_a_hold_is_listed_with_when_it_is_looked_at_again() -> None:
    assert wording.waiting(Reason.NEEDS_REVIEW, UNTIL, (), (EASTERN,), NEW_YORK) == (
        "A reply of this person waits for somebody to decide whether it is an opt-out, so this text is looked at again "
        "at Tue 01 Dec 09:00 America/New_York time."
    )


def test_a_text_that_waits_too_long_says_why_and_when_it_could_have_gone() -> None:
    assert wording.too_late(Reason.FREQUENCY_CAP, UNTIL, NEW_YORK) == (
        "This text cannot go now (this person has had as many such texts as allowed) and would be out of date by "
        "Tue 01 Dec 09:00 America/New_York time, so it is not sent."
    )
    assert wording.too_late(Reason.PARKED, None, None) == (
        "This text cannot go now (it has to wait) and finds no permitted time before it is too old, so it is not sent."
    )
    assert "today is a holiday there" in wording.too_late(Reason.HOLIDAY, None, None)


def test_every_reason_of_a_block_has_its_sentence() -> None:
    passing = {
        Reason.OK, Reason.AWAITING_CONSENT, Reason.NEEDS_REVIEW, Reason.PARKED, Reason.CONSENT_LAG, Reason.PAUSED,
        Reason.SOURCE_LAG, Reason.HOLIDAY, Reason.QUIET_HOURS, Reason.FREQUENCY_CAP, Reason.NEW_PEOPLE,
        Reason.ADJACENT_NUMBERS, Reason.SPEND_LIMIT,
    }  # fmt: skip
    said = [wording.lasting(reason) for reason in Reason if reason not in passing]
    assert len(set(said)) == len(said)
    assert all(sentence.endswith(".") for sentence in said)
