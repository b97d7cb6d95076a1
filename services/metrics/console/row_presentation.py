"""The page with the rows behind a number: amounts, lengths of time and counts as people write them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from services.metrics.console.presentation import duration_text
from services.metrics.domain.journey_steps import money
from services.metrics.domain.reasons import is_known, meaning_of
from services.metrics.domain.rollups import Measure
from shared.money import digits_of

_MICROS: Final = 1_000_000
_OF_MONEY: Final = frozenset({Measure.ORDER_VALUE, Measure.COST, Measure.TEXT_REVENUE, Measure.REVENUE})
_BY_CURRENCY: Final = _OF_MONEY | {Measure.ORDERS}
_WORDS: Final[Mapping[Measure, str]] = {
    Measure.TRIGGERS: "things that happened in your shop",
    Measure.ORDERS: "orders",
    Measure.ORDER_VALUE: "in orders",
    Measure.PLANNED: "follow-ups planned",
    Measure.DEFERRED: "times the gate put a text off",
    Measure.LAPSED: "times a cleared text did not leave in time",
    Measure.BLOCKED: "follow-ups refused by the gate",
    Measure.CANCELLED: "follow-ups cancelled in time",
    Measure.EXPIRED: "follow-ups given up as too late",
    Measure.ACCEPTED: "texts taken by a provider",
    Measure.PARTS: "parts of texts taken by a provider",
    Measure.COST: "named by providers for texts",
    Measure.UNPRICED: "texts without a price",
    Measure.DELIVERED: "texts that arrived",
    Measure.REACHED: "texts that reached somebody",
    Measure.FAILED: "times a text did not go or arrive",
    Measure.UNKNOWN: "texts of which nobody knows whether they went",
    Measure.REPLIES: "replies",
    Measure.REPLIED: "texts that were answered",
    Measure.OPTED_OUT: "texts answered with an opt-out",
    Measure.CLICKS: "clicks by people",
    Measure.ROBOT_CLICKS: "looks at links by robots",
    Measure.CLICKED: "texts with a click",
    Measure.CONVERSIONS: "purchases credited to texts",
    Measure.CONVERTED: "texts that led to a purchase",
    Measure.TEXT_REVENUE: "brought in by the texts of this time",
    Measure.REVENUE: "brought in by texts",
    Measure.OPT_OUTS: "opt-outs",
    Measure.OPT_INS: "opt-ins",
    Measure.OPT_OUT_MILLISECONDS: "from opt-outs to the ledger, added up",
    Measure.TIMED_OPT_OUTS: "opt-outs that were timed",
    Measure.ERASURES: "people forgotten",
    Measure.IN_STATE: "follow-ups",
}


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above the rows."""

    number: str
    words: str
    detail: str


def heading(measure: Measure, detail: str | None, sums: Mapping[str, int]) -> Heading:
    """Return the number with its words; amounts are added up in each currency, and never across.

    Args:
        measure: what is counted.
        detail: the part that was asked for.
        sums: the sum of each part.
    """
    if measure in _OF_MONEY:
        amounts = [amount(measure, value, currency) for currency, value in sorted(sums.items())]
        number = " and ".join(amounts) or value_shown(measure, 0, detail)
    else:
        number = value_shown(measure, sum(sums.values()), detail)
    return Heading(number, _WORDS[measure], _detail(measure, detail))


def value_shown(measure: Measure, value: int, currency: str | None) -> str:
    """Return one row's part in the number."""
    if measure in _OF_MONEY:
        return amount(measure, value, currency or "")
    if measure is Measure.OPT_OUT_MILLISECONDS:
        return duration_text(timedelta(milliseconds=value))
    return f"{value:,}"


def row_shown(measure: Measure, value: int, fact: Mapping[str, Any]) -> str:
    """Return one row's part in the number, in the currency of its fact."""
    return value_shown(measure, value, fact.get("currency"))


def amount(measure: Measure, value: int, currency: str) -> str:
    """Return an amount; what texts cost has as many digits as it needs, for it is fractions of a cent."""
    if measure is not Measure.COST:
        return money(value, currency)
    exact = Decimal(value) / _MICROS
    digits = max(digits_of(currency), -int(exact.normalize().as_tuple().exponent))
    return f"{exact:,.{digits}f} {currency}".strip()


def _detail(measure: Measure, detail: str | None) -> str:
    if not detail or measure in _BY_CURRENCY:
        return ""
    return meaning_of(detail).words if is_known(detail) else detail.removeprefix("custom.").replace("_", " ")
