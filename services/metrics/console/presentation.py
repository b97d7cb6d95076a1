"""How the console shows data: figures as tiles, sums as charts, people as short marks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from services.metrics.console.overview import Bar, Overview
from services.metrics.domain.grouping import Window
from services.metrics.domain.journey_steps import Tone, money
from services.metrics.domain.kpis import Figure, FigureDefinition, Unit, total
from services.metrics.domain.rollups import Measure
from services.metrics.fact_rows import rows_query
from shared.phone import E164, masked
from shared.progress import Doing, Progress
from shared.vocabulary.follow_up_states import FollowUpState

_SPARK_WIDTH: Final = 100.0
_SPARK_HEIGHT: Final = 24.0
_HUES: Final = 8
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
_PARTS: Final = {
    "delivery_rate": "{numerator:,.0f} of {denominator:,.0f} sent",
    "click_through_rate": "{numerator:,.0f} of {denominator:,.0f} delivered",
    "conversion_rate": "{numerator:,.0f} of {denominator:,.0f} delivered",
    "opt_out_rate": "{numerator:,.0f} of {denominator:,.0f} delivered",
    "unsubscribe_latency": "mean of {denominator:,.0f}",
}
STATES: Final = {
    FollowUpState.PENDING: (Tone.PLAIN, "waiting for their time"),
    FollowUpState.RELEASED: (Tone.PLAIN, "being checked or sent"),
    FollowUpState.DISPATCHED: (Tone.PLAIN, "with the provider"),
    FollowUpState.DELIVERED: (Tone.GOOD, "on the phone"),
    FollowUpState.UNCONFIRMED: (Tone.WAIT, "sent, no receipt"),
    FollowUpState.FAILED: (Tone.BAD, "not sent or not delivered"),
    FollowUpState.UNKNOWN: (Tone.BAD, "no answer; not sent again"),
    FollowUpState.BLOCKED: (Tone.WAIT, "refused by the gate"),
    FollowUpState.CANCELLED: (Tone.PLAIN, "no longer wanted"),
    FollowUpState.EXPIRED: (Tone.PLAIN, "too late to send"),
}
"""The tone of each state, and its words."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure on the page, linked to its rows."""

    figure: FigureDefinition
    value: str
    unit: str
    """Shown in small type after the value."""
    parts: str
    rows: str
    change: str | None
    is_better: bool | None
    """Whether the change is an improvement; None if there is nothing to compare with."""
    spark: str | None
    """Points of a polyline, 100 by 24."""


@dataclass(frozen=True, slots=True)
class DrawnBar:
    """One bar, in percent of the drawing's height from the bottom up."""

    counts: Bar
    label: str
    full_label: str
    x: float
    width: float
    blocks: tuple[tuple[str, float, float], ...]
    """Class, top and height of each piece."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One state's share of all follow-ups."""

    state: FollowUpState
    words: str
    count: int
    x: float
    width: float


def tiles(overview: Overview) -> list[Tile]:
    """Return the tiles; amounts of money once for each currency."""
    before = {(figure.definition, figure.detail): figure for figure in overview.figures_before}
    return [
        _tile(figure, before.get((figure.definition, figure.detail)), overview)
        for name in _TILES
        for figure in overview.figures
        if figure.definition.name == name
    ]


def _tile(figure: Figure, before: Figure | None, overview: Overview) -> Tile:
    definition = figure.definition
    parts = _PARTS.get(definition.name, "")
    change = _change(figure, before)
    value, _, unit = value_text(figure).partition(" ")
    wanted_up = definition.name not in {"opt_out_rate", "unsubscribe_latency"}
    return Tile(
        definition,
        value=value,
        unit=unit,
        parts=parts.format(numerator=figure.numerator, denominator=figure.denominator or 0)
        if figure.value is not None
        else "no data yet",
        rows=rows_url(definition.numerator, overview.window, figure.detail),
        change=change,
        is_better=None if change is None else change.startswith("+") == wanted_up,
        spark=_spark(overview.bars, definition.numerator, figure.detail),
    )


def value_text(figure: Figure) -> str:
    """Return a value formatted for people; a dash if there is none, never 0 %."""
    if figure.value is None:
        return "–"
    match figure.definition.unit:
        case Unit.RATIO:
            return f"{figure.value * 100:.1f} %"
        case Unit.PERCENT:
            return f"{figure.value:.1f} %"
        case Unit.SECONDS:
            return duration_text(timedelta(seconds=figure.value))
        case Unit.MINOR:
            amount = money(round(figure.value), figure.detail)
            return amount.replace(".00 ", " ") if abs(figure.value) >= _LARGE_MINOR else amount
        case Unit.COUNT:
            return f"{figure.value:,.0f}"


def _change(figure: Figure, before: Figure | None) -> str | None:
    """Return the difference to the period before; None if either value is missing or they are equal."""
    if figure.value is None or before is None or before.value is None:
        return None
    difference = figure.value - before.value
    match figure.definition.unit:
        case Unit.RATIO:
            text = f"{abs(difference) * 100:.1f} pt"
            is_none = round(difference * 100, 1) == 0
        case Unit.MINOR if before.value:
            text = f"{abs(difference) / before.value:.0%}"
            is_none = round(difference / before.value, 2) == 0
        case _:
            return None
    return None if is_none else f"{'+' if difference > 0 else '−'}{text}"


def _spark(bars: Sequence[Bar], measure: Measure, detail: str | None) -> str | None:
    """Return a measure over time as a line; None if it is zero throughout."""
    values = [total(bar.sums, measure, detail) for bar in bars]
    top = max(values, default=0)
    if top <= 0 or len(values) <= 1:
        return None
    step = _SPARK_WIDTH / (len(values) - 1)
    return " ".join(
        f"{i * step:.1f},{_SPARK_HEIGHT - max(0, v) / top * _SPARK_HEIGHT:.1f}" for i, v in enumerate(values)
    )


def peak(overview: Overview) -> int:
    """Return the value at the full height of the chart."""
    return max((bar.total for bar in overview.bars), default=0)


def draw_bars(overview: Overview) -> list[DrawnBar]:
    """Return the chart's bars, the highest filling the height."""
    top = peak(overview) or 1
    slot = 100 / max(1, len(overview.bars))
    is_day = len(overview.bars) > 1 and overview.bars[1].begins_at - overview.bars[0].begins_at < timedelta(hours=2)
    found = []
    for place, bar in enumerate(overview.bars):
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
        found.append(DrawnBar(bar, label, full, place * slot + slot * 0.14, slot * 0.72, tuple(blocks)))
    return found


def slices(overview: Overview) -> list[Slice]:
    """Return the states in the order of a follow-up's life, each with its share of all."""
    every = sum(overview.states.values()) or 1
    found = []
    x = 0.0
    for state in FollowUpState:
        count = overview.states.get(state, 0)
        width = count / every * 100
        if state is not FollowUpState.UNCONFIRMED:
            found.append(Slice(state, STATES[state][1], count, x, width))
        x += width
    return found


def tone_at(state: FollowUpState, progress: Progress) -> Tone:
    """Return the tone of a follow-up: waiting ones have their own, the others that of their state."""
    return Tone.WAIT if progress.doing in {Doing.WAITING, Doing.UNANSWERED} else STATES[state][0]


def rows_url(measure: Measure, window: Window, detail: str | None) -> str:
    """Return the URL of the console page with the rows behind a number."""
    return f"/console/rows?{rows_query(measure, window, detail or None)}"


def person_mark(recipient_id: UUID) -> str:
    """Return a short mark that is the same for the same person and does not identify them."""
    return recipient_id.hex[-6:]


def hue(recipient_id: UUID) -> int:
    """Return one of eight colours for a person."""
    return recipient_id.int % _HUES


def masked_number(number: str) -> str:
    """Return a number masked for display; an alphanumeric sender name is not masked."""
    return masked(E164(number)) if number.startswith("+") else number


def duration_text(duration: timedelta) -> str:
    """Return a duration in its two largest units: 2 h 5 min."""
    seconds = duration.total_seconds()
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:  # noqa: PLR2004 - below ten seconds the tenths matter
        return f"{seconds:.1f} s"
    whole = round(seconds)
    units = (("d", whole // 86_400), ("h", whole // 3600 % 24), ("min", whole // 60 % 60), ("s", whole % 60))
    named = [f"{count} {name}" for name, count in units if count]
    return " ".join(named[:2])
