"""The filters of templates: each reads only values of a bounded size, and writes no incomplete one."""

import functools
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any

from liquid.exceptions import FilterArgumentError
from liquid.undefined import is_undefined

from shared import money
from shared.templates.limits import (
    LARGEST_VALUE_CHARACTERS,
    OBJECT,
    is_object,
    look_at,
    look_at_all,
    refuse_large,
    spend,
    weight_of,
)

NO_CLOCK = "a template cannot ask what time it is; name a whole date"
NO_ADDRESS = "link needs an address that starts with https:// or http://"
NO_DATE = "date needs an instant, such as 2026-11-30T17:00:00Z, and a pattern of letters after %, such as '%b %d'"
NO_AMOUNT = "money needs a whole number of the currency's smallest unit, such as trigger.amount_minor"
NO_CURRENCY = "money needs a currency: give the trigger one, or write | money: 'EUR'"
SAFE_REASONS = (NO_CLOCK, NO_ADDRESS, NO_DATE, NO_AMOUNT, NO_CURRENCY, OBJECT)
"""Every refusal that has these words."""

_TAKES_OBJECTS = frozenset({"compact", "concat", "default", "find", "find_index", "first", "has", "last", "map"}) | {
    *("reject", "reverse", "size", "slice", "sort", "sort_natural", "sum", "uniq", "where"),
}
_GROWS = frozenset({"replace", "replace_first", "replace_last"})
_MAKES_MORE = _GROWS | {"join", "uniq"}
_PAIRS_A_STEP = 16
_CALL_STEPS = 5
_CLOCK_WORDS = frozenset({"now", "today"})
_LONGEST_DATE_CHARACTERS = 64
_LONGEST_PATTERN_CHARACTERS = 100
_LATEST_EPOCH_SECONDS = 253_402_300_799
_DIRECTIVE = re.compile(r"%(?:[-^]?[aAbBcCdDeFHIjklmMnpPrRStTuUVwWxXyYzZG]|%)")
_HOUR_ALONE = re.compile(r"\d{1,2}:\d\d(?::\d\d)?(?:\s*[AaPp][Mm])?")
_MARK = re.compile(r"<[^<>]*>")


def metered_filter(name: str, apply: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that pays for what it reads, and refuses a missing value, an object, or one that is too large."""
    grows = name in _MAKES_MORE

    @functools.wraps(apply)
    def bounded(*values: Any, **named: Any) -> Any:
        weights = [
            len(value) if type(value) is str else _weighed(name, at, value)
            for at, value in enumerate((*values, *named.values()) if named else values)
        ]
        look_at_all(weights, _CALL_STEPS)
        if grows:
            _foresee(name, values, weights)
        made = apply(*values, **named)
        look_at(made)
        return made

    return bounded


def _weighed(name: str, at: int, value: object) -> int:
    if is_undefined(value):
        if name == "default" and at == 0:
            return 0
        str(value)  # raises, and names what has no value
    if name not in _TAKES_OBJECTS and is_object(value):
        raise FilterArgumentError(OBJECT, token=None)
    return weight_of(value)


def _foresee(name: str, values: Sequence[Any], weights: Sequence[int]) -> None:
    """Pay for output that grows faster than the input, or refuse it."""
    match name, values:
        case "uniq", [list() as items, *_]:
            spend(len(items) ** 2 // _PAIRS_A_STEP)
        case "join", [list() as items, *_] if len(weights) > 1:
            _refuse_above(weights[0] + len(items) * weights[1])
        case _, [_, old, new, *_] if name in _GROWS:
            _refuse_above(weights[0] + str(values[0]).count(str(old)) * len(str(new)))


def _refuse_above(weight: int) -> None:
    if weight > LARGEST_VALUE_CHARACTERS:
        refuse_large()


def without_marks(value: object) -> str:
    """Return a text without HTML's marks, in one pass."""
    return _MARK.sub("", str(value))


def written_date(value: object, pattern: object, zone: tzinfo) -> str:
    """Return an instant as the recipient's clock shows it; a day without a zone is that day everywhere."""
    moment = _moment(value)
    is_pattern = isinstance(pattern, str) and len(pattern) <= _LONGEST_PATTERN_CHARACTERS
    if moment is None or not is_pattern or "%" in _DIRECTIVE.sub("", str(pattern)):
        raise FilterArgumentError(NO_DATE, token=None)
    if moment.tzinfo is not None:
        try:
            moment = moment.astimezone(zone)
        except OverflowError:
            raise FilterArgumentError(NO_DATE, token=None) from None
    return moment.strftime(str(pattern))


def _moment(value: object) -> datetime | None:
    match value:
        case datetime():
            return value
        case date():
            return datetime.combine(value, time())
        case bool():
            return None
        case int() if 0 <= value <= _LATEST_EPOCH_SECONDS:
            return datetime.fromtimestamp(value, UTC)
        case str() if value.strip().casefold() in _CLOCK_WORDS:
            raise FilterArgumentError(NO_CLOCK, token=None)
        case str() if len(value) <= _LONGEST_DATE_CHARACTERS:
            return _read(value.strip())
        case _:
            return None


def _read(text: str) -> datetime | None:
    if _HOUR_ALONE.fullmatch(text):
        raise FilterArgumentError(NO_CLOCK, token=None)
    if text.isascii() and text.isdigit() and len(text) > len("20261130"):
        return _moment(int(text)) if len(text) <= len(str(_LATEST_EPOCH_SECONDS)) else None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def written_money(value: object, currency: object, locale: str) -> str:
    """Return minor units as an amount in the currency's own digits."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise FilterArgumentError(NO_AMOUNT, token=None)
    if not isinstance(currency, str) or not re.fullmatch("[A-Za-z]{3}", currency):
        raise FilterArgumentError(NO_CURRENCY, token=None)
    return money.written(value, currency, locale)
