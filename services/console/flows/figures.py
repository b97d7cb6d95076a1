"""The figures of flows as a person reads them (pure)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.console.flows.answers import Amount, FlowControl, FlowFigures, StepFigures
from shared import money
from shared.parts import Encoding, encoding_of

_SMALL_MINOR: Final = 100
"""Below this an amount is shown with its fraction of a minor unit: prices of texts have one."""
_MOST_FOREIGN: Final = 3
_NONE: Final = "–"


class FlowPeriod(StrEnum):
    """The period that figures are of."""

    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"

    @property
    def days(self) -> int:
        """Its length."""
        return int(self.value.removesuffix("d"))


@dataclass(frozen=True, slots=True)
class FlowState:
    """How a flow is, in words and a tone."""

    words: str
    tone: str


def state_of(control: FlowControl | None, *, is_removed: bool = False) -> FlowState:
    """Return the state of a flow."""
    if is_removed:
        gone = {None: "removed, texts go on", "pause": "removed, texts paused", "stop": "removed, texts cancelled"}
        return FlowState(gone[None if control is None else control.action], "bad")
    if control is None:
        return FlowState("in force", "good")
    return FlowState("stopped", "bad") if control.action == "stop" else FlowState("paused", "wait")


def share(part: int, whole: int) -> str:
    """Return a share in per cent; a dash where there is nothing to divide by."""
    return f"{100 * part / whole:.1f} %" if whole else _NONE


def amounts(found: Iterable[Amount], locale: str) -> str:
    """Return amounts of money, one for each currency; a dash for none."""
    return " + ".join(_written(each.minor, each.currency, locale) for each in found if each.minor) or _NONE


def revenue_per_text(figures: StepFigures, locale: str) -> str:
    """Return what a delivered text brought."""
    if not figures.reached:
        return _NONE
    each = [Amount(currency=a.currency, minor=a.minor / figures.reached) for a in figures.text_revenue]
    return amounts(each, locale)


def part_price(figures: StepFigures) -> Amount | None:
    """Return what a part cost in the period; None where a price is missing or there are several currencies."""
    if figures.unpriced or not figures.parts or len(figures.cost) != 1:
        return None
    return Amount(currency=figures.cost[0].currency, minor=figures.cost[0].minor / figures.parts)


def price_words(parts: int, price: Amount | None, locale: str) -> str:
    """Return what a text of so many parts costs; empty where it is not known."""
    return "" if price is None else _written(parts * price.minor, price.currency, locale)


def foreign_characters(text: str) -> str:
    """Return the first characters that make a text UCS-2, in quotes."""
    found = dict.fromkeys(sign for sign in text if encoding_of(sign) is Encoding.UCS2)
    return ", ".join(f"“{sign}”" for sign in [*found][:_MOST_FOREIGN])


def table_of(figures: FlowFigures, state: FlowState, locale: str) -> Sequence[object]:
    """Return a line of the table of flows, for its CSV file."""
    return (
        figures.flow,
        state.words,
        figures.entered,
        figures.active,
        figures.sent,
        figures.delivered,
        figures.clicked,
        amounts(figures.revenue, locale),
        revenue_per_text(figures, locale),
        figures.opted_out,
    )


TABLE_HEAD: Final = (
    "flow",
    "state",
    "entered",
    "active",
    "texts",
    "delivered",
    "clicked",
    "revenue",
    "revenue per text",
    "opt-outs",
)


def _written(minor: float, currency: str, locale: str) -> str:
    if abs(minor) < _SMALL_MINOR and minor != int(minor):
        return f"{currency} {minor / 10 ** money.digits_of(currency):.{money.digits_of(currency) + 2}f}"
    return money.written(round(minor), currency, locale)
