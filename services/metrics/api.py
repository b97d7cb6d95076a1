"""The HTTP door: figures, the rows behind them, and the story of each follow-up."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import BeforeValidator

from services.metrics import journeys, store
from services.metrics.answers import FactsAnswer, JourneyAnswer, KPIAnswer, KPIsAnswer, WindowAnswer
from services.metrics.domain.grouping import By, Window, column_of, grouped
from services.metrics.domain.kpis import Figure, Per, figures
from services.metrics.domain.retention import retention_figures
from services.metrics.domain.tally import Measure
from services.metrics.purchases import purchases
from services.metrics.rows import Question, cursor_of, page_of, place_of
from services.metrics.settings import MetricsSettings
from shared.clock import Clock
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.http.auth import Caller, requires
from shared.http.problems import HTTPProblem, not_found, unprocessable
from shared.ids import FollowUpId
from shared.instants import BOUNDS, as_written, is_near

_DEFAULT_WINDOW = timedelta(days=30)
_LONGEST_WINDOW = timedelta(days=3 * 366)
_MOST_ROWS = 500

Reader = Annotated[Caller, Depends(requires("metrics:read"))]
_Moment = Annotated[datetime, BeforeValidator(as_written)]
Since = Annotated[_Moment | None, Query(alias="from", description="RFC 3339; widened to the whole hour.")]
Until = Annotated[_Moment | None, Query(alias="to", description="RFC 3339, not part of the window; widened.")]


def router_of(units: UnitOfWorkRunner, clock: Clock, settings: MetricsSettings) -> APIRouter:
    """Return the routes of the API."""
    router = APIRouter(tags=["metrics"])

    @router.get("/v1/kpis", summary="Figures with formula, parts, and the rows behind each")
    async def kpis(
        caller: Reader,
        since: Since = None,
        until: Until = None,
        by: By | None = None,
        cac_minor: Annotated[int | None, Query(gt=0, description="Cost of winning a customer, minor units.")] = None,
    ) -> KPIsAnswer:
        window = _window(since, until, clock.now())
        zone = ZoneInfo(caller.merchant.config.time_zone)

        async def work(db: Transaction) -> list[KPIAnswer]:
            columns = [column_of(by)] if by else []
            sums = await store.sums(db, caller.merchant.id, window.since, window.until, columns)
            shown = [
                _shown(figure, window, by, group)
                for group, part in grouped(sums, by, zone).items()
                for figure in figures(part)
            ]
            if by is None:
                bought = await purchases(db, caller.merchant.id, window.since, window.until)
                shown += [_bought(figure, window) for figure in retention_figures(bought, cac_minor)]
            return shown

        return KPIsAnswer(kpis=await units.read(work))

    @router.get("/v1/facts", summary="The rows behind a number")
    async def facts(
        caller: Reader,
        since: Since = None,
        until: Until = None,
        measure: Measure | None = None,
        detail: str | None = None,
        flow: str | None = None,
        hour: Annotated[str | None, Query(pattern=r"^\d\d$")] = None,
        weekday: str | None = None,
        segment: str | None = None,
        number: str | None = None,
        provider: str | None = None,
        version: str | None = None,
        limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 100,
        cursor: str | None = None,
    ) -> FactsAnswer:
        if measure is Measure.IN_STATE:
            raise unprocessable("measure", "states have no rows; ask for the facts that led there")
        asked = dict(zip(By, (flow, hour, weekday, segment, number, provider, version), strict=True))
        after = place_of(cursor) if cursor else None
        if cursor and after is None:
            raise unprocessable("cursor", "not a cursor; take it from `next` of the page before")
        window = _window(since, until, clock.now())
        groups = {by: value for by, value in asked.items() if value is not None}
        question = Question(window, measure, detail, groups, limit, after)
        zone = ZoneInfo(caller.merchant.config.time_zone)
        page = await units.read(lambda db: page_of(db, caller.merchant.id, question, zone))
        return FactsAnswer(
            window=_window_answer(window),
            rows=page.rows,
            next=cursor_of(page.next_place) if page.next_place else None,
        )

    @router.get("/v1/journeys/{follow_up_id}", summary="One follow-up's story")
    async def journey(follow_up_id: UUID, caller: Reader) -> JourneyAnswer:
        zone = ZoneInfo(caller.merchant.config.time_zone)
        found = await units.read(lambda db: journeys.journey_of(db, caller.merchant.id, FollowUpId(follow_up_id), zone))
        if found is None:
            raise not_found(f"the follow-up {follow_up_id}")
        return journeys.shown(found, clock.now(), settings, zone)

    return router


def _window(since: datetime | None, until: datetime | None, now: datetime) -> Window:
    """Return the asked window in whole hours; the last 30 days where nothing was asked."""
    end = _aware("to", until) or now
    start = _aware("from", since) or end - _DEFAULT_WINDOW
    if start >= end:
        raise unprocessable("from", "must be before `to`")
    if end - start > _LONGEST_WINDOW:
        raise HTTPProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "window_too_long", "a window is at most three years long")
    return Window.around(start, end)


def _aware(field: str, at: datetime | None) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise unprocessable(field, "an instant needs an offset, such as 2026-12-01T15:00:00Z")
    if at is not None and not is_near(at):
        raise unprocessable(field, BOUNDS)
    return at.astimezone(UTC) if at is not None else None


def _shown(figure: Figure, window: Window, by: By | None, group: str) -> KPIAnswer:
    """Return a figure with the addresses of its rows."""
    narrowed = [(str(by), group)] if by else []
    detail = [("detail", figure.detail)] if figure.detail is not None else []
    return _answer(
        figure,
        window,
        rows=_rows(figure.numerator_measure, window, [*detail, *narrowed]),
        denominator_rows=_rows(figure.denominator_measure, window, narrowed),
        by=by,
        group=group if by else None,
    )


def _bought(figure: Figure, window: Window) -> KPIAnswer:
    """Return a figure over people; its rows are the orders of the window and of the period before it."""
    before = Window(window.since - (window.until - window.since), window.since)
    detail = [("detail", figure.detail)] if figure.detail is not None else []
    is_of_window = figure.denominator_measure is not None
    return _answer(
        figure,
        window,
        rows=_rows(figure.numerator_measure, window, detail),
        denominator_rows=_rows(Measure.ORDERS, window if is_of_window else before, detail),
    )


def _answer(
    figure: Figure,
    window: Window,
    *,
    rows: str | None,
    denominator_rows: str | None,
    by: By | None = None,
    group: str | None = None,
) -> KPIAnswer:
    return KPIAnswer(
        name=figure.name,
        title=figure.title,
        value=figure.value,
        numerator=figure.numerator,
        denominator=figure.denominator,
        unit=figure.unit,
        formula=figure.formula,
        window=_window_answer(window),
        rows=rows,
        denominator_rows=denominator_rows,
        currency=figure.detail if figure.per is Per.CURRENCY else None,
        reason=figure.detail if figure.per is Per.REASON else None,
        by=by,
        group=group,
        note=figure.note,
    )


def _window_answer(window: Window) -> WindowAnswer:
    return WindowAnswer(since=window.since, until=window.until)


def _rows(measure: Measure | None, window: Window, narrowed: list[tuple[str, str]]) -> str | None:
    """Return the address of the rows of a measure."""
    if measure is None:
        return None
    query = [
        ("measure", str(measure)),
        ("from", window.since.isoformat()),
        ("to", window.until.isoformat()),
        *narrowed,
    ]
    return f"/v1/facts?{urlencode(query)}"
