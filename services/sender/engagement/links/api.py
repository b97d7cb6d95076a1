"""`GET /r/{code}`: redirects to the shop at once, even where the visit cannot be recorded."""

import asyncio
import re

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from services.sender.engagement.links import store
from services.sender.engagement.links.robots import Visit, robot_cause
from services.sender.engagement.links.shorten import CODE_CHARACTERS
from services.sender.engagement.links.store import StoredLink
from services.sender.instruments import DEAD_LINKS, LOST_CLICKS, VISITS
from shared import aad
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Fault, Unsealable
from shared.privacy import Sealer
from shared.telemetry.logs import logger

RECORD_SECONDS = 1.5
"""The longest a redirect waits for the visit's record; after that it is sent without one."""
_CODE = re.compile(rf"([0-9A-Za-z]{{{CODE_CHARACTERS}}})[^0-9A-Za-z]*")
"""A code, and the punctuation after it that phones take for part of the address."""
_LONGEST_TAIL_CHARACTERS = 8
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>body{{font:1.1em/1.5 system-ui,sans-serif;max-width:32em;margin:15vh auto;padding:0 1em}}
</style></head><body><h1>{title}</h1><p>{text}</p></body></html>
"""

log = logger(__name__)


def create_router(units: UnitOfWorkRunner, sealer: Sealer, *, record_seconds: float = RECORD_SECONDS) -> APIRouter:
    """Return the routes of short links; `record_seconds` bounds how long a visit waits for its record."""
    router = APIRouter(tags=["callbacks"])

    async def follow(code: str, request: Request) -> Response:
        """Redirect to the link's target; only addresses that were sent in a text are ever targets."""
        found = _CODE.fullmatch(code) if len(code) <= CODE_CHARACTERS + _LONGEST_TAIL_CHARACTERS else None
        if found is None:
            return _not_found("unknown")
        try:
            link = await units.read(lambda db: store.link_of(db, found.group(1)))
        except Fault:
            return _unavailable()
        if link is None:
            return _not_found("unknown")
        if link.sealed_target is None:
            return _not_found("erased")
        if link.expires_at <= units.clock.now():
            return _not_found("expired")
        try:
            target = sealer.open(link.owner.merchant_id, aad.link_target(link.code), link.sealed_target).decode()
        except Unsealable:
            log.exception("link_unsealable", follow_up_id=str(link.owner.follow_up_id))
            return _unavailable()
        await _record(link, request)
        return Response(status_code=302, headers={"Location": target, **_HEADERS})

    async def _record(link: StoredLink, request: Request) -> None:
        """Commit the visit before the answer; where the database cannot in time, count it as lost."""
        visit = Visit(request.method, request.headers, units.clock.now(), link.created_at, link.delivered_at)
        cause = robot_cause(visit)
        VISITS.labels(cause or "person").inc()
        try:
            async with asyncio.timeout(record_seconds):
                await units.run(lambda uow: store.record_click(uow, link, cause), WritePriority.INGEST)
        except (Fault, TimeoutError):
            LOST_CLICKS.inc()
            log.warning("click_lost", follow_up_id=str(link.owner.follow_up_id), robot=cause is not None)

    router.add_api_route(
        "/r/{code}",
        follow,
        methods=["GET"],
        status_code=302,
        response_class=Response,
        summary="Follow a short link",
        responses={404: {"description": "There is no such link, or no longer.", "content": {"text/html": {}}}},
    )
    router.add_api_route("/r/{code}", follow, methods=["HEAD"], include_in_schema=False)
    # Served and not redirected to: behind a proxy the framework's own redirection forgets the scheme.
    router.add_api_route("/r/{code}/", follow, methods=["GET", "HEAD"], include_in_schema=False)
    return router


def _not_found(cause: str) -> Response:
    """Answer an unknown, expired or erased link; one page for all causes, so that nothing can be probed."""
    DEAD_LINKS.labels(cause).inc()
    text = "This link has expired or was mistyped. Please open the message again, or visit the shop directly."
    page = _PAGE.format(title="This link leads nowhere", text=text)
    return HTMLResponse(page, status_code=404, headers=_HEADERS)


def _unavailable() -> Response:
    """Answer while the link cannot be looked up."""
    DEAD_LINKS.labels("unavailable").inc()
    text = "We cannot look this link up right now. Please try again in a minute."
    page = _PAGE.format(title="One moment, please", text=text)
    return HTMLResponse(page, status_code=503, headers={**_HEADERS, "Retry-After": "30"})
