"""The console's door: what is happening now, the rows behind a number, one follow-up's story, and signing in."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from services.metrics import screens, store
from services.metrics.board import Span, board_of
from services.metrics.domain.grouping import Window
from services.metrics.domain.reasons import meaning_of
from services.metrics.domain.story import moment
from services.metrics.domain.tally import Measure
from services.metrics.journeys import journey_of
from services.metrics.rows import Page, Question, cursor_of, page_of, place_of
from services.metrics.session import COOKIE, SCOPE, Sessions
from services.metrics.settings import MetricsSettings
from shared.clock import Clock
from shared.config.directory import Merchant
from shared.db.transaction import Transaction
from shared.db.unit_of_work import Units
from shared.http.auth import Keys
from shared.http.problems import HTTPProblem
from shared.ids import FollowUpId, MerchantId
from shared.instants import Instant

_ROWS_ON_A_PAGE: Final = 100
_SIGN_IN: Final = "/console/sign-in"
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_STATIC: Final = {"console.css": "text/css", "console.js": "text/javascript", "mark.svg": "image/svg+xml"}


class Pages:
    """Renders pages; nothing in them comes from another host, and all of them work without JavaScript."""

    def __init__(self, file_problems: Callable[[str], Sequence[str]] = lambda _: ()) -> None:
        """Read the templates.

        Args:
            file_problems: what is wrong with a merchant's files while the last good ones are in force.
        """
        folder = files("services.metrics") / "static"
        self.assets = {name: (folder / name).read_bytes() for name in _STATIC}
        self._templates = Environment(
            loader=PackageLoader("services.metrics"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            person=screens.person,
            hue=screens.hue,
            masked_number=screens.masked_number,
            tone=screens.tone_of,
            duration=screens.duration_text,
            moment=moment,
            meaning=lambda code: meaning_of(code).words,
        )
        version = hashlib.sha256(b"".join(self.assets.values())).hexdigest()[:12]
        self._templates.globals.update(version=version, state_words=screens.STATE_WORDS, file_problems=file_problems)

    def page(
        self, request: Request, name: str, values: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK
    ) -> Response:
        """Return a page, or the word that nothing on it has changed."""
        html = self._templates.get_template(f"{name}.html").render(**values).encode()
        etag = f'"{hashlib.sha256(html).hexdigest()[:32]}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag, **_HEADERS})
        return HTMLResponse(html, status_code=status, headers={"ETag": etag, **_HEADERS})


def router_of(units: Units, clock: Clock, sessions: Sessions, settings: MetricsSettings) -> APIRouter:  # noqa: C901 - a list of routes
    """Return the console's routes."""
    router = APIRouter(prefix="/console", include_in_schema=False)
    pages = Pages(sessions.file_problems)

    @router.get("")
    async def now(request: Request, key: str | None = None, span: Span = Span.DAY) -> Response:
        if key is not None:
            return _entered(request, key)
        merchant = _merchant(request)
        if merchant is None:
            return _see(_SIGN_IN)
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

    @router.get("/follow-ups")
    async def find(number: Annotated[str, Query(alias="id")] = "") -> Response:
        """Go to the follow-up whose id was typed."""
        try:
            return _see(f"/console/follow-ups/{UUID(number.strip())}")
        except ValueError:
            return _see("/console")

    @router.get("/follow-ups/{follow_up_id}")
    async def story(request: Request, follow_up_id: UUID) -> Response:
        merchant = _merchant(request)
        if merchant is None:
            return _see(_SIGN_IN)
        zone = _zone(merchant)
        found = await units.read(lambda db: journey_of(db, merchant.id, FollowUpId(follow_up_id), zone))
        if found is None:
            return pages.page(
                request, "missing", _frame(merchant) | {"follow_up_id": follow_up_id}, HTTPStatus.NOT_FOUND
            )
        state = found.standing.state_at(clock.now(), timedelta(hours=settings.unconfirmed_after_hours))
        return pages.page(request, "story", _frame(merchant) | {"journey": found, "state": state})

    @router.get("/rows")
    async def rows(
        request: Request,
        measure: Measure,
        since: Annotated[Instant, Query(alias="from")],
        until: Annotated[Instant, Query(alias="to")],
        detail: str | None = None,
        cursor: str | None = None,
    ) -> Response:
        merchant = _merchant(request)
        if merchant is None:
            return _see(_SIGN_IN)
        if measure is Measure.IN_STATE:  # states are where facts led to; they have no rows of their own
            return _see("/console")
        zone = _zone(merchant)
        after = place_of(cursor) if cursor else None
        window = Window.around(since, until)
        question = Question(window, measure, detail, {}, _ROWS_ON_A_PAGE, after)
        found, number = await units.read(lambda db: _rows_and_sum(db, merchant.id, question, zone))
        more = screens.rows_address(measure, window, detail)
        return pages.page(
            request,
            "rows",
            _frame(merchant)
            | {
                "measure": measure,
                "detail": detail,
                "window": window,
                "number": number,
                "rows": found.rows,
                "more": f"{more}&cursor={cursor_of(found.next_place)}" if found.next_place else None,
            },
        )

    @router.get("/sign-in")
    async def ask(request: Request) -> Response:
        return pages.page(request, "sign_in", {"problem": None})

    @router.post("/sign-in")
    async def sign_in(request: Request, key: Annotated[str, Form(max_length=200)]) -> Response:
        return _entered(request, key.strip())

    @router.post("/sign-out")
    async def sign_out() -> Response:
        answer = _see(_SIGN_IN)
        answer.delete_cookie(COOKIE, path="/console")
        return answer

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in _STATIC:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
        return Response(pages.assets[name], media_type=_STATIC[name], headers=headers)

    def _merchant(request: Request) -> Merchant | None:
        return sessions.merchant_of(request.cookies.get(COOKIE))

    def _entered(request: Request, key: str) -> Response:
        """Return the way in for the holder of a key, or the form with what was wrong."""
        keys: Keys = request.app.state.keys
        try:
            caller = keys.caller(key, SCOPE)
        except HTTPProblem as problem:
            words = {
                HTTPStatus.FORBIDDEN: f"This key lacks the scope {SCOPE}; add it in merchant.yaml.",
                HTTPStatus.TOO_MANY_REQUESTS: "Too many attempts; wait a second.",
            }.get(problem.status, "No merchant has this key.")
            return pages.page(request, "sign_in", {"problem": words}, problem.status)
        answer = _see("/console")
        answer.set_cookie(
            COOKIE,
            sessions.issue(caller),
            max_age=sessions.seconds,
            path="/console",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    return router


async def _rows_and_sum(db: Transaction, merchant: MerchantId, question: Question, zone: ZoneInfo) -> tuple[Page, int]:
    """Return a page of rows and the number that all of them add up to, from one snapshot."""
    sums = await store.sums(db, merchant, question.window.since, question.window.until)
    number = sum(
        int(row["value"])
        for row in sums
        if row["measure"] == question.measure and question.detail in {None, row["detail"]}
    )
    return await page_of(db, merchant, question, zone), number


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


def _see(address: str) -> Response:
    """Return a redirection that a reload does not repeat."""
    return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER, headers=_HEADERS)
