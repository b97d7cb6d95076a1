"""The figures: each has a name, a formula, a numerator, a denominator, and the measures of their rows."""

from collections.abc import Iterable, Mapping
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

    name: str
    title: str
    formula: str
    unit: Unit
    value: float | None
    numerator: float
    denominator: float | None
    numerator_measure: Measure | None
    denominator_measure: Measure | None = None
    detail: str | None = None
    per: Breakdown | None = None
    note: str | None = None


DEFINITIONS: Final = (
    FigureDefinition(
        "delivery_rate", "Delivered", "delivered / accepted", Unit.RATIO, Measure.DELIVERED, Measure.ACCEPTED
    ),
    FigureDefinition(
        "click_through_rate",
        "Clicked",
        "texts with a human click / delivered texts other than answers to STOP and HELP",
        Unit.RATIO,
        Measure.CLICKED,
        Measure.REACHED,
        note="Each text counts once, in the hour it was sent; visits by robots are recorded and not counted.",
    ),
    FigureDefinition(
        "reply_rate",
        "Replied",
        "texts answered with anything but an opt-out or HELP / delivered texts other than answers to STOP and HELP",
        Unit.RATIO,
        Measure.REPLIED,
        Measure.REACHED,
    ),
    FigureDefinition(
        "conversion_rate",
        "Bought",
        "texts with an attributed purchase / delivered texts other than answers to STOP and HELP",
        Unit.RATIO,
        Measure.CONVERTED,
        Measure.REACHED,
        note="A purchase that is cancelled or refunded later still counts here, but not as revenue.",
    ),
    FigureDefinition(
        "opt_out_rate",
        "Opted out",
        "texts answered with an opt-out / delivered texts other than answers to STOP and HELP",
        Unit.RATIO,
        Measure.OPTED_OUT,
        Measure.REACHED,
    ),
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
        "revenue",
        "Revenue",
        "attributed purchases less refunds",
        Unit.MINOR,
        Measure.REVENUE,
        per=Breakdown.CURRENCY,
    ),
    FigureDefinition(
        "revenue_per_text",
        "Revenue per text",
        "attributed revenue / delivered texts other than answers to STOP and HELP",
        Unit.MINOR,
        Measure.TEXT_REVENUE,
        Measure.REACHED,
        per=Breakdown.CURRENCY,
        note="Revenue of the texts sent in the window, whenever the purchase was.",
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
    FigureDefinition("planned", "Planned", "follow-ups planned", Unit.COUNT, Measure.PLANNED),
    FigureDefinition("accepted", "Sent", "texts accepted by a provider", Unit.COUNT, Measure.ACCEPTED),
    FigureDefinition("delivered", "Arrived", "texts sent in the window and delivered", Unit.COUNT, Measure.DELIVERED),
    FigureDefinition(
        "opt_outs",
        "Opt-outs",
        "withdrawals of consent in the ledger, through any entry point; a repeated STOP does not count",
        Unit.COUNT,
        Measure.OPT_OUTS,
    ),
    FigureDefinition(
        "blocked", "Blocked", "follow-ups blocked by the gate", Unit.COUNT, Measure.BLOCKED, per=Breakdown.REASON
    ),
    FigureDefinition(
        "deferred",
        "Deferred",
        "times the gate deferred a follow-up",
        Unit.COUNT,
        Measure.DEFERRED,
        per=Breakdown.REASON,
    ),
    FigureDefinition(
        "cancelled", "Cancelled", "follow-ups cancelled in time", Unit.COUNT, Measure.CANCELLED, per=Breakdown.REASON
    ),
    FigureDefinition("failed", "Failed", "dispatches that failed", Unit.COUNT, Measure.FAILED, per=Breakdown.REASON),
    FigureDefinition(
        "unknown",
        "Unknown",
        "dispatches that ended without an answer",
        Unit.COUNT,
        Measure.UNKNOWN,
        per=Breakdown.REASON,
    ),
)


def figures(sums: MeasureTotals, definitions: Iterable[FigureDefinition] = DEFINITIONS) -> list[Figure]:
    """Return every figure of these sums; those broken down by currency or reason once for each."""
    return [figure for definition in definitions for figure in _figures(definition, sums)]


def _figures(definition: FigureDefinition, sums: MeasureTotals) -> list[Figure]:
    details = sorted(detail for measure, detail in sums if measure == definition.numerator)
    if definition.per is None or not details:
        return [_figure(definition, _total(sums, definition.numerator), sums, None)]
    return [_figure(definition, sums[definition.numerator, detail], sums, detail) for detail in details]


def _figure(definition: FigureDefinition, raw: int, sums: MeasureTotals, detail: str | None) -> Figure:
    divisor = micros_per_minor(detail or "") if definition.numerator is Measure.COST else definition.divisor
    numerator = raw / divisor if divisor != 1 else raw
    denominator = _total(sums, definition.denominator) if definition.denominator else None
    return Figure(
        name=definition.name,
        title=definition.title,
        formula=definition.formula,
        unit=definition.unit,
        value=numerator if denominator is None else ratio(numerator, denominator),
        numerator=numerator,
        denominator=denominator,
        numerator_measure=definition.numerator,
        denominator_measure=definition.denominator,
        detail=detail,
        per=definition.per,
        note=definition.note,
    )


def _total(sums: MeasureTotals, measure: Measure) -> int:
    return sum(value for (name, _), value in sums.items() if name == measure)


def ratio(numerator: float, denominator: float) -> float | None:
    """Return the quotient; None if the denominator is zero."""
    return numerator / denominator if denominator else None
