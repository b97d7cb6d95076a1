"""The virtual phones in the browser: a list of phones, and each phone's screen."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from services.simulator import screens
from services.simulator.carrier import Carrier
from services.simulator.clock import SimulatorClock
from services.simulator.config import SimulatorConfig
from services.simulator.record import TextRecord
from services.simulator.texts import SimulatedText

_PHONES_ON_THE_WALL: Final = 60
_TEXTS_ON_A_PHONE: Final = 200


class PagesEndpoints:
    """Pages that work without JavaScript and update themselves with it; nothing in them comes from another host."""

    def __init__(self, config: SimulatorConfig, clock: SimulatorClock, record: TextRecord, carrier: Carrier) -> None:
        self._config = config
        self._clock = clock
        self._record = record
        self._carrier = carrier
        self._templates = Environment(
            loader=PackageLoader("services.simulator"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(readable=screens.readable, state=screens.state_of, tone=screens.tone_of)

    def routes(self) -> list[Route]:
        """Return the paths of the pages."""
        return [
            Route("/simulator", self.wall, methods=["GET"]),
            Route("/simulator/", self.wall, methods=["GET"]),
            Route("/simulator/phones/{number}", self.phone, methods=["GET"]),
        ]

    async def wall(self, request: Request) -> Response:
        """Show the phones, newest activity first; `?number=` redirects to that phone."""
        wanted = request.query_params.get("number", "").strip()
        if wanted:
            digits = "".join(char for char in wanted if char.isdigit())
            return RedirectResponse(f"/simulator/phones/+{digits}", status_code=303)
        latest = await self._record.latest_by_phone(_PHONES_ON_THE_WALL)
        return self._page(request, "wall", latest, {"latest": latest, "accepted": await self._record.accepted_count()})

    async def phone(self, request: Request) -> Response:
        """Show one phone, with the newest text at the bottom of its screen."""
        number = request.path_params["number"]
        texts = await self._record.conversation(number, _TEXTS_ON_A_PHONE)
        writers = list(dict.fromkeys(text.number for text in reversed(texts)))
        blocked = [writer for writer in writers if self._carrier.is_blocked(writer, number)]
        hold = self._carrier.holds.get(number)
        return self._page(
            request,
            "phone",
            texts,
            {
                "number": number,
                "bubbles": screens.bubbles(texts),
                "writers": writers or self._config.known_numbers,
                "blocked": blocked,
                "hold": hold,
                "now": self._clock.now(),
                "today": self._clock.now().date(),
            },
        )

    def _page(self, request: Request, name: str, texts: list[SimulatedText], values: Mapping[str, Any]) -> Response:
        """Return a page, or 304 where nothing on it has changed."""
        etag = f'"{screens.version_of(texts, values.get("blocked"), values.get("hold"))}"'
        # A browser that kept the page would pair an old nonce with a new policy; only the page's own script asks back.
        headers = {"ETag": etag, "Cache-Control": "no-store"}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        nonce = secrets.token_urlsafe(16)
        headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
        )
        headers["Referrer-Policy"] = "no-referrer"
        headers["X-Content-Type-Options"] = "nosniff"
        return HTMLResponse(
            self._templates.get_template(f"{name}.html").render(**values, nonce=nonce, etag=etag), headers=headers
        )
