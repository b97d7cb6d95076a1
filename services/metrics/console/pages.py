"""The parts of the console's pages that metrics draws: what is happening now, the rows behind a number, a story."""

from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from services.metrics import store
from services.metrics.console import presentation
from services.metrics.console.overview import OverviewPeriod, load_overview
from services.metrics.console.rendering import PartRenderer
from services.metrics.console.row_presentation import heading
from services.metrics.domain.grouping import Window
from services.metrics.domain.progress_summary import label, progress_at, summarize
from services.metrics.domain.rollups import Measure
from services.metrics.fact_rows import FactPage, FactQuery, decode_cursor, encode_cursor, load_page
from services.metrics.journeys import load_journey
from services.metrics.settings import MetricsSettings
from shared.config.directory import Merchant
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.http.auth import Caller, SignedInRoute, requires
from shared.http.problems import unprocessable
from shared.ids import FollowUpId, MerchantId
from shared.instants import Instant

_ROWS_ON_A_PAGE: Final = 100

Reader = Annotated[Caller, Depends(requires("metrics:read"))]


class PageParts:
    """Answers the parts of pages as HTML in JSON; the console puts its frame around them and decides who sees them."""

    def __init__(self, units: UnitOfWorkRunner, settings: MetricsSettings) -> None:
        self._units = units
        self._settings = settings
        self._renderer = PartRenderer()

    async def overview(self, caller: Reader, span: OverviewPeriod = OverviewPeriod.DAY) -> Response:
        """Answer what is happening now."""
        merchant = caller.merchant
        zone, now = _zone(merchant), self._units.clock.now()
        overview = await self._units.read(lambda db: load_overview(db, merchant.id, span, now, zone))
        values = {
            "overview": overview,
            "periods": list(OverviewPeriod),
            "tiles": presentation.tiles(overview),
            "bars": presentation.draw_bars(overview),
            "peak": presentation.peak(overview),
            "slices": presentation.slices(overview),
            "rows_url": presentation.rows_url,
        }
        title = f"{merchant.config.brand} · what is happening now"
        return self._renderer.part("now", title, _frame(merchant) | values)

    async def story(self, caller: Reader, follow_up_id: UUID) -> Response:
        """Answer one follow-up's story."""
        merchant = caller.merchant
        zone, now = _zone(merchant), self._units.clock.now()
        found = await self._units.read(lambda db: load_journey(db, merchant.id, FollowUpId(follow_up_id), zone))
        if found is None:
            values: dict[str, Any] = {"follow_up_id": follow_up_id}
            title = f"Not found · {merchant.config.brand}"
            return self._renderer.part("missing", title, _frame(merchant) | values, HTTPStatus.NOT_FOUND)
        state = found.projection.state_at(now, self._settings.unconfirmed_after)
        progress = progress_at(found.projection, state, now)
        words = label(state, progress)
        values = {
            "journey": found,
            "state": state,
            "label": words,
            "summary": summarize(found.projection, state, progress, zone),
            "tone": presentation.tone_at(state, progress),
        }
        title = f"{found.projection.step or 'Follow-up'} · {words} · {merchant.config.brand}"
        return self._renderer.part("story", title, _frame(merchant) | values)

    async def rows(
        self,
        caller: Reader,
        measure: Measure,
        since: Annotated[Instant, Query(alias="from")],
        until: Annotated[Instant, Query(alias="to")],
        detail: str | None = None,
        cursor: str | None = None,
    ) -> Response:
        """Answer a page of the rows behind a number."""
        if measure is Measure.IN_STATE:
            raise unprocessable("measure", "a state is where facts led to; it has no rows of its own")
        merchant = caller.merchant
        after = decode_cursor(cursor) if cursor else None
        query = FactQuery(Window.around(since, until), measure, detail, {}, _ROWS_ON_A_PAGE, after)
        page, sums = await self._units.read(lambda db: _rows_and_sums(db, merchant.id, query, _zone(merchant)))
        more = presentation.rows_url(measure, query.window, detail)
        counted = heading(measure, detail, sums)
        values = {
            "measure": measure,
            "heading": counted,
            "window": query.window,
            "rows": page.rows,
            "more": f"{more}&cursor={encode_cursor(page.end)}" if page.end else None,
        }
        title = f"{counted.number} {counted.words} · {merchant.config.brand}"
        return self._renderer.part("rows", title, _frame(merchant) | values)

    def create_router(self) -> APIRouter:
        """Return the routes; they are the console's alone, and no ingress leads to them."""
        router = APIRouter(prefix="/v1/page-parts", route_class=SignedInRoute, include_in_schema=False)
        router.add_api_route("/now", self.overview)
        router.add_api_route("/rows", self.rows)
        router.add_api_route("/follow-ups/{follow_up_id}", self.story)
        return router


async def _rows_and_sums(
    db: Transaction, merchant: MerchantId, query: FactQuery, zone: ZoneInfo
) -> tuple[FactPage, dict[str, int]]:
    """Return a page of rows and the sums of all of them, by detail, from one snapshot."""
    sums = await store.sums(db, merchant, query.window.since, query.window.until)
    by_detail = {
        str(row["detail"]): int(row["value"])
        for row in sums
        if row["measure"] == query.measure and query.detail in {None, row["detail"]}
    }
    return await load_page(db, merchant, query, zone), by_detail


def _frame(merchant: Merchant) -> dict[str, Any]:
    return {
        "merchant": merchant.id,
        "brand": merchant.config.brand,
        "zone_name": merchant.config.time_zone,
        "zone": _zone(merchant),
    }


def _zone(merchant: Merchant) -> ZoneInfo:
    return ZoneInfo(merchant.config.time_zone)
