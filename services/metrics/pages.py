"""The console's door: what is happening now, the rows behind a number, one follow-up's story."""

from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from services.metrics import screens, store
from services.metrics.board import Span, board_of
from services.metrics.domain.grouping import Window
from services.metrics.domain.progress_sentence import label, lead, progress_at
from services.metrics.domain.tally import Measure
from services.metrics.journeys import journey_of
from services.metrics.page_templates import STATIC, Pages, see
from services.metrics.row_screens import heading
from services.metrics.rows import Page, Question, cursor_of, page_of, place_of
from services.metrics.session import Sessions
from services.metrics.settings import MetricsSettings
from services.metrics.sign_in import signed_in
from shared.clock import Clock
from shared.config.directory import Merchant
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.ids import FollowUpId, MerchantId
from shared.instants import Instant

_ROWS_ON_A_PAGE: Final = 100


def router_of(
    units: UnitOfWorkRunner, clock: Clock, sessions: Sessions, settings: MetricsSettings, pages: Pages
) -> APIRouter:
    """Return the console's routes."""
    router = APIRouter(prefix="/console", include_in_schema=False)
    owner = signed_in(sessions)

    @router.get("")
    async def now(request: Request, merchant: Annotated[Merchant, Depends(owner)], span: Span = Span.DAY) -> Response:
        zone = _zone(merchant)
        board = await units.read(lambda db: board_of(db, merchant.id, span, clock.now(), zone))
        return pages.page(
            request,
            "now",
            _frame(merchant)
            | {
                "board": board,
                "spans": list(Span),
                "tiles": screens.tiles(board),
                "bars": screens.drawn(board),
                "peak": screens.peak(board),
                "slices": screens.slices(board),
                "rows_address": screens.rows_address,
            },
        )

    @router.get("/follow-ups", dependencies=[Depends(owner)])
    async def find(number: Annotated[str, Query(alias="id")] = "") -> Response:
        """Go to the follow-up whose id was typed."""
        try:
            return see(f"/console/follow-ups/{UUID(number.strip())}")
        except ValueError:
            return see("/console")

    @router.get("/follow-ups/{follow_up_id}")
    async def story(request: Request, merchant: Annotated[Merchant, Depends(owner)], follow_up_id: UUID) -> Response:
        zone = _zone(merchant)
        found = await units.read(lambda db: journey_of(db, merchant.id, FollowUpId(follow_up_id), zone))
        if found is None:
            return pages.page(
                request, "missing", _frame(merchant) | {"follow_up_id": follow_up_id}, HTTPStatus.NOT_FOUND
            )
        state = found.standing.state_at(clock.now(), settings.unconfirmed_after)
        progress = progress_at(found.standing, state, clock.now())
        told = {
            "label": label(state, progress),
            "lead": lead(found.standing, state, progress, zone),
            "tone": screens.tone_at(state, progress),
        }
        return pages.page(request, "story", _frame(merchant) | {"journey": found, "state": state, **told})

    @router.get("/rows")
    async def rows(
        request: Request,
        merchant: Annotated[Merchant, Depends(owner)],
        measure: Measure,
        since: Annotated[Instant, Query(alias="from")],
        until: Annotated[Instant, Query(alias="to")],
        detail: str | None = None,
        cursor: str | None = None,
    ) -> Response:
        if measure is Measure.IN_STATE:  # states are where facts led to; they have no rows of their own
            return see("/console")
        zone = _zone(merchant)
        after = place_of(cursor) if cursor else None
        window = Window.around(since, until)
        question = Question(window, measure, detail, {}, _ROWS_ON_A_PAGE, after)
        found, sums = await units.read(lambda db: _rows_and_sums(db, merchant.id, question, zone))
        more = screens.rows_address(measure, window, detail)
        return pages.page(
            request,
            "rows",
            _frame(merchant)
            | {
                "measure": measure,
                "heading": heading(measure, detail, sums),
                "window": window,
                "rows": found.rows,
                "more": f"{more}&cursor={cursor_of(found.next_place)}" if found.next_place else None,
            },
        )

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in STATIC:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
        return Response(pages.assets[name], media_type=STATIC[name], headers=headers)

    return router


async def _rows_and_sums(
    db: Transaction, merchant: MerchantId, question: Question, zone: ZoneInfo
) -> tuple[Page, dict[str, int]]:
    """Return a page of rows and what all of them add up to, by detail, from one snapshot."""
    sums = await store.sums(db, merchant, question.window.since, question.window.until)
    asked = {
        str(row["detail"]): int(row["value"])
        for row in sums
        if row["measure"] == question.measure and question.detail in {None, row["detail"]}
    }
    return await page_of(db, merchant, question, zone), asked


def _frame(merchant: Merchant) -> dict[str, Any]:
    """Return what every page needs."""
    return {
        "merchant": merchant.id,
        "brand": merchant.config.brand,
        "zone_name": merchant.config.time_zone,
        "zone": _zone(merchant),
    }


def _zone(merchant: Merchant) -> ZoneInfo:
    return ZoneInfo(merchant.config.time_zone)
