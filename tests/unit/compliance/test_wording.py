"""The sentences for shop owners: which clock and which rule they name."""

from datetime import UTC, datetime

from services.compliance.gate import wording
from services.compliance.gate.verdicts import Reason, RuleFinding, ZoneFinding
from shared.rules.time_zones import zone

AT = datetime(2026, 12, 1, 13, 30, tzinfo=UTC)
UNTIL = datetime(2026, 12, 1, 14, tzinfo=UTC)
OPEN_RULE = RuleFinding("US", "United States (federal)", "cite", "Mon-Sun 08:00-21:00", open=True)
CLOSED_RULE = RuleFinding("US-KY", "Kentucky", "cite", "Mon-Sun 10:00-21:00", open=False)
SKIPPED_RULE = RuleFinding("US-RI", "Rhode Island", "cite", "Mon-Fri 09:00-18:00", open=False, skipped="spared")


def clock(name: str, *, is_open: bool) -> ZoneFinding:
    return ZoneFinding(name, AT.astimezone(zone(name)), is_open, "area code 850")


EASTERN, CENTRAL = clock("America/New_York", is_open=True), clock("America/Chicago", is_open=False)


def test_a_deferral_names_the_clock_and_the_rule_that_are_closed_wherever_they_stand() -> None:
    for zones in ((EASTERN, CENTRAL), (CENTRAL, EASTERN)):
        for rules in ((OPEN_RULE, CLOSED_RULE), (CLOSED_RULE, OPEN_RULE), (SKIPPED_RULE, CLOSED_RULE)):
            assert wording.waiting(Reason.QUIET_HOURS, UNTIL, rules, zones) == (
                "It is Tue 07:30 in America/Chicago, outside the hours of Kentucky (Mon-Sun 10:00-21:00), "
                "so this text waits until Tue 01 Dec 08:00 America/Chicago time."
            )


def test_a_rule_that_stepped_back_is_never_the_cause() -> None:
    assert "outside the hours of the strictest rule, so" in wording.waiting(
        Reason.QUIET_HOURS, UNTIL, (SKIPPED_RULE, OPEN_RULE), (CENTRAL,)
    )


def test_a_holiday_is_told_with_whose_it_is() -> None:
    assert wording.waiting(Reason.HOLIDAY, UNTIL, (CLOSED_RULE,), (CENTRAL,)) == (
        "It is Tue 07:30 in America/Chicago, a holiday by the rule of Kentucky, so this text waits until "
        "Tue 01 Dec 08:00 America/Chicago time."
    )


def test_where_no_clock_is_closed_the_first_tells_the_time_and_without_any_clock_utc_does() -> None:
    western = clock("America/Los_Angeles", is_open=True)
    capped = "This person has had as many such texts as allowed, so this one waits until "
    said = [wording.waiting(Reason.FREQUENCY_CAP, UNTIL, (), zones) for zones in ((EASTERN, western), (western,), ())]
    assert said == [
        capped + "Tue 01 Dec 09:00 America/New_York time.",
        capped + "Tue 01 Dec 06:00 America/Los_Angeles time.",
        capped + "Tue 01 Dec 14:00 UTC.",
    ]
    assert wording.waiting(Reason.QUIET_HOURS, UNTIL, (), ()).startswith("It is closed there, outside the hours of")


def test_a_clearance_tells_the_first_clock_and_an_answer_its_end() -> None:
    western = clock("America/Los_Angeles", is_open=True)
    assert wording.clear(UNTIL, (EASTERN, western)).startswith("It is Tue 08:30 in America/New_York and nothing stands")
    assert wording.clear(UNTIL, ()) == "This text answers the person and may go until 14:00:00 UTC."


def test_a_hold_is_told_with_when_it_is_looked_at_again() -> None:
    assert wording.waiting(Reason.NEEDS_REVIEW, UNTIL, (), (EASTERN,)) == (
        "A reply of this person waits for somebody to decide whether it is an opt-out, so this text is looked at again "
        "at Tue 01 Dec 09:00 America/New_York time."
    )


def test_a_text_that_waits_too_long_is_told_why_and_when_it_could_have_gone() -> None:
    assert wording.too_late(Reason.FREQUENCY_CAP, UNTIL, (EASTERN,)) == (
        "This text cannot go now (this person has had as many such texts as allowed) and would be out of date by "
        "Tue 01 Dec 09:00 America/New_York time, so it is not sent."
    )
    assert wording.too_late(Reason.PARKED, None, ()) == (
        "This text cannot go now (it has to wait) and finds no permitted time before it is too old, so it is not sent."
    )
    assert "today is a holiday there" in wording.too_late(Reason.HOLIDAY, None, ())


def test_every_reason_of_a_block_has_its_sentence() -> None:
    passing = {
        Reason.OK, Reason.AWAITING_CONSENT, Reason.NEEDS_REVIEW, Reason.PARKED, Reason.CONSENT_LAG, Reason.PAUSED,
        Reason.SOURCE_LAG, Reason.HOLIDAY, Reason.QUIET_HOURS, Reason.FREQUENCY_CAP, Reason.NEW_PEOPLE,
        Reason.ADJACENT_NUMBERS, Reason.SPEND_LIMIT,
    }  # fmt: skip
    said = [wording.lasting(reason) for reason in Reason if reason not in passing]
    assert len(set(said)) == len(said)
    assert all(sentence.endswith(".") for sentence in said)
