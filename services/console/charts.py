"""Figures as tiles, and sums as charts: numbers become words and shapes, and nothing else is decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.console.answers import Number, ShownBar, ShownFigure, ShownPeriodFigure, ShownState
from services.console.words import rows_address
from shared.durations import duration_words
from shared.money import money

_SPARK_WIDTH: Final = 100.0
_SPARK_HEIGHT: Final = 24.0
_LARGE_MINOR: Final = 100_000
"""From this amount on, whole amounts are shown without decimals."""
_TILES: Final = (
    "delivery_rate",
    "click_through_rate",
    "conversion_rate",
    "revenue",
    "opt_out_rate",
    "unsubscribe_latency",
)
_COUNTS: Final = ("planned", "accepted", "delivered", "blocked", "opt_outs", "cost")
_PARTS: Final = {
    "delivery_rate": "{numerator:,.0f} of {denominator:,.0f} sent",
    "click_through_rate": "{numerator:,.0f} of {denominator:,.0f} delivered",
    "conversion_rate": "{numerator:,.0f} of {denominator:,.0f} delivered",
    "opt_out_rate": "{numerator:,.0f} of {denominator:,.0f} delivered",
    "unsubscribe_latency": "mean of {denominator:,.0f}",
}
WANTED_DOWN: Final = frozenset(
    {"opt_out_rate", "unsubscribe_latency", "opt_outs", "blocked", "failed", "unknown", "cost", "deferred", "cancelled"}
)
"""Figures that are better when they are smaller."""


@dataclass(frozen=True, slots=True)
class FigureChange:
    """The difference to the period before."""

    words: str
    is_better: bool


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure on the first page, linked to its rows."""

    title: str
    formula: str
    value: str
    unit: str
    """Shown in small type after the value."""
    parts: str
    rows: str
    change: FigureChange | None
    """None if there is nothing to compare with, or no difference."""
    spark: str | None
    """Points of a polyline, 100 by 24."""


@dataclass(frozen=True, slots=True)
class CountedFigure:
    """A number in the strip above the tiles; split by reason or currency it is the sum, or one for each currency."""

    title: str
    value: str
    change: FigureChange | None
    rows: str


@dataclass(frozen=True, slots=True)
class DrawnBar:
    """One bar, in percent of the drawing's height from the bottom up."""

    counts: ShownBar
    label: str
    full_label: str
    x: float
    width: float
    blocks: tuple[tuple[str, float, float], ...]
    """Class, top and height of each piece."""
    before: float
    """Where the mark of the period before stands, from the top."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One state's share of all follow-ups."""

    state: str
    words: str
    count: int
    x: float
    width: float


def tiles(figures: Sequence[ShownPeriodFigure]) -> list[Tile]:
    """Return the tiles; amounts of money once for each currency."""
    return [tile(figure) for name in _TILES for figure in figures if figure.name == name]


def tile(figure: ShownPeriodFigure) -> Tile:
    """Return one figure as a tile."""
    parts = _PARTS.get(figure.name, "")
    value, _, unit = value_words(figure, figure.value).partition(" ")
    return Tile(
        title=figure.title,
        formula=figure.formula,
        value=value,
        unit=unit,
        parts=parts.format(numerator=figure.numerator, denominator=figure.denominator or 0)
        if figure.value is not None
        else "no data yet",
        rows=rows_address(figure.rows or ""),
        change=change(figure, figure.before),
        spark=_spark(figure.by_bar),
    )


def counts(figures: Sequence[ShownPeriodFigure]) -> list[CountedFigure]:
    """Return what was planned, sent, delivered, blocked and withdrawn, and what it cost where a provider says it."""
    found = []
    for name in _COUNTS:
        of_name = [figure for figure in figures if figure.name == name]
        if name == "cost":
            found += [_counted(figure) for figure in of_name if figure.value or figure.before]
        elif of_name:
            summed = {"value": sum(figure.value or 0 for figure in of_name), "reason": None}
            before = sum(figure.before or 0 for figure in of_name)
            found.append(_counted(of_name[0].model_copy(update={**summed, "before": before}), is_whole=True))
    return found


def _counted(figure: ShownPeriodFigure, *, is_whole: bool = False) -> CountedFigure:
    rows = rows_address(figure.rows or "", without="detail" if is_whole else "")
    return CountedFigure(figure.title, value_words(figure, figure.value), change(figure, figure.before), rows)


def value_words(figure: ShownFigure, value: Number | None) -> str:
    """Return a value of a figure formatted for people; a dash if there is none, never 0 %."""
    if value is None:
        return "–"
    match figure.unit:
        case "ratio":
            return f"{value * 100:.1f} %"
        case "percent":
            return f"{value:.1f} %"
        case "seconds":
            return duration_words(timedelta(seconds=value))
        case "minor" if figure.currency is None and not value:
            return "–"
        case "minor":
            amount = money(round(value), figure.currency)
            return amount.replace(".00 ", " ") if abs(value) >= _LARGE_MINOR else amount
        case "count":
            return f"{value:,.0f}"


def change(figure: ShownFigure, before: Number | None) -> FigureChange | None:
    """Return the difference to the period before; None if either value is missing or they are equal."""
    if figure.value is None or before is None:
        return None
    difference = figure.value - before
    if figure.unit in {"ratio", "percent"}:
        points = difference * 100 if figure.unit == "ratio" else difference
        text, is_none = f"{abs(points):.1f} pt", round(points, 1) == 0
    elif before:
        text, is_none = f"{abs(difference / before):.0%}", round(difference / before, 2) == 0
    else:
        return None
    sign = "+" if difference > 0 else "−"
    return None if is_none else FigureChange(f"{sign}{text}", (difference > 0) != (figure.name in WANTED_DOWN))


def _spark(values: Sequence[int]) -> str | None:
    """Return a measure over time as a line; None if it is zero throughout."""
    top = max(values, default=0)
    if top <= 0 or len(values) <= 1:
        return None
    step = _SPARK_WIDTH / (len(values) - 1)
    return " ".join(
        f"{i * step:.1f},{_SPARK_HEIGHT - max(0, v) / top * _SPARK_HEIGHT:.1f}" for i, v in enumerate(values)
    )


def peak(bars: Sequence[ShownBar]) -> int:
    """Return the value at the full height of the chart."""
    return max((max(bar.total, bar.before) for bar in bars), default=0)


def draw_bars(bars: Sequence[ShownBar]) -> list[DrawnBar]:
    """Return the chart's bars, the highest of both periods filling the height."""
    top = peak(bars) or 1
    slot = 100 / max(1, len(bars))
    is_day = len(bars) > 1 and bars[1].begins_at - bars[0].begins_at < timedelta(hours=2)
    found = []
    for place, bar in enumerate(bars):
        blocks = []
        floor = 100.0
        for name, count in (("delivered", bar.delivered), ("troubled", bar.troubled), ("blocked", bar.blocked)):
            height = count / top * 100
            floor -= height
            if count:
                blocks.append((name, floor, height))
        at = bar.begins_at
        label = f"{at:%H}" if is_day else f"{at.day}"
        full = f"{at:%a %H:%M}" if is_day else f"{at:%a} {at.day} {at:%b}"
        before = 100 - bar.before / top * 100
        found.append(DrawnBar(bar, label, full, place * slot + slot * 0.14, slot * 0.72, tuple(blocks), before))
    return found


def slices(states: Sequence[ShownState]) -> list[Slice]:
    """Return the states in the order of a follow-up's life, each with its share of all."""
    every = sum(state.count for state in states) or 1
    found = []
    x = 0.0
    for state in states:
        width = state.count / every * 100
        found.append(Slice(state.state, state.words, state.count, x, width))
        x += width
    return found
