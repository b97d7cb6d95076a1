"""Renders the console's pages: its frame, templates, static files and security headers."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from services.console.accounts.sessions import SignedInPerson
from services.console.navigation import places_for
from services.console.words import FILTERS
from shared.config.directory import MerchantDirectory
from shared.config.problem import Severity

SIGN_IN: Final = "/console/sign-in"
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class PageRenderer:
    """Renders pages; they load nothing from another host and work without JavaScript."""

    def __init__(self, file_problems: Callable[[str], Sequence[str]] = lambda _: (), identity_name: str = "") -> None:
        """Read the templates.

        Args:
            file_problems: returns the errors in a merchant's files, whose last valid version is in use.
            identity_name: what the pages call the identity provider; empty without one.
        """
        folder = files("services.console") / "static"
        self._assets = {file.name: file.read_bytes() for file in sorted(folder.iterdir(), key=lambda file: file.name)}
        self._templates = Environment(
            loader=PackageLoader("services.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(FILTERS)
        version = hashlib.sha256(b"".join(self._assets.values())).hexdigest()[:12]
        self._templates.globals.update(
            version=version, file_problems=file_problems, places_for=places_for, identity_name=identity_name
        )

    def asset(self, name: str) -> Response:
        """Return a style sheet, script or image; 404 for anything else."""
        if name not in self._assets:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
        return Response(self._assets[name], media_type=_TYPES[Path(name).suffix], headers=headers)

    def create_router(self) -> APIRouter:
        """Return the route of the static files, which takes no session."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/console/static/{name}", self.asset, response_model=None)
        return router

    def page(
        self, request: Request, name: str, values: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK
    ) -> Response:
        """Return a page, or 304 if the browser has its current version."""
        html = self._templates.get_template(f"{name}.html").render(**values).encode()
        etag = f'"{hashlib.sha256(html).hexdigest()[:32]}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag, **HEADERS})
        return HTMLResponse(html, status_code=status, headers={"ETag": etag, **HEADERS})


def frame(person: SignedInPerson, place: str) -> dict[str, Any]:
    """Return what the frame of a page shows: the shop, who is signed in, and where in the console this is."""
    return {
        "merchant": person.merchant.id,
        "brand": person.merchant.config.brand,
        "zone_name": person.merchant.config.time_zone,
        "zone": ZoneInfo(person.merchant.config.time_zone),
        "person": person,
        "place": place,
    }


def file_problems(merchants: MerchantDirectory, merchant_id: str) -> tuple[str, ...]:
    """Return the errors in a merchant's files, whose last valid version is in use."""
    return tuple(
        str(problem)
        for problem in merchants.problems
        if problem.severity is Severity.ERROR and merchant_id in Path(problem.file).parts
    )


def redirect(address: str) -> Response:
    """Return a redirect (303) that a reload does not repeat."""
    return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER, headers=HEADERS)
