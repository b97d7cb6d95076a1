"""The figures: each has a name, a formula, a numerator, a denominator, and the measures of their rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from services.metrics.domain.rollups import Measure
from shared.money import micros_per_minor

MeasureTotals: TypeAlias = Mapping[tuple[str, str], int]
"""Value by measure and detail."""


class Unit(StrEnum):
    """The unit of a value."""

    RATIO = "ratio"
    PERCENT = "percent"
    SECONDS = "seconds"
    MINOR = "minor"
    """Minor units of the figure's currency."""
    COUNT = "count"


class Breakdown(StrEnum):
    """What a figure is broken down by, besides the requested dimension."""

    CURRENCY = "currency"
    REASON = "reason"


@dataclass(frozen=True, slots=True)
class FigureDefinition:
    """The definition of one figure."""

    name: str
    title: str
    formula: str
    unit: Unit
    numerator: Measure
    denominator: Measure | None = None
    """None: the figure is a sum, not a ratio."""
    per: Breakdown | None = None
    divisor: int = 1
    """From the unit of the numerator's rows to the unit of the figure."""
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with its value; None if the denominator is zero, since 0 of 0 is not 0 %."""

    definition: FigureDefinition
    value: float | None
    numerator: float
    denominator: float | None
    detail: str | None = None
    """The currency or reason, if it is broken down by one."""
    note: str | None = None


def _share(
    name: str, title: str, counted: str, numerator: Measure, note: str | None = None, unit: Unit = Unit.RATIO
) -> FigureDefinition:
    """Define what is counted for each text that reached a person; an amount of money by currency."""
    formula = f"{counted} / delivered texts other than answers to STOP and HELP"
    per = Breakdown.CURRENCY if unit is Unit.MINOR else None
    return FigureDefinition(name, title, formula, unit, numerator, Measure.REACHED, per, note=note)


def _count(
    name: str, title: str, formula: str, numerator: Measure, per: Breakdown | None = Breakdown.REASON
) -> FigureDefinition:
    return FigureDefinition(name, title, formula, Unit.COUNT, numerator, per=per)


DEFINITIONS: Final = (
    FigureDefinition(
        "delivery_rate", "Delivered", "delivered / accepted", Unit.RATIO, Measure.DELIVERED, Measure.ACCEPTED
    ),
    _share(
        "click_through_rate",
        "Clicked",
        "texts with a human click",
        Measure.CLICKED,
        "Each text counts once, in the hour it was sent; visits by robots are recorded and not counted.",
    ),
    _share("reply_rate", "Replied", "texts answered with anything but an opt-out or HELP", Measure.REPLIED),
    _share(
        "conversion_rate",
        "Bought",
        "texts with an attributed purchase",
        Measure.CONVERTED,
        "A purchase that is cancelled or refunded later still counts here, but not as revenue.",
    ),
    _share("opt_out_rate", "Opted out", "texts answered with an opt-out", Measure.OPTED_OUT),
    FigureDefinition(
        "unsubscribe_latency",
        "STOP honoured in",
        "time from the person's opt-out to its entry in the consent ledger, mean over opt-outs",
        Unit.SECONDS,
        Measure.OPT_OUT_MILLISECONDS,
        Measure.TIMED_OPT_OUTS,
        divisor=1000,
        note="The rows hold milliseconds.",
    ),
    FigureDefinition(
        "revenue", "Revenue", "attributed purchases less refunds", Unit.MINOR, Measure.REVENUE, per=Breakdown.CURRENCY
    ),
    _share(
        "revenue_per_text",
        "Revenue per text",
        "attributed revenue",
        Measure.TEXT_REVENUE,
        "Revenue of the texts sent in the window, whenever the purchase was.",
        Unit.MINOR,
    ),
    FigureDefinition(
        "cost",
        "Cost",
        "prices stated by providers for accepted texts",
        Unit.MINOR,
        Measure.COST,
        per=Breakdown.CURRENCY,
        note="Added up exactly, in millionths, and rounded only for display.",
    ),
    _count("planned", "Planned", "follow-ups planned", Measure.PLANNED, None),
    _count("accepted", "Sent", "texts accepted by a provider", Measure.ACCEPTED, None),
    _count("delivered", "Arrived", "texts sent in the window and delivered", Measure.DELIVERED, None),
    _count(
        "opt_outs",
        "Opt-outs",
        "withdrawals of consent in the ledger, through any entry point; a repeated STOP does not count",
        Measure.OPT_OUTS,
        None,
    ),
    _count("opt_ins", "Opt-ins", "consents given or confirmed in the ledger", Measure.OPT_INS, None),
    _count("blocked", "Blocked", "follow-ups blocked by the gate", Measure.BLOCKED),
    _count("deferred", "Deferred", "times the gate deferred a follow-up", Measure.DEFERRED),
    _count("cancelled", "Cancelled", "follow-ups cancelled in time", Measure.CANCELLED),
    _count("failed", "Failed", "dispatches that failed", Measure.FAILED),
    _count("unknown", "Unknown", "dispatches that ended without an answer", Measure.UNKNOWN),
)


def figures(sums: MeasureTotals) -> list[Figure]:
    """Return every figure of these sums; those broken down by currency or reason once for each."""
    return [figure for definition in DEFINITIONS for figure in _figures(definition, sums)]


def _figures(definition: FigureDefinition, sums: MeasureTotals) -> list[Figure]:
    details = sorted(detail for measure, detail in sums if measure == definition.numerator)
    if definition.per is None or not details:
        return [_figure(definition, total(sums, definition.numerator), sums, None)]
    return [_figure(definition, sums[definition.numerator, detail], sums, detail) for detail in details]


def _figure(definition: FigureDefinition, raw: int, sums: MeasureTotals, detail: str | None) -> Figure:
    divisor = micros_per_minor(detail or "") if definition.numerator is Measure.COST else definition.divisor
    numerator = raw / divisor if divisor != 1 else raw
    denominator = total(sums, definition.denominator) if definition.denominator else None
    return figure_of(definition, numerator, denominator, detail, definition.note)


def figure_of(
    definition: FigureDefinition,
    numerator: float,
    denominator: float | None,
    detail: str | None = None,
    note: str | None = None,
) -> Figure:
    """Return a figure whose value is the ratio, in percent if that is its unit; without a denominator the sum."""
    value = numerator if denominator is None else ratio(numerator, denominator)
    if value is not None and definition.unit is Unit.PERCENT:
        value *= 100
    return Figure(definition, value, numerator, denominator, detail, note)


def total(sums: MeasureTotals, measure: Measure, detail: str | None = None) -> int:
    """Return the sum of a measure: of one detail, or of all."""
    return sum(value for (name, part), value in sums.items() if name == measure and detail in {None, part})


def ratio(numerator: float, denominator: float) -> float | None:
    """Return the quotient; None if the denominator is zero."""
    return numerator / denominator if denominator else None
