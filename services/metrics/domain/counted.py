"""What a number counts, and its value and that of its rows, formatted for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from services.metrics.domain.reasons import is_known, meaning_of
from services.metrics.domain.rollups import Measure
from shared.durations import duration_words
from shared.money import digits_of, money

_MICROS: Final = 1_000_000
_OF_MONEY: Final = frozenset({Measure.ORDER_VALUE, Measure.COST, Measure.TEXT_REVENUE, Measure.REVENUE})
_BY_CURRENCY: Final = _OF_MONEY | {Measure.ORDERS}
_WORDS: Final[Mapping[Measure, str]] = {
    Measure.TRIGGERS: "events in your shop",
    Measure.ORDERS: "orders",
    Measure.ORDER_VALUE: "in orders",
    Measure.PLANNED: "follow-ups planned",
    Measure.DEFERRED: "times a follow-up was deferred",
    Measure.LAPSED: "times a cleared follow-up was not sent in time",
    Measure.BLOCKED: "follow-ups blocked by the gate",
    Measure.CANCELLED: "follow-ups cancelled in time",
    Measure.EXPIRED: "follow-ups expired",
    Measure.ACCEPTED: "texts accepted by a provider",
    Measure.PARTS: "parts of texts accepted by a provider",
    Measure.COST: "in prices stated by providers",
    Measure.UNPRICED: "texts without a price",
    Measure.DELIVERED: "texts delivered",
    Measure.REACHED: "delivered texts other than answers to STOP and HELP",
    Measure.FAILED: "times a text was not sent or not delivered",
    Measure.UNKNOWN: "texts of which it is unknown whether they were sent",
    Measure.REPLIES: "replies",
    Measure.REPLIED: "texts that were answered",
    Measure.OPTED_OUT: "texts answered with an opt-out",
    Measure.CLICKS: "clicks by people",
    Measure.ROBOT_CLICKS: "link previews by robots",
    Measure.CLICKED: "texts with a click",
    Measure.CONVERSIONS: "purchases credited to texts",
    Measure.CONVERTED: "texts that led to a purchase",
    Measure.TEXT_REVENUE: "revenue from the texts of this period",
    Measure.REVENUE: "revenue from texts",
    Measure.OPT_OUTS: "opt-outs",
    Measure.OPT_INS: "opt-ins",
    Measure.OPT_OUT_MILLISECONDS: "in total from opt-outs to the ledger",
    Measure.TIMED_OPT_OUTS: "opt-outs with a measured time",
    Measure.ERASURES: "people erased",
    Measure.IN_STATE: "follow-ups",
}


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading above the rows."""

    number: str
    words: str
    detail: str


def heading(measure: Measure, detail: str | None, sums: Mapping[str, int]) -> Heading:
    """Return the number and what it counts; amounts are added up for each currency separately.

    Args:
        measure: what is counted.
        detail: the requested part.
        sums: the sum of each part.
    """
    if measure in _OF_MONEY:
        amounts = [amount(measure, value, currency) for currency, value in sorted(sums.items())]
        number = " and ".join(amounts) or value_shown(measure, 0, detail)
    else:
        number = value_shown(measure, sum(sums.values()), detail)
    return Heading(number, _WORDS[measure], _detail(measure, detail))


def value_shown(measure: Measure, value: int, currency: str | None) -> str:
    """Return what one row adds to the number."""
    if measure in _OF_MONEY:
        return amount(measure, value, currency or "")
    if measure is Measure.OPT_OUT_MILLISECONDS:
        return duration_words(timedelta(milliseconds=value))
    return f"{value:,}"


def amount(measure: Measure, value: int, currency: str) -> str:
    """Return an amount; a cost has as many digits as it needs, since it may be a fraction of a cent."""
    if measure is not Measure.COST:
        return money(value, currency)
    exact = Decimal(value) / _MICROS
    digits = max(digits_of(currency), -int(exact.normalize().as_tuple().exponent))
    return f"{exact:,.{digits}f} {currency}".strip()


def _detail(measure: Measure, detail: str | None) -> str:
    if not detail or measure in _BY_CURRENCY:
        return ""
    return meaning_of(detail).words if is_known(detail) else detail.removeprefix("custom.").replace("_", " ")
