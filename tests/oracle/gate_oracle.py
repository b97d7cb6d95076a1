"""A second gate, written from the rules' text and the rule files alone: it imports nothing of the engine.

It is slow and plain on purpose: check after check in the order of the rules, and every waiting time found by walking.
Instants are aware UTC.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from tests.oracle.wall_clock import CODES, HOURS, PLACES, ROWS, TZDATA, Window, next_quarter

TERRITORIES = {"PR", "VI", "GU", "MP", "AS"}
UNDER_BRITAIN = {"GG", "JE", "IM"}
CALLING_CODES = {
    "44": "GB", "353": "IE", "33": "FR", "39": "IT", "49": "DE", "31": "NL", "34": "ES", "351": "PT", "91": "IN",
    "61": "AU", "64": "NZ", "66": "TH", "84": "VN", "82": "KR", "63": "PH", "971": "AE", "90": "TR", "27": "ZA",
    "234": "NG", "57": "CO", "81": "JP", "52": "MX", "55": "BR", "62": "ID", "47": "NO", "254": "KE",
}  # fmt: skip
COSTLY = ("+881", "+882", "+883", "+870", "+878", "+979", "+808", "+888", "+850", "+4470", "+449", "+4484", "+3389")
"""Satellites, international networks, premium, personal and shared-cost numbers; as far as the random cases go."""
CONSENT_FREE = {"opt_out_confirmation", "help"}
AREA_CODES: dict[str, tuple[str, tuple[str, ...]]] = {
    **{code: (row[0], tuple(row[1])) for code, row in CODES["codes"].items()},
    **{code: (row["region"], tuple(row["zones"])) for code, row in HOURS["npa_zones"].items()},
}


@dataclass(frozen=True)
class Answer:
    """What the rules say about one question; `until` of a deferral, `valid_until` of a clearance."""

    decision: str
    reason: str
    until: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True)
class Place:
    """Where somebody may be: countries and states whose law applies, and the clocks."""

    countries: tuple[str, ...]
    states: tuple[str, ...]
    zones: tuple[str, ...]


def place_of(question: Mapping[str, Any]) -> Place:
    """Return whose law and whose clocks (rules section 1, applicable rows; section 8)."""
    known, line = question.get("known") or {}, question.get("number") or {}
    number = question["to"]
    code = number[2:5] if number.startswith("+1") else None
    region, code_zones = AREA_CODES.get(code or "", ("US" if code else calling_country(number), ()))
    home, home_state = _law(region)
    stated = known.get("country")
    country, territory = _law(stated) if stated else (home, None)
    state = _state(known.get("state"), stated, home) or territory  # Guam named as a country is a known state, too
    nation = state[:2] if state else country
    prefix = _postal_prefix(known.get("postal_code"), nation)
    postal_state = _postal_state(prefix) if prefix else None
    laws = [(home, home_state)]
    if state or stated:
        laws.append((nation, state))
    if postal_state:
        laws.append((postal_state[:2], postal_state))
    countries = tuple(dict.fromkeys(country for country, _ in laws))
    states = tuple(dict.fromkeys(each for _, each in laws if each))
    moved = bool(line.get("ported")) or line.get("type") == "voip"
    address_state = postal_state or state
    narrowed = code_zones if code_zones and region == address_state and not moved else ()
    zones: tuple[str, ...]
    zone = known.get("timezone") or ""
    at_home = {_law(country)[0] for country in zone_countries(zone)}
    if at_home & set(countries):
        return Place(countries, states, (zone,))
    if prefix in PLACES["postal_zones"]:
        zones = tuple(PLACES["postal_zones"][prefix])
    elif postal_state and prefix and prefix.isdecimal():
        zones = state_zones(postal_state)
    elif address_state:
        zones = narrowed or state_zones(address_state)
    elif code and not code_zones:
        zones = _contiguous("US")
    elif code and moved and home in HOURS["country_zones"]:
        # A moved Hawaiian number stays possibly Hawaiian: the contiguous zones alone would write at five there.
        contiguous = _contiguous(home)
        zones = contiguous if set(code_zones) & set(contiguous) else (*contiguous, *code_zones)
    elif code:
        zones = code_zones
    else:
        zones = tuple(dict.fromkeys(zone for country in countries for zone in country_zones(country)))
    return Place(countries, states, (*zones, zone) if at_home and zone not in zones else zones)


@cache
def zone_countries(name: str) -> frozenset[str]:
    """Return the countries of a zone or of an older name of one; an offset's name (EST) and UTC have none."""
    if re.fullmatch("[A-Z][A-Z]T", name):
        return frozenset()
    found = {
        country
        for table in ("zone.tab", "zone1970.tab")
        for line in TZDATA.joinpath("zoneinfo", table).read_text().splitlines()
        if line[:1] != "#" and line.split("\t")[2] == name
        for country in line.split("\t")[0].split(",")
    }
    for line in TZDATA.joinpath("zoneinfo", "tzdata.zi").read_text().splitlines():
        if not found and line.startswith("L ") and line.endswith(f" {name}"):
            return zone_countries(line.split()[1])
    return frozenset(found)


def calling_country(number: str) -> str:
    """Return the country of a number outside the North American plan."""
    return next((CALLING_CODES[number[1:end]] for end in (4, 3) if number[1:end] in CALLING_CODES), "ZZ")


def _law(region: str) -> tuple[str, str | None]:
    if "-" in region:
        return region[:2], region
    if region in TERRITORIES:
        return "US", f"US-{region}"
    return ("GB" if region in UNDER_BRITAIN else region), None


def _state(text: str | None, country: str | None, home: str) -> str | None:
    if not text:
        return None
    nation = _law(country)[0] if country else None
    by_name = {row["name"].casefold(): code for code, row in PLACES["states"].items()}
    tried = [by_name.get(text.casefold()), text.upper()]
    if (nation or home) in {"US", "CA"} and not any(code in PLACES["states"] for code in tried):
        tried = [f"US-{text.upper()}", f"CA-{text.upper()}"]
    return next((code for code in tried if code in PLACES["states"] and nation in {None, str(code)[:2]}), None)


def _postal_prefix(text: str | None, nation: str) -> str | None:
    prefix = (text or "").upper()[:3]
    state = _postal_state(prefix) if len(prefix) == 3 else None
    return prefix if state and state[:2] == nation else None


@cache
def _postal_state(prefix: str) -> str | None:
    for state, row in PLACES["states"].items():
        spans = (span.split("-") for span in row.get("zip3", []))
        if prefix.isdecimal() and any(first <= prefix <= last for first, last in spans):
            return str(state)
        if not prefix.isdecimal() and prefix[1].isdecimal() and prefix[0] in row.get("fsa", []):
            return str(state)
    return None


@cache
def state_zones(state: str) -> tuple[str, ...]:
    """Return the zones of a state: as listed, else its own in the places file, else those of its area codes."""
    listed = HOURS["subdivision_zones"].get(state) or PLACES["states"].get(state, {}).get("zones")
    of_codes = (zone for region, zones in AREA_CODES.values() if region == state for zone in zones)
    return tuple(listed or dict.fromkeys(of_codes))


@cache
def country_zones(country: str) -> tuple[str, ...]:
    """Return every zone of a country: as listed, else as the IANA table has it."""
    if country in HOURS["country_zones"]:
        return tuple(HOURS["country_zones"][country]["all"])
    lines = TZDATA.joinpath("zoneinfo", "zone.tab").read_text().splitlines()
    return tuple(line.split("\t")[2] for line in lines if line.startswith(f"{country}\t"))


def _contiguous(country: str) -> tuple[str, ...]:
    row = HOURS["country_zones"][country]
    return tuple(row.get("contiguous", row["all"]))


def rows_of(place: Place) -> tuple[str, ...]:
    """Return the applicable rows: each country's, ZZ for one without, and each state's that is enforced."""
    national = [country if country in ROWS and ROWS[country]["enforce"] else "ZZ" for country in place.countries]
    own = [state for state in place.states if state in ROWS and ROWS[state]["enforce"]]
    return tuple(dict.fromkeys((*national, *own)))


def judge(question: Mapping[str, Any]) -> Answer:
    """Answer a question of the evaluation format, check by check (rules section 1)."""
    now = instant(question["now"])
    purpose, consent = question["class"], question.get("consent") or {}
    line, number = question.get("number") or {}, question["to"]
    expires = instant(question.get("expires_at"))
    history = [(instant(past["at"]), past["class"]) for past in question.get("history") or ()]
    if number.startswith("+1") and (len(number) != 12 or number[2] in "01" or number[5] in "01"):
        return Answer("block", "invalid_number")
    special = number.startswith("+1") and number[2:5] in {*CODES["toll_free"], *CODES["premium"]}
    special = special or number.startswith(COSTLY)
    if special or line.get("type") in {"landline", "toll_free", "premium"}:
        return Answer("block", "unsupported_number_type")
    if line.get("suppressed"):
        return Answer("block", "suppressed_number")
    if purpose not in HOURS["class_defaults"]:
        return Answer("block", "unknown_class")
    if purpose in CONSENT_FREE:
        return _answer_to_the_person(purpose, consent, history, now, expires, least_of(question))
    place = place_of(question)
    if purpose == "conversation":
        return _answer_of_the_shop(question, place, history, now)
    rows = rows_of(place)
    least = least_of(question)
    refusal = _refusal(purpose, consent, place, rows, now, question.get("destinations"))
    if refusal:
        return Answer("block", refusal)
    if is_over(instant(consent.get("expires_at")), now, least):
        return Answer("block", "consent_expired")
    if is_over(expires, now, least):
        return Answer("block", "message_expired")
    return _timed(question, place, rows, history, now)


def _answer_to_the_person(
    purpose: str,
    consent: Mapping[str, Any],
    history: Sequence[tuple[datetime, str]],
    now: datetime,
    expires: Any,
    least: timedelta,
) -> Answer:
    """Checks 4 and 5."""
    limit = timedelta(seconds=HOURS["class_defaults"][purpose]["max_age_seconds"])
    if purpose == "help":
        asked = max((at for at, kind in history if kind == "inbound_help" and at <= now), default=None)
        if asked is None or now - asked > limit or any(kind == "help" and at >= asked for at, kind in history):
            return Answer("block", "no_recent_inbound")
    else:
        asked = instant(consent.get("revoked_at"))
        if asked is None or asked > now or not _is_revoked(consent):
            return Answer("block", "no_recent_inbound")
        since = min(asked, instant(consent.get("revoked_since")) or asked)
        if any(kind == "opt_out_confirmation" and at >= since for at, kind in history):
            return Answer("block", "confirmation_already_sent")
        if now - asked > limit:
            return Answer("block", "confirmation_expired")
    if is_over(expires, now, least):
        return Answer("block", "message_expired")
    ends = [now + timedelta(minutes=10), asked + limit, *([expires] if expires else [])]
    return Answer("send", "ok", valid_until=min(ends))


def _is_revoked(consent: Mapping[str, Any]) -> bool:
    revoked, captured = instant(consent.get("revoked_at")), instant(consent.get("captured_at"))
    if consent.get("status") == "revoked":
        return True
    return revoked is not None and (captured is None or captured <= revoked)


def _unwelcome(consent: Mapping[str, Any], place: Place, allowed: list[str] | None) -> str | None:
    """Check 6, and the countries the shop writes to."""
    if _is_revoked(consent):
        return "opted_out"
    if allowed is not None and place.countries[0] not in {_law(each)[0] for each in allowed}:
        return "destination_not_allowed"
    return None


def _answer_of_the_shop(
    question: Mapping[str, Any], place: Place, history: Sequence[tuple[datetime, str]], now: datetime
) -> Answer:
    """Check 5b: a reply of the last day; the courtesy hours, but not in the quarter of an hour after it."""
    consent, least = question.get("consent") or {}, least_of(question)
    if refusal := _unwelcome(consent, place, question.get("destinations")):
        return Answer("block", refusal)
    terms, policy = HOURS["class_defaults"]["conversation"], HOURS["policy"]
    replies = [at for at, kind in history if kind == "inbound_reply" and at <= now]
    if not replies or is_over(max(replies) + timedelta(seconds=terms["max_age_seconds"]), now, least):
        return Answer("block", "no_recent_inbound")
    expires = instant(question.get("expires_at"))
    if is_over(expires, now, least):
        return Answer("block", "message_expired")
    answerable = max(replies) + timedelta(seconds=terms["max_age_seconds"])
    awake = max(replies) + timedelta(seconds=terms["any_hour_seconds"])
    guard = question.get("close_guard_seconds")
    guard = timedelta(seconds=policy["close_guard_seconds"] if guard is None else guard)
    window = Window(("courtesy",), place.zones, guard)
    last = (instant(question.get("first_due_at")) or now) + timedelta(hours=policy["max_defer_hours"])

    def end(at: datetime) -> datetime | None:
        """Return when the time in which it may go ends; None when that is more than a day ahead."""
        if at < awake and not window.is_open(awake):
            return awake
        return window.end(max(at, awake), at + timedelta(days=1))

    def may_go(at: datetime) -> bool:
        return (at < awake or window.is_open(at)) and not is_over(end(at), at, least)

    if may_go(now):
        ends = (now + timedelta(minutes=10), answerable, expires, end(now))
        return Answer("send", "ok", valid_until=min(each for each in ends if each))
    at = next_quarter(now)
    while at <= last and not may_go(at):
        at = next_quarter(at)
    if at > last or is_over(answerable, at, least) or is_over(expires, at, least):
        return Answer("block", "message_expired")
    return Answer("defer", "quiet_hours", until=at)


def _refusal(
    purpose: str,
    consent: Mapping[str, Any],
    place: Place,
    rows: tuple[str, ...],
    now: datetime,
    allowed: list[str] | None,
) -> str | None:
    """Checks 6 to 8."""
    status = consent.get("status") or "unknown"
    if refusal := _unwelcome(consent, place, allowed):
        return refusal
    marketing = purpose == "marketing"
    if marketing and any(ROWS[row]["classes"]["marketing"]["hours"] == "blocked" for row in rows):
        return "destination_prohibited"
    if status in {"none", "unknown"}:
        return "no_consent"
    if status == "pending":
        return "consent_pending"
    expires = instant(consent.get("expires_at"))
    if status == "expired" or (expires is not None and expires <= now):
        return "consent_expired"
    table = HOURS["consent_rules"][HOURS["class_defaults"][purpose]["consent_required"]]
    endless = marketing and status == "implied" and expires is None
    if endless or any(status not in table.get(country, table["default"]) for country in place.countries):
        return "consent_insufficient"
    return None


def _timed(
    question: Mapping[str, Any],
    place: Place,
    rows: tuple[str, ...],
    history: Sequence[tuple[datetime, str]],
    now: datetime,
) -> Answer:
    """Checks 9 to 11, and how long a clearance may last."""
    purpose, consent = question["class"], question.get("consent") or {}
    expires = instant(question.get("expires_at"))
    rows = _binding(question, rows)
    guard = question.get("close_guard_seconds")
    policy = HOURS["policy"]
    window = Window(rows, place.zones, timedelta(seconds=policy["close_guard_seconds"] if guard is None else guard))
    sent = [at for at, kind in history if kind == "marketing"] if purpose == "marketing" else []
    caps = [(cap["max"], timedelta(hours=cap["per_hours"])) for cap in _caps(rows)] if purpose == "marketing" else []
    last = (instant(question.get("first_due_at")) or now) + timedelta(hours=policy["max_defer_hours"])

    def has_room(at: datetime) -> bool:
        return all(sum(1 for moment in sent if moment > at - period) < most for most, period in caps)

    least = least_of(question)

    def stays_open(at: datetime) -> bool:
        return window.is_open(at) and not is_over(window.end(at, at + least), at, least)

    if stays_open(now) and has_room(now):
        end = window.end(now, now + timedelta(minutes=10))
        until = instant(consent.get("expires_at"))
        ends = [now + timedelta(minutes=10), *(each for each in (end, expires, until) if each)]
        return Answer("send", "ok", valid_until=min(ends))
    reason = "frequency_cap" if stays_open(now) else _why_closed(window, now, last)
    freed = sorted(moment + period for moment in sent for _most, period in caps if moment + period > now)
    at: datetime | None = now
    while at is not None and not (stays_open(at) and has_room(at)):
        steps = [next_quarter(at), *(moment for moment in freed if moment > at)]
        at = min(steps) if min(steps) <= last else None
    if at is None or at > last or is_over(expires, at, least):
        return Answer("block", "message_expired")
    return Answer("defer", reason, until=at)


def _binding(question: Mapping[str, Any], rows: tuple[str, ...]) -> tuple[str, ...]:
    kind = HOURS["class_defaults"][question["class"]]["quiet_hours"]
    if kind != "by_jurisdiction":
        return ("courtesy",) if kind == "policy_window" else ()
    consent = question.get("consent") or {}
    if question.get("profile") == "consent_aware" and consent.get("status") == "pewc":
        return tuple(row for row in rows if ROWS[row]["consent_exempts"] != "yes") or ("US",)
    return rows


def _caps(rows: Iterable[str]) -> list[dict[str, Any]]:
    return [
        *HOURS["policy"]["caps"]["marketing"],
        *(c for row in rows for c in ROWS[row]["classes"]["marketing"]["caps"]),
    ]


def _why_closed(window: Window, now: datetime, last: datetime) -> str:
    """Return the obstacle that ends last, holiday on a tie, when a holiday and quiet hours both hold."""
    if not window.zones or window.no_holiday(now):
        return "quiet_hours"
    if window.hours_hold(now):
        return "holiday"
    hours_end = _first(window.hours_hold, now, last)
    holiday_ends = _first(window.no_holiday, now, last)
    return "quiet_hours" if holiday_ends and (hours_end is None or hours_end > holiday_ends) else "holiday"


def _first(holds: Callable[[datetime], bool], at: datetime, last: datetime) -> datetime | None:
    while not holds(at):
        at = next_quarter(at)
        if at > last:
            return None
    return at


def least_of(question: Mapping[str, Any]) -> timedelta:
    """Return how long a clearance must last at least."""
    return timedelta(seconds=question.get("least_clearance_seconds") or 0)


def is_over(end: datetime | None, at: datetime, least: timedelta) -> bool:
    """Return whether something that ends has ended, or ends before a text can be on its way."""
    return end is not None and (end <= at or end < at + least)


def instant(text: str | None) -> Any:
    """Return an RFC 3339 text as an aware UTC instant, None for none."""
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
