"""The door of preference pages: no sign-in, no script, nothing from another host; looking at one changes nothing."""

import hashlib
from datetime import datetime
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Header, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from services.compliance.preferences.desk import Choice, PreferenceDesk
from services.compliance.preferences.links import Holder, Links
from shared.config.directory import Merchant, MerchantDirectory

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
_PACKAGE: Final = "services.compliance.preferences"


class _Pages:
    """Renders pages."""

    def __init__(self) -> None:
        self.style = (files(_PACKAGE) / "static" / "preferences.css").read_bytes()
        self._templates = Environment(
            loader=PackageLoader(_PACKAGE),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["day"] = _day
        self._templates.globals["version"] = hashlib.sha256(self.style).hexdigest()[:12]

    def page(self, name: str, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Response:
        """Return a page."""
        html = self._templates.get_template(f"{name}.html").render(**values)
        return HTMLResponse(html, status_code=status, headers=_HEADERS)


def routes(desk: PreferenceDesk, links: Links, merchants: MerchantDirectory) -> APIRouter:
    """Return the routes of preference pages."""
    router = APIRouter(prefix="/preferences", include_in_schema=False)
    pages = _Pages()

    def found(token: str) -> tuple[Holder, Merchant] | None:
        holder = links.holder(token, desk.units.clock.now())
        merchant = merchants.get(holder.merchant_id) if holder else None
        return (holder, merchant) if holder and merchant else None

    @router.get("/static/preferences.css")
    async def style() -> Response:
        return Response(pages.style, media_type="text/css", headers={"Cache-Control": "public, max-age=31536000"})

    @router.get("/{token}")
    async def look(token: str, done: Annotated[str, Query(max_length=40)] = "") -> Response:
        owner = found(token)
        if owner is None:
            return pages.page("ended", HTTPStatus.GONE)
        holder, merchant = owner
        chosen = Choice(done) if done in Choice.__members__.values() else None
        sight = await desk.sight(holder)
        clock = ZoneInfo(merchant.config.time_zone)
        return pages.page("choices", brand=merchant.config.brand, sight=sight, chosen=chosen, clock=clock, token=token)

    @router.post("/{token}")
    async def choose(
        token: str,
        choice: Annotated[str, Form(max_length=40)] = "",
        user_agent: Annotated[str, Header()] = "",
    ) -> Response:
        owner = found(token)
        if owner is None:
            return pages.page("ended", HTTPStatus.GONE)
        if choice not in Choice.__members__.values():
            return RedirectResponse(f"/preferences/{token}", HTTPStatus.SEE_OTHER, headers=_HEADERS)
        await desk.choose(owner[0], Choice(choice), user_agent)
        return RedirectResponse(f"/preferences/{token}?done={choice}", HTTPStatus.SEE_OTHER, headers=_HEADERS)

    return router


def _day(at: datetime, clock: ZoneInfo) -> str:
    """Return a day as people write it: 22 December 2026."""
    local = at.astimezone(clock)
    return f"{local.day} {local:%B %Y}"
