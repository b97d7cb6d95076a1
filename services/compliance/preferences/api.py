"""The door of preference pages: no sign-in, no script, nothing from another host; looking at one changes nothing.

A page speaks the reader's language: the one they chose on it, else the one their browser asks for, else the shop's.
"""

import hashlib
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Header, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from services.compliance.preferences.languages import Language, Languages
from services.compliance.preferences.links import Holder, PreferenceLinks
from services.compliance.preferences.service import Choice, PreferenceService
from shared.config.directory import Merchant, MerchantDirectory

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language",
}
_PACKAGE: Final = "services.compliance.preferences"
_LONGEST_TAG: Final = 40


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
        self.languages = Languages.shipped()
        self._templates.globals["languages"] = tuple(self.languages)
        self._templates.globals["version"] = hashlib.sha256(self.style).hexdigest()[:12]

    def page(self, name: str, language: Language, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Response:
        """Return a page in a language."""
        html = self._templates.get_template(f"{name}.html").render(language=language, say=language.say, **values)
        return HTMLResponse(html, status_code=status, headers={**_HEADERS, "Content-Language": language.code})


def routes(service: PreferenceService, links: PreferenceLinks, merchants: MerchantDirectory) -> APIRouter:
    """Return the routes of preference pages."""
    router = APIRouter(prefix="/preferences", include_in_schema=False)
    pages = _Pages()

    async def found(token: str) -> tuple[Holder, Merchant] | None:
        holder = links.holder(token, service.units.clock.now())
        merchant = merchants.get(holder.merchant_id) if holder else None
        return (holder, merchant) if holder and merchant and await service.is_open(holder) else None

    @router.get("/static/preferences.css")
    async def style() -> Response:
        return Response(pages.style, media_type="text/css", headers={"Cache-Control": "public, max-age=31536000"})

    @router.get("/{token}")
    async def look(
        token: str,
        done: Annotated[str, Query(max_length=40)] = "",
        lang: Annotated[str, Query(max_length=_LONGEST_TAG)] = "",
        accept_language: Annotated[str, Header()] = "",
    ) -> Response:
        owner = await found(token)
        if owner is None:
            return pages.page("ended", pages.languages.best(lang, accept_language, None), HTTPStatus.GONE)
        holder, merchant = owner
        language = pages.languages.best(lang, accept_language, merchant.config.locale)
        chosen = Choice(done) if done in Choice.__members__.values() else None
        sight = await service.sight(holder)
        until = sight.paused_until
        return pages.page(
            "choices",
            language,
            brand=Markup("<bdi>{}</bdi>").format(merchant.config.brand),
            plain_brand=merchant.config.brand,
            sight=sight,
            day=language.day(until, ZoneInfo(merchant.config.time_zone)) if until else "",
            chosen=chosen,
            address=f"/preferences/{token}",
            asked=_asked(pages, lang),
        )

    @router.post("/{token}")
    async def choose(
        token: str,
        choice: Annotated[str, Form(max_length=40)] = "",
        lang: Annotated[str, Query(max_length=_LONGEST_TAG)] = "",
        user_agent: Annotated[str, Header()] = "",
        accept_language: Annotated[str, Header()] = "",
    ) -> Response:
        owner = await found(token)
        if owner is None:
            return pages.page("ended", pages.languages.best(lang, accept_language, None), HTTPStatus.GONE)
        told = {}
        if choice in Choice.__members__.values():
            await service.choose(owner[0], Choice(choice), user_agent)
            told["done"] = choice
        query = urlencode(told | _asked(pages, lang))
        address = f"/preferences/{token}" + (f"?{query}" if query else "")
        return RedirectResponse(address, HTTPStatus.SEE_OTHER, headers=_HEADERS)

    return router


def _asked(pages: _Pages, lang: str) -> dict[str, str]:
    """Return the language somebody chose on the page, as the query that keeps it."""
    language = pages.languages.get(lang)
    return {"lang": language.code} if language else {}
