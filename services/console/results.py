"""The period that the page of results covers, and its tables (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from services.console.answers import ShownFigure
from services.console.charts import FigureChange, change, value_words
from services.console.words import masked_number, rows_address

PERIODS: Final = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
"""Days of each period that a link offers; they end with today."""
GROUPS: Final = {"flow": "Flow", "number": "Number", "day": "Day"}
LONGEST_DAYS: Final = 3 * 365
MOST_BY_DAY: Final = 95
_EARLIEST: Final = date(2000, 1, 2)
_LATEST: Final = date(2099, 12, 30)
_COLUMNS: Final = (
    "planned",
    "accepted",
    "delivery_rate",
    "click_through_rate",
    "reply_rate",
    "conversion_rate",
    "revenue",
    "revenue_per_text",
    "opt_out_rate",
)
"""Of the table by flow, number or day."""
_NOT_SHOWN: Final = frozenset({"ltv_to_cac", "net_promoter_score"})
"""They take what a page does not have: the cost of a customer, and answers that metrics does not open."""
_BUILT_IN: Final = {
    "answer": "answers to STOP and HELP",
    "api": "texts asked for by API",
    "conversation": "answers to people",
    "test": "test texts",
}
_ABOUT_PEOPLE: Final = frozenset({"customer_retention_rate", "repeat_purchase_rate", "revenue_churn", "lifetime_value"})
"""They compare two periods already, so the period before is not asked for them."""


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days on the shop's clock, the first and the last included."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def days(self) -> int:
        """How many there are."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Period":
        """As many days, up to the day before the first."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1), self.zone)

    @property
    def words(self) -> str:
        """The days: 1 Nov 2026 to 30 Nov 2026."""
        first, last = self.first, self.last
        return f"{first.day} {first:%b %Y} to {last.day} {last:%b %Y}" if self.days > 1 else f"{last.day} {last:%b %Y}"

    @property
    def query(self) -> dict[str, str]:
        """The window for the API."""
        return {"from": self._midnight(self.first), "to": self._midnight(self.last + timedelta(days=1))}

    def _midnight(self, day: date) -> str:
        return datetime.combine(day, time(), self.zone).astimezone(UTC).isoformat()


@dataclass(frozen=True, slots=True)
class FigureLine:
    """One figure of the page, beside the period before."""

    title: str
    formula: str
    note: str
    reason: str
    value: str
    parts: str
    rows: str
    denominator_rows: str
    before: str
    change: FigureChange | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of the table by groups; several for amounts in several currencies."""

    column: str
    values: Sequence[tuple[str, str]]
    """The value, and the address of its rows."""


def period_of(name: str, first: str, last: str, today: date, zone: ZoneInfo) -> Period:
    """Return the period that an address asks for.

    Args:
        name: of `PERIODS`; counts where no day is given.
        first: the first day, as 2026-11-01; empty for none.
        last: the last day; empty for today.
        today: on the shop's clock.
        zone: the shop's clock.

    Raises:
        ValueError: what is wrong with the days, as a sentence.
    """
    if not first and not last:
        return Period(today - timedelta(days=PERIODS.get(name, 30) - 1), today, zone)
    end = _day(last) if last else today
    begin = _day(first) if first else end - timedelta(days=29)
    if begin > end:
        raise ValueError("The first day is after the last one.")
    if (end - begin).days >= LONGEST_DAYS:
        raise ValueError("A period is at most three years long.")
    return Period(begin, end, zone)


def figure_lines(figures: Sequence[ShownFigure], before: Sequence[ShownFigure]) -> list[FigureLine]:
    """Return the figures of a period beside the one before; what was counted only then has a line too, as zero."""
    earlier = {figure.key: figure for figure in before if figure.name not in _ABOUT_PEOPLE}
    known = {figure.key for figure in figures}
    gone = [figure for figure in before if figure.key not in known and figure.value and figure.denominator is None]
    ended = [figure.model_copy(update={"value": 0, "numerator": 0, "rows": None}) for figure in gone]
    order = {figure.name: place for place, figure in reversed(list(enumerate(figures)))}
    shown = [figure for figure in (*figures, *ended) if figure.name not in _NOT_SHOWN]
    every = sorted(shown, key=lambda figure: order.get(figure.name, len(order)))
    return [_line(figure, earlier.get(figure.key)) for figure in every]


def _line(figure: ShownFigure, before: ShownFigure | None) -> FigureLine:
    is_share = figure.denominator is not None
    return FigureLine(
        title=figure.title,
        formula=figure.formula,
        note=figure.note or "",
        reason=(figure.reason or "").replace("_", " "),
        value=value_words(figure, figure.value),
        parts=f"{_part(figure, figure.numerator)} of {figure.denominator:,.0f}" if is_share else "",
        rows=rows_address(figure.rows) if figure.rows else "",
        denominator_rows=rows_address(figure.denominator_rows) if figure.denominator_rows else "",
        before=value_words(before, before.value) if before else "–",
        change=change(figure, before.value if before else None),
    )


def _part(figure: ShownFigure, value: float) -> str:
    if figure.unit in {"minor", "seconds"}:
        return value_words(figure, value)
    return f"{value:,.0f}"


def by_group(figures: Sequence[ShownFigure], group: str) -> list[tuple[str, list[Cell]]]:
    """Return a line for each flow, number or day, with its cells in the order of the columns."""
    found: dict[str, dict[str, list[ShownFigure]]] = {}
    for figure in figures:
        found.setdefault(figure.group or "", {}).setdefault(figure.name, []).append(figure)
    names = sorted((name for name in found if name or _has_texts(found[name])), reverse=group == "day")
    titles = {figure.name: figure.title for figure in figures}
    return [
        (
            group_words(name, group),
            [Cell(titles.get(column, column), _values(found[name].get(column, ()))) for column in _COLUMNS],
        )
        for name in names
    ]


def group_words(name: str, group: str) -> str:
    """Return a group as the page names it."""
    if not name:
        return "no number yet" if group == "number" else "no flow"
    if group == "number":
        return masked_number(name)
    if group == "day":
        day = date.fromisoformat(name)
        return f"{day:%a} {day.day} {day:%b %Y}"
    return _BUILT_IN.get(name, name) if group == "flow" else name


def _has_texts(figures: Mapping[str, Sequence[ShownFigure]]) -> bool:
    """Return whether a group is more than events that led to no text."""
    return any(figure.numerator for name in ("planned", "accepted") for figure in figures.get(name, ()))


def _values(figures: Sequence[ShownFigure]) -> list[tuple[str, str]]:
    return [(value_words(figure, figure.value), rows_address(figure.rows or "")) for figure in figures]


def csv_rows(figures: Sequence[ShownFigure], group: str) -> list[list[object]]:
    """Return the figures as lines of a file, exact, one line each."""
    return [
        [
            *([figure.group or ""] if group else []),
            figure.name,
            figure.title,
            figure.currency or "",
            figure.reason or "",
            "" if figure.value is None else figure.value,
            figure.numerator,
            "" if figure.denominator is None else figure.denominator,
            figure.unit,
            figure.formula,
            figure.window.since.isoformat(),
            figure.window.until.isoformat(),
        ]
        for figure in figures
    ]


CSV_HEAD: Final = (
    "figure",
    "title",
    "currency",
    "reason",
    "value",
    "numerator",
    "denominator",
    "unit",
    "formula",
    "from",
    "to",
)


def address(path: str, asked: Mapping[str, str], **changed: str) -> str:
    """Return an address of the page with some of its parameters changed; empty ones are left out."""
    query = {name: value for name, value in {**asked, **changed}.items() if value}
    return f"{path}?{urlencode(query)}" if query else path


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("Write a day as 2026-11-01.") from None
    if not _EARLIEST <= day <= _LATEST:
        raise ValueError("This day is too far away.")
    return day
