"""Reads and checks the shipped rule files; a mistake in any of them makes the whole table unreadable."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import yaml

from shared.events.follow_up import Purpose
from shared.rule_files import time_zones
from shared.rules.holiday_calendars import (
    LAST,
    Easter,
    ElectionDay,
    Fixed,
    HolidayCalendar,
    HolidayRule,
    Nth,
    Observed,
)
from shared.rules.table import (
    FALLBACK,
    FEDERAL,
    AreaCode,
    ConsentStatus,
    CountryZones,
    FrequencyCap,
    MinuteSpan,
    Places,
    PurposeDefaults,
    Rule,
    RuleTable,
    UnreadableRules,
    WeekHours,
)

QUIET_HOURS_FILE, AREA_CODES_FILE, PLACES_FILE = "quiet-hours.yaml", "area-codes.yaml", "places.yaml"

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NO_HOURS: WeekHours = ((),) * 7
_MINUTES_A_DAY = 24 * 60
_MINUTES_AN_HOUR = 60
_NEVER = PurposeDefaults(by_jurisdiction=False, window=None, consent=None, max_age=timedelta())
"""Of a purpose that asks for a message not older than nothing."""
_NO_STATUTE = "our policy; no statute found that limits the hour of purely informational texts"
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times as fast, where it was built

# YAML values are checked key by key below; `Any` does not leave this module.
_Mapping = Mapping[str, Any]


@lru_cache(maxsize=1)
def load_rules() -> RuleTable | UnreadableRules:
    """Return the table shipped with the package; read once in the life of a process."""
    return _with_shipped(None)


def read_with_quiet_hours(quiet_hours: bytes) -> RuleTable | UnreadableRules:
    """Return the table of another quiet-hours file, with the shipped area codes and places."""
    return _with_shipped(quiet_hours)


def _with_shipped(quiet_hours: bytes | None) -> RuleTable | UnreadableRules:
    folder = resources.files("shared.rule_files.data")
    try:
        hours = folder.joinpath(QUIET_HOURS_FILE).read_bytes() if quiet_hours is None else quiet_hours
        others = [folder.joinpath(name).read_bytes() for name in (AREA_CODES_FILE, PLACES_FILE)]
    except OSError as problem:
        return _unreadable(f"the rule files cannot be read: {problem.strerror}")
    return read_rules(hours, *others)


def read_rules(quiet_hours: bytes, area_codes: bytes, places: bytes) -> RuleTable | UnreadableRules:
    """Return the table the three files hold, or why it cannot be trusted.

    Never raises for the content of a file: a mistake in an operator's copy must stop texts, not the process.
    """
    version = hashlib.sha256(b"\0".join((quiet_hours, area_codes, places))).hexdigest()[:16]
    try:
        return _table(_parsed(quiet_hours), _parsed(area_codes), _parsed(places), version)
    except LookupError as problem:
        return _unreadable(f"something is missing: {problem!r}", version)
    except (yaml.YAMLError, TypeError, ValueError, AttributeError) as problem:
        return _unreadable(f"{type(problem).__name__}: {problem}", version)


def _unreadable(why: str, version: str = "unreadable") -> UnreadableRules:
    return UnreadableRules(why, version, time_zones.VERSION)


def _parsed(content: bytes) -> _Mapping:
    parsed = yaml.load(content, Loader=_LOADER)  # noqa: S506 - both loaders above are safe ones
    if not isinstance(parsed, dict):
        raise TypeError("a rule file must be a mapping")
    return parsed


def _table(hours: _Mapping, codes: _Mapping, places: _Mapping, version: str) -> RuleTable:
    _expect_schema(hours, "quiet-hours/1")
    _expect_schema(codes, "area-codes/1")
    _expect_schema(places, "places/1")
    calendars = {name: _calendar(name, row) for name, row in hours["holiday_calendars"].items()}
    rows = [_rule(row, calendars) for row in hours["jurisdictions"]]
    jurisdictions = {row.id: row for row in rows}
    if len(jurisdictions) != len(rows) or not {FALLBACK, FEDERAL} <= jurisdictions.keys():
        raise ValueError("jurisdiction ids must be unique and include ZZ and US")
    area_codes = _area_codes(codes["codes"], hours["npa_zones"])
    policy = hours["policy"]
    return RuleTable(
        version=version,
        as_of=date.fromisoformat(hours["as_of"]),
        jurisdictions=MappingProxyType(jurisdictions),
        purposes=MappingProxyType({purpose: _defaults(purpose, hours["class_defaults"]) for purpose in Purpose}),
        policy_caps=_caps(policy["caps"]["marketing"]),
        close_guard_seconds=whole(policy["close_guard_seconds"]),
        max_defer_hours=whole(policy["max_defer_hours"]),
        consent=MappingProxyType({name: _accepted(row) for name, row in hours["consent_rules"].items()}),
        subdivision_zones=_subdivision_zones(hours["subdivision_zones"], places["states"], area_codes),
        country_zones=MappingProxyType({name: _country_zones(row) for name, row in hours["country_zones"].items()}),
        area_codes=area_codes,
        toll_free=frozenset(strings(codes["toll_free"])),
        premium=frozenset(strings(codes["premium"])),
        places=_places(places),
        time_zones=time_zones.shipped_time_zones(),
    )


def _expect_schema(content: _Mapping, schema: str) -> None:
    if content["schema"] != schema:
        raise ValueError(f"schema is {content['schema']!r}, expected {schema!r}")


def _rule(row: _Mapping, calendars: Mapping[str, HolidayCalendar]) -> Rule:
    marketing = row["classes"]["marketing"]
    prohibited = marketing["hours"] == "blocked"
    hours = _NO_HOURS if prohibited else _week(marketing["hours"])
    return Rule(
        id=word(row["id"]),
        name=word(row["name"]),
        country=word(row["country"]),
        subdivision=row.get("subdivision"),
        enforced=truth(row["enforce"]),
        consent_exempts=one_of(row["consent_exempts"], "yes", "no", "unclear") == "yes",
        prohibited=prohibited,
        hours=hours,
        hours_text="prohibited" if prohibited else week_in_words(hours),
        calendar=None if marketing["holidays"] == "none" else calendars[marketing["holidays"]],
        caps=_caps(marketing["caps"]),
        cite=word(row["cite"]),
    )


def _defaults(purpose: Purpose, classes: _Mapping) -> PurposeDefaults:
    if purpose is Purpose.CONVERSATION and purpose.value not in classes:
        return _NEVER  # a table from before there was this purpose: stored verdicts can still be judged by it
    row = classes[purpose.value]
    kind = one_of(row["quiet_hours"], "by_jurisdiction", "policy_window", "none")
    max_age, any_hour = row.get("max_age_seconds"), row.get("any_hour_seconds")
    consent = one_of(row["consent_required"], "marketing", "informational", "none")
    return PurposeDefaults(
        by_jurisdiction=kind == "by_jurisdiction",
        window=_policy_window(purpose, _week(row["hours"]), row.get("cite", _NO_STATUTE))
        if kind == "policy_window"
        else None,
        consent=None if consent == "none" else consent,
        max_age=None if max_age is None else timedelta(seconds=whole(max_age)),
        any_hour=None if any_hour is None else timedelta(seconds=whole(any_hour)),
    )


def _policy_window(purpose: Purpose, hours: WeekHours, cite: object) -> Rule:
    return Rule(
        id=f"policy-{purpose.value}",
        name=f"courtesy window for {purpose.value} texts",
        country=FALLBACK,
        hours=hours,
        hours_text=week_in_words(hours),
        cite=word(cite),
    )


def _week(table: _Mapping) -> WeekHours:
    if set(table) != set(_DAYS):
        raise ValueError(f"a day table needs exactly {', '.join(_DAYS)}")
    return tuple(_spans(table[day]) for day in _DAYS)


def _spans(day: Iterable[Iterable[str]]) -> tuple[MinuteSpan, ...]:
    spans: list[MinuteSpan] = []
    for start_text, end_text in day:
        start, end = _minutes(start_text), _minutes(end_text)
        if start >= end:
            raise ValueError(f"{start_text}-{end_text} does not end after it starts")
        if spans and start < spans[-1][1]:
            raise ValueError(f"{start_text}-{end_text} overlaps the one before")
        if spans and start == spans[-1][1]:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return tuple(spans)


def _minutes(clock: str) -> int:
    match = _CLOCK.fullmatch(clock)
    if match is None:
        raise ValueError(f"{clock!r} is not a time of day")
    minutes = int(match[1]) * _MINUTES_AN_HOUR + int(match[2])
    if minutes > _MINUTES_A_DAY:
        raise ValueError(f"{clock!r} is not a time of day")
    return minutes


def week_in_words(hours: WeekHours) -> str:
    """Return a week's hours for people, equal days joined: ``Mon-Fri 09:00-18:00, Sun closed``."""
    runs: list[tuple[int, int, str]] = []
    for index, day in enumerate(hours):
        words = " and ".join(f"{_clock(start)}-{_clock(end)}" for start, end in day) or "closed"
        if runs and runs[-1][2] == words:
            runs[-1] = (runs[-1][0], index, words)
        else:
            runs.append((index, index, words))
    names = [day.capitalize() for day in _DAYS]
    return ", ".join(f"{names[a] if a == b else f'{names[a]}-{names[b]}'} {words}" for a, b, words in runs)


def _clock(minutes: int) -> str:
    return f"{minutes // _MINUTES_AN_HOUR:02d}:{minutes % _MINUTES_AN_HOUR:02d}"


def _caps(rows: Iterable[_Mapping]) -> tuple[FrequencyCap, ...]:
    return tuple(FrequencyCap(maximum=whole(row["max"]), hours=whole(row["per_hours"])) for row in rows)


def _accepted(row: Mapping[str, list[str]]) -> Mapping[str, frozenset[ConsentStatus]]:
    if "default" not in row:
        raise ValueError("a consent rule needs a default")
    return MappingProxyType({name: frozenset(map(ConsentStatus, states)) for name, states in row.items()})


def _calendar(name: str, row: _Mapping) -> HolidayCalendar:
    return HolidayCalendar(id=name, rules=tuple(_holiday(rule) for rule in row["rules"]))


def _holiday(rule: _Mapping) -> HolidayRule:
    extra = {"observed", "next_monday"} if "fixed" in rule else set()
    (kind,) = set(rule) - extra
    readers: Mapping[str, Callable[[_Mapping], HolidayRule]] = {
        "fixed": _fixed,
        "nth": lambda row: _nth(row["nth"]),
        "easter": lambda row: Easter(int(row["easter"])),
        "us_election_day": lambda row: ElectionDay(
            even_years_only=one_of(row["us_election_day"], "even_years", "every_year") == "even_years"
        ),
    }
    return readers[kind](rule)


def _nth(row: _Mapping) -> Nth:
    if row["month"] not in range(1, 13) or row["n"] not in {LAST, 1, 2, 3, 4, 5}:
        raise ValueError(f"{row!r} is no day of a month")
    return Nth(row["month"], _DAYS.index(row["weekday"]), row["n"])


def _fixed(rule: _Mapping) -> Fixed:
    day = date.fromisoformat(f"2001-{rule['fixed']}")  # not a leap year: a rule for 29 February is refused
    observed = Observed(rule.get("observed", "none"))
    return Fixed(day.month, day.day, observed, next_monday=truth(rule.get("next_monday", False)))


def _area_codes(codes: Mapping[str, list[Any]], corrections: Mapping[str, _Mapping]) -> Mapping[str, AreaCode]:
    table = {digits(code): AreaCode(word(row[0]), _zones(row[1])) for code, row in codes.items()}
    table |= {digits(code): AreaCode(word(row["region"]), _zones(row["zones"])) for code, row in corrections.items()}
    return MappingProxyType(table)


def _subdivision_zones(
    listed: Mapping[str, list[str]], states: Mapping[str, _Mapping], codes: Mapping[str, AreaCode]
) -> Mapping[str, tuple[str, ...]]:
    """Return the zones of every state: as listed, else its own in the places file, else those of its area codes."""
    found: dict[str, dict[str, None]] = {}
    for code in codes.values():
        found.setdefault(code.region, {}).update(dict.fromkeys(code.zones))
    table = {region: tuple(zones) for region, zones in found.items() if "-" in region}
    table |= {state: _zones(row["zones"]) for state, row in states.items() if "zones" in row}
    table |= {state: _zones(zones) for state, zones in listed.items()}
    without = [state for state in states if state not in table]
    if without:
        raise ValueError(f"no zone is known for {', '.join(without)}")
    return MappingProxyType(table)


def _country_zones(row: Mapping[str, list[str]]) -> CountryZones:
    every = _zones(row["all"])
    return CountryZones(every=every, contiguous=_zones(row["contiguous"]) if "contiguous" in row else every)


def _zones(names: list[str]) -> tuple[str, ...]:
    unknown = [name for name in names if name not in time_zones.known_names()]
    if unknown or not names:
        raise ValueError(f"not a list of IANA zones: {names!r}")
    return tuple(names)


def _places(content: _Mapping) -> Places:
    states: Mapping[str, _Mapping] = content["states"]
    zip3 = {
        f"{prefix:03d}": state for state, row in states.items() for prefix in _prefixes(strings(row.get("zip3", [])))
    }
    return Places(
        states=frozenset(states),
        by_name=MappingProxyType({word(row["name"]).replace(".", "").casefold(): at for at, row in states.items()}),
        by_zip3=MappingProxyType(zip3),
        by_fsa_letter=MappingProxyType(
            {letter: state for state, row in states.items() for letter in strings(row.get("fsa", []))}
        ),
        postal_zones=MappingProxyType(
            {digits(prefix): _zones(zones) for prefix, zones in content["postal_zones"].items()}
        ),
    )


def _prefixes(ranges: Iterable[str]) -> Iterable[int]:
    for span in ranges:
        first, last = span.split("-")
        yield from range(int(first), int(last) + 1)


# Checks of single fields: each returns the value or raises TypeError or ValueError.


def word(value: object) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} should be a text")
    return value


def digits(value: object) -> str:
    """Return a text of digits."""
    text = word(value)
    if not text.isdigit():
        raise ValueError(f"{text!r} should be digits")
    return text


def strings(values: Iterable[object]) -> tuple[str, ...]:
    """Return texts, none of them empty."""
    return tuple(word(value) for value in values)


def whole(value: object) -> int:
    """Return a whole number, 0 or more."""
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} should be a whole number, 0 or more")
    return value


def truth(value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} should be true or false")
    return value


def one_of(value: object, *words: str) -> str:
    """Return one of the given words."""
    if value not in words:
        raise ValueError(f"{value!r} should be one of {', '.join(words)}")
    return str(value)
