from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config.blackouts import MOST_BLACKOUTS, Blackout, blackout_at, blackout_end, open_since
from shared.config.lint import lint
from shared.events.follow_up import Purpose
from shared.testing import make_scheduler
from shared.vocabulary.purposes import REPLYING_PURPOSES

NEW_YORK = ZoneInfo("America/New_York")
ZONES = sorted(available_timezones())
FIRST_DAY = date(2005, 1, 1)
DAYS = st.integers(0, 365 * 32).map(lambda days: FIRST_DAY + timedelta(days=days))
INSTANTS = st.datetimes(datetime(2005, 1, 1), datetime(2037, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001 - the zone is set beside it
SPANS = st.builds(lambda first, days: blackout(first, first + timedelta(days=days)), DAYS, st.integers(0, 365))


def blackout(first: date, last: date, *purposes: str) -> Blackout:
    given = {"from": str(first), "to": str(last)}
    return Blackout.model_validate({**given, "purposes": list(purposes)} if purposes else given)


HOLIDAYS = blackout(date(2026, 12, 24), date(2026, 12, 26))


def end(at: str, *blackouts: Blackout, zone: ZoneInfo = NEW_YORK, purpose: Purpose = Purpose.MARKETING) -> str | None:
    found = blackout_end(blackouts or (HOLIDAYS,), zone, purpose, datetime.fromisoformat(at))
    return None if found is None else found.isoformat()


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-12-24T04:59:59.999999Z", None),
        ("2026-12-24T05:00:00Z", "2026-12-27T05:00:00+00:00"),
        ("2026-12-27T04:59:59.999999Z", "2026-12-27T05:00:00+00:00"),
        ("2026-12-27T05:00:00Z", None),
    ],
)
def test_days_are_local_and_both_ends_are_included(at: str, until: str | None) -> None:
    assert end(at) == until


def test_only_texts_of_its_purposes_wait_and_answers_never_do() -> None:
    waits = {purpose for purpose in Purpose if end("2026-12-25T12:00:00Z", purpose=purpose) is not None}
    assert waits == {Purpose.MARKETING}
    every = blackout(date(2026, 12, 24), date(2026, 12, 26), "marketing", "informational", "transactional")
    waits = {purpose for purpose in Purpose if end("2026-12-25T12:00:00Z", every, purpose=purpose) is not None}
    assert waits == set(Purpose) - REPLYING_PURPOSES


def test_blackouts_that_follow_each_other_are_one() -> None:
    new_year = blackout(date(2026, 12, 27), date(2027, 1, 1))
    assert end("2026-12-25T12:00:00Z", new_year, HOLIDAYS) == "2027-01-02T05:00:00+00:00"


@pytest.mark.parametrize(
    ("zone", "day", "until"),
    [
        ("America/Sao_Paulo", date(2018, 11, 3), "2018-11-04T03:00:00+00:00"),  # clocks skip midnight
        ("America/Havana", date(2024, 11, 2), "2024-11-03T04:00:00+00:00"),  # midnight is shown twice
        ("Pacific/Apia", date(2011, 12, 29), "2011-12-30T10:00:00+00:00"),  # the next day does not exist
        ("America/New_York", date(2026, 11, 1), "2026-11-02T05:00:00+00:00"),  # 25 hours
    ],
)
def test_a_day_ends_when_its_zone_says_so(zone: str, day: date, until: str) -> None:
    at = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
    assert end(at.isoformat(), blackout(day, day), zone=ZoneInfo(zone)) == until


@given(st.lists(SPANS, min_size=1, max_size=5), st.sampled_from(ZONES), INSTANTS)
def test_a_text_waits_exactly_while_its_day_is_one_of_the_days(
    blackouts: list[Blackout], name: str, at: datetime
) -> None:
    zone = ZoneInfo(name)
    day = at.astimezone(zone).date()
    until = blackout_end(blackouts, zone, Purpose.MARKETING, at)
    assert (until is not None) is any(each.first <= day <= each.last for each in blackouts)
    if until is not None:
        assert at < until
        assert blackout_at(blackouts, zone, Purpose.MARKETING, until) is None
        # Two hours cover what clocks skip around midnight; a day that a zone skipped is no day of anybody's.
        before = max(at, until - timedelta(hours=2))
        assert blackout_at(blackouts, zone, Purpose.MARKETING, before) is not None


@given(SPANS, st.sampled_from(ZONES), st.integers(-3 * 86_400, 3 * 86_400))
def test_around_its_end_a_blackout_ends_once_and_for_good(span: Blackout, name: str, seconds: int) -> None:
    zone = ZoneInfo(name)
    midnight = datetime(span.last.year, span.last.month, span.last.day, tzinfo=UTC) + timedelta(days=1)
    at = midnight + timedelta(seconds=seconds)
    until = blackout_end([span], zone, Purpose.MARKETING, at)
    if until is not None:
        assert at < until < at + timedelta(days=400)
        assert all(
            blackout_at([span], zone, Purpose.MARKETING, until + timedelta(minutes=later)) is None
            for later in range(0, 24 * 60, 30)
        )


@given(st.lists(SPANS, max_size=5), st.sampled_from(ZONES), INSTANTS, st.timedeltas(timedelta(), timedelta(days=500)))
def test_what_a_blackout_took_is_not_counted(
    blackouts: list[Blackout], name: str, due_at: datetime, waited: timedelta
) -> None:
    zone, now = ZoneInfo(name), due_at + waited
    since = open_since(blackouts, zone, Purpose.MARKETING, due_at, now)
    assert due_at <= since <= now
    until = blackout_end(blackouts, zone, Purpose.MARKETING, due_at)
    if until is not None and until <= now:
        assert since >= until
    assert open_since(blackouts, zone, Purpose.TRANSACTIONAL, due_at, now) == due_at


def found_in(folder: Path, more: str, *, zone: str = "time_zone: America/New_York\n") -> list[str]:
    make_scheduler.merchants(folder)
    path = folder / "acme" / "merchant.yaml"
    text = path.read_text(encoding="utf-8").replace("time_zone: America/New_York\n", zone)
    path.write_text(f"{text}{more}\n", encoding="utf-8")
    return [str(problem).removeprefix(f"{folder}/acme/") for problem in lint(folder)]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{from: 2026-12-26, to: 2026-12-24}", "'to' (2026-12-24) is before 'from' (2026-12-26)"),
        ("{from: 2026-01-01, to: 2027-01-02}", "it lasts longer than 366 days; pause the texts instead"),
        ("{from: 2026-12-24}", "field 'to' is missing"),
        ("{form: 2026-12-24, to: 2026-12-26}", "unknown field 'form'; did you mean 'from'?"),
        ("{from: 24.12.2026, to: 2026-12-26}", "write a day such as 2026-12-01"),
        ("{from: 2026-12-24, to: 2026-12-26, purposes: [help]}", "cannot be 'help'"),
        ("{from: 2026-12-24, to: 2026-12-26, purposes: [conversation]}", "cannot be 'conversation'"),
        ("{from: 2026-12-24, to: 2026-12-26, purposes: []}", "'purposes' must not be empty"),
    ],
)
def test_a_mistake_is_explained_at_its_line(tmp_path: Path, entry: str, said: str) -> None:
    (problem,) = found_in(tmp_path, f"blackouts:\n  - {{from: 2026-07-01, to: 2026-07-02}}\n  - {entry}")
    assert said in problem
    last = len((tmp_path / "acme" / "merchant.yaml").read_text(encoding="utf-8").splitlines())
    assert problem.startswith(f"merchant.yaml:{last}:")


def test_a_leap_year_is_not_too_long(tmp_path: Path) -> None:
    assert found_in(tmp_path, "blackouts: [{from: 2028-01-01, to: 2028-12-31, why: no marketing this year}]") == []


def test_more_blackouts_than_anybody_needs_are_refused(tmp_path: Path) -> None:
    entries = ", ".join(["{from: 2026-12-24, to: 2026-12-26}"] * (MOST_BLACKOUTS + 1))
    (problem,) = found_in(tmp_path, f"blackouts: [{entries}]")
    assert f"there are more than {MOST_BLACKOUTS}" in problem


def test_days_without_a_time_zone_are_pointed_out(tmp_path: Path) -> None:
    (problem,) = found_in(tmp_path, "blackouts: [{from: 2026-12-24, to: 2026-12-26}]", zone="")
    assert "these days begin and end at midnight UTC" in problem
