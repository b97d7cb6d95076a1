"""The console's pages about texts: parts that metrics draws, in the console's frame."""

from collections.abc import Callable
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from markupsafe import Markup

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn
from services.console.page import ConsolePage, accepted, query_of
from services.console.rendering import redirect

_PARTS: Final = "/v1/page-parts"
_LONGEST_QUERY: Final = 2_000


class TextPages(ConsolePage):
    """Answers the pages that metrics draws."""

    place = "now"

    async def overview(self, request: Request, person: SignedIn) -> Response:
        """Answer the first page: what is happening now."""
        return await self._framed(request, person, f"{_PARTS}/now", follows=True)

    async def find(self, number: Annotated[str, Query(alias="id")] = "") -> Response:
        """Answer the redirect to a follow-up's story, or to the first page for what is not an id."""
        try:
            return redirect(f"/console/follow-ups/{UUID(number.strip())}")
        except ValueError:
            return redirect("/console")

    async def story(self, request: Request, person: SignedIn, follow_up_id: UUID) -> Response:
        """Answer one follow-up's story."""
        return await self._framed(request, person, f"{_PARTS}/follow-ups/{follow_up_id}", follows=True)

    async def rows(self, request: Request, person: SignedIn) -> Response:
        """Answer a page of the rows behind a number."""
        if request.query_params.get("measure") == "in_state":  # a state is where facts led to; it has no rows
            return redirect("/console")
        return await self._framed(request, person, f"{_PARTS}/rows", follows=False)

    async def _framed(self, request: Request, person: SignedInPerson, path: str, *, follows: bool) -> Response:
        """Answer a part that metrics draws, in the frame.

        Raises:
            HTTPProblem: what metrics refuses, 502 if it does not answer.
        """
        answer = await self._calls.get(person, "metrics", path, query_of(request))
        body = answer.body if "html" in answer.body else accepted(answer).body
        part = {
            "title": body["title"],
            "part": Markup(body["html"]),  # noqa: S704 - drawn by metrics, escaped there
            "follows": follows and answer.is_success,
        }
        return self._show(request, person, "part", part, answer.status)

    async def static(self, name: str) -> Response:
        """Answer a style sheet, script or image."""
        return self._renderer.asset(name)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes; each page requires a session, its style sheet does not."""
        router = self._router("/console", sessions)
        pages: dict[str, Callable[..., object]] = {
            "": self.overview,
            "/follow-ups": self.find,
            "/follow-ups/{follow_up_id}": self.story,
            "/rows": self.rows,
        }
        for path, page in pages.items():
            router.add_api_route(path, page, response_model=None)
        static = APIRouter(include_in_schema=False)
        static.add_api_route("/console/static/{name}", self.static)
        static.include_router(router)
        return static
