"""Renders the console's pages: templates, static files and security headers."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from services.metrics.console import presentation
from services.metrics.console.row_presentation import value_shown
from services.metrics.domain.journey_steps import moment
from services.metrics.domain.reasons import detail_words, meaning_of

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
STATIC: Final = {"console.css": "text/css", "console.js": "text/javascript", "mark.svg": "image/svg+xml"}


class PageRenderer:
    """Renders pages; they load nothing from another host and work without JavaScript."""

    def __init__(self, file_problems: Callable[[str], Sequence[str]] = lambda _: ()) -> None:
        """Read the templates.

        Args:
            file_problems: returns the errors in a merchant's files, whose last valid version is in use.
        """
        folder = files("services.metrics.console") / "static"
        self.assets = {name: (folder / name).read_bytes() for name in STATIC}
        self._templates = Environment(
            loader=PackageLoader("services.metrics.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            person=presentation.person_mark,
            hue=presentation.hue,
            masked_number=presentation.masked_number,
            tone=lambda state: presentation.STATES[state][0],
            duration=presentation.duration_text,
            counted=lambda row, measure: value_shown(measure, row.value, row.fact.get("currency")),
            moment=moment,
            meaning=lambda code: meaning_of(code).words,
            detail=detail_words,
            words=lambda name: name.replace("_", " "),
            sentence=lambda words: words[:1].upper() + words[1:],
        )
        version = hashlib.sha256(b"".join(self.assets.values())).hexdigest()[:12]
        self._templates.globals.update(version=version, file_problems=file_problems)

    def page(
        self, request: Request, name: str, values: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK
    ) -> Response:
        """Return a page, or 304 if the browser has its current version."""
        html = self._templates.get_template(f"{name}.html").render(**values).encode()
        etag = f'"{hashlib.sha256(html).hexdigest()[:32]}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag, **HEADERS})
        return HTMLResponse(html, status_code=status, headers={"ETag": etag, **HEADERS})


def redirect(address: str) -> Response:
    """Return a redirect (303) that a reload does not repeat."""
    return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER, headers=HEADERS)
