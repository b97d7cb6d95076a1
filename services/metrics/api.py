"""The HTTP entry point of metrics: what happens now, figures, the rows behind them, the story of each follow-up."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import BeforeValidator

from services.metrics import journeys, store
from services.metrics.api_models import FactsAnswer, JourneyAnswer, KPIAnswer, KPIsAnswer
from services.metrics.domain.customer_retention import retention_figures
from services.metrics.domain.grouping import Dimension, Window, column_of, grouped
from services.metrics.domain.kpis import figures
from services.metrics.domain.rollups import Measure
from services.metrics.fact_rows import FactQuery, decode_cursor, encode_cursor, load_counted, load_page
from services.metrics.figure_answers import figure_answer, retention_answer, window_answer
from services.metrics.flow_figures import FlowFiguresPage, FlowName, load_flow_figures
from services.metrics.overview import OverviewPeriod, load_overview
from services.metrics.overview_answers import OverviewAnswer, overview_answer
from services.metrics.purchase_store import load_purchase_totals
from services.metrics.settings import MetricsSettings
from services.metrics.timelines import TimelineAnswer, load_timeline, timeline_answer
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.http.auth import Caller, requires
from shared.http.problems import HTTPProblem, not_found, unprocessable
from shared.ids import FollowUpId, RecipientId
from shared.instants import BOUNDS, as_written, is_near

_DEFAULT_WINDOW = timedelta(days=30)
_LONGEST_WINDOW = timedelta(days=3 * 366)
_LONGEST_BY_DAY = timedelta(days=100)
_MOST_ROWS = 500

Reader = Annotated[Caller, Depends(requires("metrics:read"))]
_Moment = Annotated[datetime, BeforeValidator(as_written)]
Since = Annotated[_Moment | None, Query(alias="from", description="RFC 3339; widened to the whole hour.")]
Until = Annotated[_Moment | None, Query(alias="to", description="RFC 3339, not part of the window; widened.")]


class MetricsEndpoints:
    """Answers for figures, the rows behind them, and the story of a follow-up."""

    def __init__(self, units: UnitOfWorkRunner, settings: MetricsSettings) -> None:
        self._units = units
        self._settings = settings

    async def kpis(
        self,
        caller: Reader,
        since: Since = None,
        until: Until = None,
        by: Dimension | None = None,
        cac_minor: Annotated[
            int | None, Query(gt=0, description="Cost of acquiring a customer, in minor units.")
        ] = None,
    ) -> KPIsAnswer:
        """Answer the figures of a window, together or by a dimension."""
        window = _window(since, until, self._units.clock.now())
        if by is Dimension.DAY and window.until - window.since > _LONGEST_BY_DAY:
            raise unprocessable("by", "days are listed for at most 100 of them; choose a shorter window")
        zone = ZoneInfo(caller.merchant.config.time_zone)

        async def work(db: Transaction) -> list[KPIAnswer]:
            columns = [column_of(by)] if by else []
            sums = await store.sums(db, caller.merchant.id, window.since, window.until, columns)
            answers = [
                figure_answer(figure, window, by, group)
                for group, part in grouped(sums, by, zone).items()
                for figure in figures(part)
            ]
            if by is None:
                totals = await load_purchase_totals(db, caller.merchant.id, window.since, window.until)
                answers += [retention_answer(figure, window) for figure in retention_figures(totals, cac_minor)]
            return answers

        return KPIsAnswer(kpis=await self._units.read(work))

    async def flow_figures(
        self, caller: Reader, since: Since = None, until: Until = None, flow: FlowName = None
    ) -> FlowFiguresPage:
        """Answer what each flow and each of its steps did in a window, and what waits there now."""
        window = _window(since, until, self._units.clock.now())
        return await self._units.read(lambda db: load_flow_figures(db, caller.merchant.id, window, flow))

    async def facts(
        self,
        caller: Reader,
        since: Since = None,
        until: Until = None,
        measure: Measure | None = None,
        detail: str | None = None,
        flow: str | None = None,
        day: Annotated[str | None, Query(pattern=r"^\d{4}-\d\d-\d\d$")] = None,
        hour: Annotated[str | None, Query(pattern=r"^\d\d$")] = None,
        weekday: str | None = None,
        segment: str | None = None,
        number: str | None = None,
        provider: str | None = None,
        version: str | None = None,
        limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 100,
        cursor: str | None = None,
    ) -> FactsAnswer:
        """Answer a page of the facts of a window, or of those behind one number; a page looks at 2,500 at most."""
        if measure is Measure.IN_STATE:
            raise unprocessable("measure", "a state has no rows; ask for the facts that led to it")
        values = (flow, day, hour, weekday, segment, number, provider, version)
        groups = {by: value for by, value in zip(Dimension, values, strict=True) if value is not None}
        after = decode_cursor(cursor) if cursor else None
        if cursor and after is None:
            raise unprocessable("cursor", "not a cursor; use `next` of the page before")
        window = _window(since, until, self._units.clock.now())
        query = FactQuery(window, measure, detail, groups, limit, after)
        zone = ZoneInfo(caller.merchant.config.time_zone)

        async def work(db: Transaction) -> FactsAnswer:
            page = await load_page(db, caller.merchant.id, query, zone)
            counted = await load_counted(db, caller.merchant.id, query, zone)
            following = encode_cursor(page.end) if page.end else None
            return FactsAnswer(
                window=window_answer(window),
                counted=counted,
                rows=page.rows,
                next=following,
                searched_to=page.end[0] if page.end else None,
            )

        return await self._units.read(work)

    async def overview(self, caller: Reader, span: OverviewPeriod = OverviewPeriod.DAY) -> OverviewAnswer:
        """Answer what is happening now, from one snapshot, beside the period before."""
        merchant, zone, now = caller.merchant, ZoneInfo(caller.merchant.config.time_zone), self._units.clock.now()
        return overview_answer(await self._units.read(lambda db: load_overview(db, merchant.id, span, now, zone)))

    async def journey(self, follow_up_id: UUID, caller: Reader) -> JourneyAnswer:
        """Answer one follow-up's story."""
        zone, key = ZoneInfo(caller.merchant.config.time_zone), FollowUpId(follow_up_id)
        found = await self._units.read(lambda db: journeys.load_journey(db, caller.merchant.id, key, zone))
        if found is None:
            raise not_found(f"the follow-up {follow_up_id}")
        return journeys.journey_answer(found, self._units.clock.now(), self._settings, zone)

    async def timeline(self, recipient_id: UUID, caller: Reader) -> TimelineAnswer:
        """Answer what happened to a person, the newest 100 things first."""
        zone, key = ZoneInfo(caller.merchant.config.time_zone), RecipientId(recipient_id)
        found = await self._units.read(lambda db: load_timeline(db, caller.merchant.id, key, zone))
        if not found:
            raise not_found("this person")
        return timeline_answer(key, found)


def create_router(metrics: MetricsEndpoints) -> APIRouter:
    """Return the routes of the API."""
    router = APIRouter()
    router.add_api_route(
        "/v1/overview", metrics.overview, tags=["results"], summary="Show what is happening now, and the period before"
    )
    router.add_api_route(
        "/v1/kpis", metrics.kpis, tags=["results"], summary="List figures with formula, parts, and the rows behind each"
    )
    router.add_api_route(
        "/v1/flow-figures",
        metrics.flow_figures,
        tags=["flows"],
        summary="Show what each flow and each of its steps did, and what waits",
    )
    router.add_api_route("/v1/facts", metrics.facts, tags=["results"], summary="List the rows behind a number")
    router.add_api_route(
        "/v1/journeys/{follow_up_id}", metrics.journey, tags=["messages"], summary="Show one follow-up's story"
    )
    router.add_api_route(
        "/v1/timelines/{recipient_id}", metrics.timeline, tags=["people"], summary="Show what happened to a person"
    )
    return router


def _window(since: datetime | None, until: datetime | None, now: datetime) -> Window:
    """Return the requested window in whole hours; by default the last 30 days."""
    end = _aware("to", until) or now
    start = _aware("from", since) or end - _DEFAULT_WINDOW
    if start >= end:
        raise unprocessable("from", "must be before `to`")
    if end - start > _LONGEST_WINDOW:
        raise HTTPProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "window_too_long", "a window is at most three years long")
    return Window.around(start, end)


def _aware(field: str, at: datetime | None) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise unprocessable(field, "an instant needs an offset, as in 2026-12-01T15:00:00Z")
    if at is not None and not is_near(at):
        raise unprocessable(field, BOUNDS)
    return at.astimezone(UTC) if at is not None else None
