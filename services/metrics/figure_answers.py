"""Figures as the API answers them: with their window, and the addresses of the rows behind each part."""

from services.metrics.api_models import KPIAnswer, WindowAnswer
from services.metrics.domain.grouping import Dimension, Window
from services.metrics.domain.kpis import Breakdown, Figure
from services.metrics.domain.rollups import Measure
from services.metrics.fact_rows import rows_query


def figure_answer(figure: Figure, window: Window, by: Dimension | None = None, group: str = "") -> KPIAnswer:
    """Return a figure of a window, or of one group of it."""
    denominator = figure.definition.denominator
    rows = facts_address(denominator, window, None, by, group) if denominator else None
    return _answer(figure, window, rows, by, group)


def retention_answer(figure: Figure, window: Window) -> KPIAnswer:
    """Return a retention figure; its rows are the orders of the window and of the period before it."""
    before = Window(window.since - (window.until - window.since), window.since)
    divided_by = window if figure.definition.denominator else before
    return _answer(figure, window, facts_address(Measure.ORDERS, divided_by, figure.detail))


def window_answer(window: Window) -> WindowAnswer:
    """Return a window."""
    return WindowAnswer(since=window.since, until=window.until)


def facts_address(
    measure: Measure, window: Window, detail: str | None, by: Dimension | None = None, group: str = ""
) -> str:
    """Return where the rows behind a number are."""
    return f"/v1/facts?{rows_query(measure, window, detail, {by: group} if by else {})}"


def _answer(
    figure: Figure, window: Window, denominator_rows: str | None, by: Dimension | None = None, group: str = ""
) -> KPIAnswer:
    definition = figure.definition
    return KPIAnswer(
        name=definition.name,
        title=definition.title,
        value=figure.value,
        numerator=figure.numerator,
        denominator=figure.denominator,
        unit=definition.unit,
        formula=definition.formula,
        window=window_answer(window),
        rows=facts_address(definition.numerator, window, figure.detail, by, group),
        denominator_rows=denominator_rows,
        currency=figure.detail if definition.per is Breakdown.CURRENCY else None,
        reason=figure.detail if definition.per is Breakdown.REASON else None,
        by=by,
        group=group if by else None,
        note=figure.note,
    )
