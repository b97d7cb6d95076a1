"""Twenty-six faults put into the gate, one at a time: each must make engine and oracle differ in a few hundred cases.

A fault replaces one piece of the engine, as a typing mistake would. The cases are the first of those that
`test_random_cases` asks on every run, so what is seen here is seen there, and a fault that goes unseen is a hole in the
comparison, not bad luck.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.compliance.caps import frequency
from services.compliance.gate import decision, setting
from services.compliance.gate.inputs import Consent
from services.compliance.gate.verdicts import Reason
from shared.rules import holiday_calendars, numbers, places, quiet_hours, zones
from shared.rules.holiday_calendars import Fixed, Observed
from shared.rules.table import ConsentStatus, FrequencyCap
from tests.oracle.cases import question
from tests.oracle.engine import answer
from tests.oracle.gate_oracle import Answer, judge
from tests.oracle.test_random_cases import BLOCK, BLOCKS

SEEDS = range(4_000)
Fault = Callable[[pytest.MonkeyPatch], None]


@cache
def expected() -> tuple[tuple[dict[str, Any], Answer], ...]:
    """Return the cases with the oracle's answers, which no fault can change."""
    return tuple((asked, judge(asked)) for asked in map(question, SEEDS))


def forget() -> None:
    """Drop whatever the engine remembers of earlier answers."""
    cached = (
        places.jurisdiction_of,
        zones.clocks_of,
        setting._setting,
        quiet_hours.openings,
        quiet_hours._rule_intervals,
        quiet_hours._local_day,
        holiday_calendars.holidays_in,
    )
    for each in cached:
        each.cache_clear()


def first_difference() -> int | None:
    """Return the number of the first case in which engine and oracle differ."""
    for number, (asked, wanted) in enumerate(expected()):
        if answer(asked) != wanted:
            return number
    return None


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    forget()
    yield
    forget()


def closing_is_inside(patch: pytest.MonkeyPatch) -> None:
    """21:00:00 is allowed."""
    edge = quiet_hours._edge

    def later(day: date, minutes: int, zone: ZoneInfo, *, opens: bool) -> int:
        return edge(day, minutes, zone, opens=opens) + (0 if opens else 1)

    patch.setattr(quiet_hours, "_edge", later)


def opening_is_outside(patch: pytest.MonkeyPatch) -> None:
    """08:00:00 is not allowed."""
    edge = quiet_hours._edge

    def later(day: date, minutes: int, zone: ZoneInfo, *, opens: bool) -> int:
        return edge(day, minutes, zone, opens=opens) + (1 if opens else 0)

    patch.setattr(quiet_hours, "_edge", later)


def one_zone_is_enough(patch: pytest.MonkeyPatch) -> None:
    """Only the first candidate zone is looked at."""
    clocks = zones.clocks_of.__wrapped__

    def first(*arguments: Any, moved: bool) -> Any:
        found = clocks(*arguments, moved=moved)
        return replace(found, zones=found.zones[:1])

    patch.setattr(setting, "clocks_of", first)


def states_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Only the rows of countries apply."""
    rules = places.rules_of
    patch.setattr(setting, "rules_of", lambda *all_: tuple(row for row in rules(*all_) if row.subdivision is None))


def only_the_address_counts(patch: pytest.MonkeyPatch) -> None:
    """The law of the area code's state does not apply to a person who lives elsewhere."""
    known: Any = places.Jurisdiction.regions
    regions = known.fget
    patch.setattr(places.Jurisdiction, "regions", property(lambda self: regions(self)[1:] or regions(self)))


def a_moved_number_stays_home(patch: pytest.MonkeyPatch) -> None:
    """A ported or VoIP number is taken to be where its area code is."""
    clocks = zones.clocks_of.__wrapped__
    patch.setattr(setting, "clocks_of", lambda *all_, **_moved: clocks(*all_, moved=False))


def the_guard_is_ignored(patch: pytest.MonkeyPatch) -> None:
    """The window ends when the law says, whatever the guard."""
    openings = quiet_hours.openings.__wrapped__
    patch.setattr(
        quiet_hours, "openings", lambda rules, names, day, _guard, aspect: openings(rules, names, day, 0, aspect)
    )


def holidays_are_working_days(patch: pytest.MonkeyPatch) -> None:
    """No day is a holiday."""
    patch.setattr(quiet_hours, "is_holiday", lambda _calendar, _day: False)


def holidays_are_read_in_utc(patch: pytest.MonkeyPatch) -> None:
    """A holiday is looked up a day late, as it would be on the wrong side of midnight."""
    is_holiday = holiday_calendars.is_holiday
    patch.setattr(quiet_hours, "is_holiday", lambda calendar, day: is_holiday(calendar, day - timedelta(days=1)))


def observed_days_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A holiday on a Sunday does not block the Monday."""
    fixed = holiday_calendars._fixed

    def plain(rule: Fixed, day: date) -> tuple[date, ...]:
        return fixed(replace(rule, observed=Observed.NONE), day)

    patch.setattr(holiday_calendars, "_fixed", plain)


def easter_is_a_week_late(patch: pytest.MonkeyPatch) -> None:
    """Easter is computed wrongly."""
    easter = holiday_calendars.easter
    patch.setattr(holiday_calendars, "easter", lambda year: easter(year) + timedelta(days=7))


def a_cap_is_one_too_many(patch: pytest.MonkeyPatch) -> None:
    """Four a day are let through where three are allowed."""
    caps = frequency.applicable_caps
    patch.setattr(
        decision,
        "applicable_caps",
        lambda *all_: tuple(FrequencyCap(cap.maximum + 1, cap.hours) for cap in caps(*all_)),
    )


def every_text_counts(patch: pytest.MonkeyPatch) -> None:
    """Receipts and order notices count towards the marketing cap."""
    patch.setattr(
        decision, "text_times", lambda history, _purpose: tuple(sorted((past.at for past in history), reverse=True))
    )


def a_text_counts_a_moment_too_long(patch: pytest.MonkeyPatch) -> None:
    """A text exactly 24 hours old still counts."""
    room = frequency.next_room

    def later(caps: Any, sent: Any, at: datetime) -> datetime | None:
        return room(caps, [moment + timedelta(microseconds=1) for moment in sent], at)

    patch.setattr(decision, "next_room", later)


def an_old_grant_beats_an_opt_out(patch: pytest.MonkeyPatch) -> None:
    """A withdrawal counts only where the status says so."""
    patch.setattr(Consent, "is_revoked", lambda self: self.status is ConsentStatus.REVOKED)


def pending_is_consent(patch: pytest.MonkeyPatch) -> None:
    """A double opt-in without an answer is enough."""
    shortfall = decision.shortfall

    def lenient(*arguments: Any) -> Reason | None:
        found = shortfall(*arguments)
        return None if found is Reason.CONSENT_PENDING else found

    patch.setattr(decision, "shortfall", lenient)


def one_country_is_enough(patch: pytest.MonkeyPatch) -> None:
    """The consent must satisfy the law of the number's country alone."""
    shortfall = decision.shortfall
    patch.setattr(
        decision, "shortfall", lambda found, purpose, countries, *rest: shortfall(found, purpose, countries[:1], *rest)
    )


def expired_consent_lives_on(patch: pytest.MonkeyPatch) -> None:
    """The end of a consent is not looked at."""
    shortfall = decision.shortfall
    patch.setattr(decision, "shortfall", lambda found, *rest: shortfall(replace(found, expires_at=None), *rest))


def help_is_answered_for_ever(patch: pytest.MonkeyPatch) -> None:
    """An answer may be as old as a day."""
    request: Any = decision.answer_request
    patch.setattr(decision, "answer_request", lambda *all_: request(*all_[:-1], timedelta(days=1)))


def every_stop_is_confirmed(patch: pytest.MonkeyPatch) -> None:
    """Every repeated STOP is confirmed again."""
    request: Any = decision.answer_request
    patch.setattr(
        decision,
        "answer_request",
        lambda purpose, found, *rest: request(purpose, replace(found, revoked_since=None), *rest),
    )


def toll_free_numbers_are_texted(patch: pytest.MonkeyPatch) -> None:
    """800 and 900 are area codes like any other."""
    facts = numbers.facts_of

    def elsewhere(raw: str) -> Any:
        found = facts(raw)
        return replace(found, area_code="212") if found.area_code in {"800", "900"} else found

    patch.setattr(numbers, "facts_of", elsewhere)


def everyone_is_spared(patch: pytest.MonkeyPatch) -> None:
    """The strict profile listens to exemptions for consent, as only the other one may."""
    patch.setattr(setting, "Profile", type("Profile", (), {"CONSENT_AWARE": "strict"}))


def any_clearance_will_do(patch: pytest.MonkeyPatch) -> None:
    """A text is cleared a second before its hours, its end or its consent end."""
    patch.setattr(decision._Case, "least", property(lambda _self: timedelta()))


def what_closes_soon_is_open(patch: pytest.MonkeyPatch) -> None:
    """Only ends count, not the hours: nine at night is cleared at a second to nine."""
    patch.setattr(decision._Case, "is_closed", property(lambda self: not self.moment.is_open))


def a_short_opening_is_one(patch: pytest.MonkeyPatch) -> None:
    """A text is put off to an opening that ends before it can be on its way."""
    patch.setattr(decision._Case, "opening", lambda self, at: self.setting.window.next_opening(at, self.last_deferral))


def the_least_is_too_little(patch: pytest.MonkeyPatch) -> None:
    """A clearance of just the least is refused."""

    def too_soon(self: Any, end: datetime, at: datetime | None = None) -> bool:
        left = end - (self.now if at is None else at)
        return bool(left <= self.least)

    patch.setattr(decision._Case, "ends_too_soon", too_soon)


FAULTS: tuple[Fault, ...] = (
    closing_is_inside, opening_is_outside, one_zone_is_enough, states_are_forgotten, only_the_address_counts,
    a_moved_number_stays_home, the_guard_is_ignored, holidays_are_working_days, holidays_are_read_in_utc,
    observed_days_are_forgotten, easter_is_a_week_late, a_cap_is_one_too_many, every_text_counts,
    a_text_counts_a_moment_too_long, an_old_grant_beats_an_opt_out, pending_is_consent, one_country_is_enough,
    expired_consent_lives_on, help_is_answered_for_ever, every_stop_is_confirmed, toll_free_numbers_are_texted,
    everyone_is_spared, any_clearance_will_do, what_closes_soon_is_open, a_short_opening_is_one,
    the_least_is_too_little,
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_seeded_fault_is_seen(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    assert first_difference() is not None


def test_without_a_fault_nothing_is_seen() -> None:
    assert first_difference() is None
    assert len(set(FAULTS)) >= 20


def test_the_cases_are_among_those_of_every_run() -> None:
    assert set(SEEDS) <= set(range(BLOCK * BLOCKS))
