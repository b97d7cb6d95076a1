"""Random questions to the gate, in the evaluation format: each seed gives the same question for ever."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracle.gate_oracle import AREA_CODES, TERRITORIES
from tests.oracle.wall_clock import PLACES

FIRST, LAST = datetime(2026, 11, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)
_ABROAD = (
    "+447911123456", "+353851234567", "+33612345678", "+393123456789", "+4915123456789", "+31612345678",
    "+34612345678", "+351912345678", "+918123456789", "+61412345678", "+64211234567", "+66812345678",
    "+84912345678", "+821020000000", "+639051234567", "+971501234567", "+905012345678", "+27711234567",
    "+2348021234567", "+573211234567", "+819012345678", "+522221234567", "+5511961234567", "+628123456789",
    "+4740612345", "+254712123456",
)  # fmt: skip
_SPECIAL = (
    "+18005550123", "+19005550123", "+15005550123", "+10125550123", "+12121550123", "+16845550123", "+88216555000",
    "+881612345678", "+870773123456", "+447012345678", "+449098790123", "+33899123456",
)  # fmt: skip
_AREA_CODES = sorted(AREA_CODES)
_STATES = sorted(PLACES["states"])
_ZONES = (
    "America/Denver", "Pacific/Honolulu", "Europe/Paris", "Asia/Kathmandu", "Australia/Lord_Howe", "Mars/Phobos",
    "UTC", "Etc/GMT+5", "EST", "US/Eastern", "Navajo", "America/Puerto_Rico", "Europe/Jersey",
)  # fmt: skip
_STATUSES = (
    "pewc",
    "express",
    "implied",
    "soft_opt_in",
    "contract",
    "pending",
    "expired",
    "revoked",
    "none",
    "unknown",
)
_LIKELY_STATUSES = (*("pewc",) * 8, "express", "express", "soft_opt_in")
_KINDS = ("marketing", "informational", "transactional", "opt_out_confirmation", "help", "inbound_help")
_EDGES = (timedelta(0), timedelta(microseconds=1), timedelta(microseconds=-1))
_MAX_AGE = timedelta(seconds=300)
_WITH_HOLIDAYS = ("US-AL", "US-LA", "US-PA", "US-RI", "US-UT")
_HARD_DAYS = (
    "2026-12-24", "2026-12-31", "2027-01-01", "2027-03-13", "2027-03-14", "2027-03-27", "2027-03-28", "2027-04-03",
    "2027-07-03", "2027-07-13", "2027-10-03", "2027-10-30", "2027-11-06", "2027-11-07", "2027-12-31", "2028-02-28",
)  # fmt: skip
_HOLIDAY_CODES = [code for code in _AREA_CODES if AREA_CODES[code][0] in _WITH_HOLIDAYS]


def question(seed: int) -> dict[str, Any]:
    """Return one question; two in three are marketing with consent, so that clocks and caps decide."""
    rng = random.Random(seed)  # noqa: S311 - a test's dice, not a secret
    now = _moment(rng)
    likely = rng.random() < 0.66
    purpose = "marketing" if likely else rng.choice((*_KINDS[:5], "newsletter"))
    asked: dict[str, Any] = {
        "to": _number(rng),
        "class": purpose,
        "now": _text(now),
        "consent": {"status": rng.choice(_LIKELY_STATUSES)} if likely else _consent(rng, now, purpose),
        "history": _history(rng, now, purpose),
        "profile": rng.choice(("strict", "strict", "consent_aware", None)),
        "close_guard_seconds": rng.choice((None, None, 0, 60, 300, 5400)),
    }
    if rng.random() < 0.5:
        asked["known"] = _known(rng)
    if rng.random() < 0.2:
        asked["number"] = _line(rng)
    if rng.random() < 0.1:
        asked["destinations"] = rng.choice((["US"], ["US", "CA"], ["GB", "FR"], ["JE"], ["PR", "FR"], []))
    if rng.random() < 0.15:
        asked["expires_at"] = _text(now + rng.choice((-1, 1, 1, 1)) * _span(rng, 48))
    if rng.random() < 0.2:
        asked["first_due_at"] = _text(now - _span(rng, 170))
    if rng.random() < 0.4:
        _live(asked, rng, now)
    return asked


def conversation(seed: int) -> dict[str, Any]:
    """Return a question about a shop's own answer: replies at each edge of what may be answered, mostly no opt-out."""
    rng = random.Random(f"conversation {seed}")  # noqa: S311 - as above
    now = _moment(rng)
    replies = [_reply(rng, now) for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 3)))]
    asked: dict[str, Any] = {
        "to": _number(rng),
        "class": "conversation",
        "now": _text(now),
        "consent": {"status": "none"} if rng.random() < 0.8 else _consent(rng, now, "conversation"),
        "history": [
            *({"at": _text(at), "class": "inbound_reply"} for at in replies),
            *({"at": _text(_past(rng, now)), "class": rng.choice(_KINDS)} for _ in range(rng.choice((0, 0, 1, 4)))),
        ],
        "close_guard_seconds": rng.choice((None, None, 0, 60, 300, 5400)),
    }
    rng.shuffle(asked["history"])
    if rng.random() < 0.5:
        asked["known"] = _known(rng)
    if rng.random() < 0.1:
        asked["number"] = _line(rng)
    if rng.random() < 0.1:
        asked["destinations"] = rng.choice((["US"], ["US", "CA"], ["GB", "FR"], []))
    if rng.random() < 0.15:
        asked["expires_at"] = _text(now + rng.choice((-1, 1, 1, 1)) * _span(rng, 24))
    if rng.random() < 0.2:
        asked["first_due_at"] = _text(now - _span(rng, 170))
    if rng.random() < 0.4:
        _live(asked, rng, now)
    return asked


def _reply(rng: random.Random, now: datetime) -> datetime:
    """Return when a person wrote: just now, about a quarter of an hour or a day ago, sometime, or by a fast clock."""
    least = rng.choice((timedelta(), timedelta(), timedelta(seconds=60), timedelta(seconds=900)))
    edge = rng.choice(_EDGES) - least
    return now - rng.choice(
        (
            timedelta(seconds=900) + edge,
            timedelta(seconds=900) + edge,
            timedelta(hours=24) + edge,
            timedelta(hours=24) + edge,
            rng.choice(_EDGES),
            _span(rng, 0.3),
            _span(rng, 26),
            _span(rng, 26),
            -_span(rng, 0.1),
        )
    )


def _live(asked: dict[str, Any], rng: random.Random, now: datetime) -> None:
    """Ask as a text in service is judged; often at the edge of what a clearance must last."""
    least = rng.choice((60, 60, 900, 7200))
    asked["least_clearance_seconds"] = least
    at_the_edge = _text(now + timedelta(seconds=least) + rng.choice(_EDGES))
    place = rng.random()
    if place < 0.2:
        asked["expires_at"] = at_the_edge
    elif place < 0.3:
        asked["consent"]["expires_at"] = at_the_edge


def _moment(rng: random.Random) -> datetime:
    """Return an instant; often a full hour or a breath beside it, often near a day on which clocks or laws change."""
    if rng.random() < 0.4:
        start = datetime.fromisoformat(rng.choice(_HARD_DAYS)).replace(tzinfo=UTC)
        moment = start + timedelta(hours=rng.uniform(-12, 36))
    else:
        moment = FIRST + (LAST - FIRST) * rng.random()
    if rng.random() < 0.5:
        moment = moment.replace(minute=rng.choice((0, 30)), second=0, microsecond=0) + rng.choice(_EDGES)
    return moment


def _number(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.15:
        return f"+1{rng.choice(_HOLIDAY_CODES)}5550123"
    if kind < 0.72:
        return f"+1{rng.choice(_AREA_CODES)}5550123"
    return rng.choice(_SPECIAL) if kind < 0.78 else rng.choice(_ABROAD)


def _known(rng: random.Random) -> dict[str, Any]:
    state = rng.choice(_STATES)
    known: dict[str, Any] = {}
    if rng.random() < 0.3:
        known["timezone"] = rng.choice(_ZONES)
    if rng.random() < 0.6:
        known["state"] = rng.choice((state, state[3:], PLACES["states"][state]["name"]))
    if rng.random() < 0.4:
        known["postal_code"] = rng.choice((f"{rng.randrange(1000):03d}01", "K1A 0B1", "V6B 1A1", "x0a 0a0"))
    if rng.random() < 0.3:
        known["country"] = rng.choice(("US", "CA", "GB", "FR", "TR", "JP", "GG", *sorted(TERRITORIES)))
    return known


def _line(rng: random.Random) -> dict[str, Any]:
    kind = rng.choice((None, "mobile", "voip", "voip", "landline", "premium"))
    return {"ported": rng.random() < 0.5, "type": kind, "suppressed": rng.random() < 0.1}


def _consent(rng: random.Random, now: datetime, purpose: str) -> dict[str, Any]:
    consent: dict[str, Any] = {"status": rng.choice(_STATUSES)}
    if rng.random() < 0.3:
        consent["expires_at"] = _text(now + rng.choice((-1, 0, 1, 1)) * _span(rng, 1))
    if rng.random() < (0.9 if purpose == "opt_out_confirmation" else 0.4):
        consent["revoked_at"] = _text(
            now - rng.choice((_span(rng, 0.1), _MAX_AGE + rng.choice(_EDGES), -_span(rng, 1)))
        )
    if purpose == "opt_out_confirmation" and rng.random() < 0.4:
        consent["revoked_since"] = _text(now - rng.choice((_span(rng, 0.1), _span(rng, 1), -_span(rng, 0.1))))
    if rng.random() < 0.4:
        consent["captured_at"] = consent.get("revoked_at") or _text(now - _span(rng, 1))
    return consent


def _history(rng: random.Random, now: datetime, purpose: str) -> list[dict[str, str]]:
    if purpose == "marketing" and rng.random() < 0.1:  # a full day whose oldest text is just a day old
        start = now - timedelta(hours=24) + rng.choice(_EDGES)
        return [{"at": _text(start + hours * timedelta(hours=7)), "class": "marketing"} for hours in range(3)]
    count = rng.choice((0, 0, 1, 2, 3, 4, 6))
    likely = ("marketing",) * 6 if purpose == "marketing" else (purpose, "inbound_help")
    kinds = [kind for kind in likely if kind in _KINDS]
    return [{"at": _text(_past(rng, now)), "class": rng.choice((*kinds, *_KINDS))} for _ in range(count)]


def _past(rng: random.Random, now: datetime) -> datetime:
    exact = (timedelta(hours=24), timedelta(hours=8), _MAX_AGE, _span(rng, 0.1))
    return now - (rng.choice(exact) + rng.choice(_EDGES) if rng.random() < 0.4 else _span(rng, 30))


def _span(rng: random.Random, hours: float) -> timedelta:
    return timedelta(seconds=rng.uniform(0, hours * 3600))


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
