"""The console's pages: what is happening now, the rows behind a number, one follow-up's story."""

from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.metrics import store
from services.metrics.console import presentation
from services.metrics.console.overview import OverviewPeriod, load_overview
from services.metrics.console.rendering import STATIC, PageRenderer, redirect
from services.metrics.console.row_presentation import heading
from services.metrics.console.sessions import Sessions
from services.metrics.console.sign_in import SignedIn, signed_in
from services.metrics.domain.grouping import Window
from services.metrics.domain.progress_summary import label, progress_at, summarize
from services.metrics.domain.rollups import Measure
from services.metrics.fact_rows import FactPage, FactQuery, decode_cursor, encode_cursor, load_page
from services.metrics.journeys import load_journey
from services.metrics.settings import MetricsSettings
from shared.config.directory import Merchant
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.ids import FollowUpId, MerchantId
from shared.instants import Instant

_ROWS_ON_A_PAGE: Final = 100


class ConsolePages:
    """Answers the console's pages."""

    def __init__(self, units: UnitOfWorkRunner, settings: MetricsSettings, renderer: PageRenderer) -> None:
        self._units = units
        self._settings = settings
        self._renderer = renderer

    async def overview(
        self, request: Request, merchant: SignedIn, span: OverviewPeriod = OverviewPeriod.DAY
    ) -> Response:
        """Answer the first page: what is happening now."""
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
        return self._renderer.page(request, "now", _frame(merchant) | values)

    async def find(self, number: Annotated[str, Query(alias="id")] = "") -> Response:
        """Answer the redirect to a follow-up's story, or to the first page for what is not an id."""
        try:
            return redirect(f"/console/follow-ups/{UUID(number.strip())}")
        except ValueError:
            return redirect("/console")

    async def story(self, request: Request, merchant: SignedIn, follow_up_id: UUID) -> Response:
        """Answer one follow-up's story."""
        zone, now = _zone(merchant), self._units.clock.now()
        found = await self._units.read(lambda db: load_journey(db, merchant.id, FollowUpId(follow_up_id), zone))
        if found is None:
            values: dict[str, Any] = {"follow_up_id": follow_up_id}
            return self._renderer.page(request, "missing", _frame(merchant) | values, HTTPStatus.NOT_FOUND)
        state = found.projection.state_at(now, self._settings.unconfirmed_after)
        progress = progress_at(found.projection, state, now)
        values = {
            "journey": found,
            "state": state,
            "label": label(state, progress),
            "summary": summarize(found.projection, state, progress, zone),
            "tone": presentation.tone_at(state, progress),
        }
        return self._renderer.page(request, "story", _frame(merchant) | values)

    async def rows(
        self,
        request: Request,
        merchant: SignedIn,
        measure: Measure,
        since: Annotated[Instant, Query(alias="from")],
        until: Annotated[Instant, Query(alias="to")],
        detail: str | None = None,
        cursor: str | None = None,
    ) -> Response:
        """Answer a page of the rows behind a number."""
        if measure is Measure.IN_STATE:  # a state is where facts led to; it has no rows of its own
            return redirect("/console")
        after = decode_cursor(cursor) if cursor else None
        query = FactQuery(Window.around(since, until), measure, detail, {}, _ROWS_ON_A_PAGE, after)
        page, sums = await self._units.read(lambda db: _rows_and_sums(db, merchant.id, query, _zone(merchant)))
        more = presentation.rows_url(measure, query.window, detail)
        values = {
            "measure": measure,
            "heading": heading(measure, detail, sums),
            "window": query.window,
            "rows": page.rows,
            "more": f"{more}&cursor={encode_cursor(page.end)}" if page.end else None,
        }
        return self._renderer.page(request, "rows", _frame(merchant) | values)

    async def static(self, name: str) -> Response:
        """Answer a style sheet, script or image."""
        if name not in STATIC:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
        return Response(self._renderer.assets[name], media_type=STATIC[name], headers=headers)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes; each page requires a session, its style sheet does not."""
        router = APIRouter(prefix="/console", include_in_schema=False)
        owner = [Depends(signed_in(sessions))]
        router.add_api_route("", self.overview, dependencies=owner)
        router.add_api_route("/follow-ups", self.find, dependencies=owner)
        router.add_api_route("/follow-ups/{follow_up_id}", self.story, dependencies=owner)
        router.add_api_route("/rows", self.rows, dependencies=owner)
        router.add_api_route("/static/{name}", self.static)
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
