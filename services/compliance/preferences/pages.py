"""Preference pages: no sign-in, no script, nothing from another host; opening one changes nothing.

A page is in the reader's language: the one they chose on it, else the one their browser asks for, else the shop's.
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


class PreferencePages:
    """The pages: show a person's choices, and carry out one."""

    def __init__(self, service: PreferenceService, links: PreferenceLinks, merchants: MerchantDirectory) -> None:
        self._service, self._links, self._merchants = service, links, merchants
        self._style = (files(_PACKAGE) / "static" / "preferences.css").read_bytes()
        self._languages = Languages.shipped()
        self._templates = Environment(
            loader=PackageLoader(_PACKAGE),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["languages"] = tuple(self._languages)
        self._templates.globals["version"] = hashlib.sha256(self._style).hexdigest()[:12]

    async def style(self) -> Response:
        """Return the style sheet."""
        headers = {"Cache-Control": "public, max-age=31536000"}
        return Response(self._style, media_type="text/css", headers=headers)

    async def show(
        self,
        token: str,
        done: Annotated[str, Query(max_length=40)] = "",
        lang: Annotated[str, Query(max_length=_LONGEST_TAG)] = "",
        accept_language: Annotated[str, Header()] = "",
    ) -> Response:
        """Return a person's page; `done` names the choice just made. Changes nothing."""
        owner = await self._owner(token)
        if owner is None:
            return self._ended(lang, accept_language)
        holder, merchant = owner
        language = self._languages.best(lang, accept_language, merchant.config.locale)
        view = await self._service.view(holder)
        until = view.paused_until
        return self._page(
            "choices",
            language,
            brand=Markup("<bdi>{}</bdi>").format(merchant.config.brand),
            plain_brand=merchant.config.brand,
            view=view,
            day=language.day(until, ZoneInfo(merchant.config.time_zone)) if until else "",
            chosen=Choice(done) if done in Choice.__members__.values() else None,
            address=f"/preferences/{token}",
            asked=self._chosen_language(lang),
        )

    async def choose(
        self,
        token: str,
        choice: Annotated[str, Form(max_length=40)] = "",
        lang: Annotated[str, Query(max_length=_LONGEST_TAG)] = "",
        user_agent: Annotated[str, Header()] = "",
        accept_language: Annotated[str, Header()] = "",
    ) -> Response:
        """Carry out a choice, and lead back to the page; an unknown choice changes nothing."""
        owner = await self._owner(token)
        if owner is None:
            return self._ended(lang, accept_language)
        done = {}
        if choice in Choice.__members__.values():
            await self._service.choose(owner[0], Choice(choice), user_agent)
            done["done"] = choice
        query = urlencode(done | self._chosen_language(lang))
        address = f"/preferences/{token}" + (f"?{query}" if query else "")
        return RedirectResponse(address, HTTPStatus.SEE_OTHER, headers=_HEADERS)

    def _page(self, name: str, language: Language, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Response:
        html = self._templates.get_template(f"{name}.html").render(language=language, say=language.say, **values)
        return HTMLResponse(html, status_code=status, headers={**_HEADERS, "Content-Language": language.code})

    def _ended(self, lang: str, accept_language: str) -> Response:
        """Return the page of a link that opens nothing (any more)."""
        return self._page("ended", self._languages.best(lang, accept_language, None), HTTPStatus.GONE)

    def _chosen_language(self, lang: str) -> dict[str, str]:
        """Return the language the reader chose on the page, as the query that keeps it."""
        language = self._languages.get(lang)
        return {"lang": language.code} if language else {}

    async def _owner(self, token: str) -> tuple[Holder, Merchant] | None:
        """Return whose page a link opens; None for a link that is invalid, revoked or expired."""
        holder = self._links.holder(token, self._service.units.clock.now())
        merchant = self._merchants.get(holder.merchant_id) if holder else None
        return (holder, merchant) if holder and merchant and await self._service.is_open(holder) else None


def create_router(service: PreferenceService, links: PreferenceLinks, merchants: MerchantDirectory) -> APIRouter:
    """Return the routes of preference pages."""
    router = APIRouter(prefix="/preferences", include_in_schema=False)
    pages = PreferencePages(service, links, merchants)
    router.get("/static/preferences.css")(pages.style)
    router.get("/{token}")(pages.show)
    router.post("/{token}")(pages.choose)
    return router
