"""The console's pages about texts: parts that metrics draws, in the console's frame."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from markupsafe import Markup

from services.console.calls import ServiceCalls
from services.console.rendering import STATIC, PageRenderer, frame, redirect
from services.console.sessions import Sessions, SignedInPerson
from services.console.sign_in import SignedIn, signed_in
from shared.http.problems import HTTPProblem

_PARTS: Final = "/v1/page-parts"
_LONGEST_QUERY: Final = 2_000


class ConsolePages:
    """Answers the pages."""

    def __init__(self, calls: ServiceCalls, renderer: PageRenderer) -> None:
        self._calls = calls
        self._renderer = renderer

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
        query = str(request.url.query)
        if len(query) > _LONGEST_QUERY:
            raise HTTPProblem(HTTPStatus.REQUEST_URI_TOO_LONG, "too_long", "this address is too long")
        answer = await self._calls.get(person, "metrics", path, query)
        if "html" not in answer.body:
            status = answer.status if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR else HTTPStatus.BAD_GATEWAY
            raise HTTPProblem(status, str(answer.body.get("code", "no_answer")), answer.problem)
        part = {
            "title": answer.body["title"],
            "part": Markup(answer.body["html"]),  # noqa: S704 - drawn by metrics, escaped there
            "follows": follows and answer.is_success,
        }
        return self._renderer.page(request, "part", frame(person, "now") | part, answer.status)

    async def static(self, name: str) -> Response:
        """Answer a style sheet, script or image."""
        if name not in STATIC:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
        return Response(self._renderer.assets[name], media_type=STATIC[name], headers=headers)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes; each page requires a session, its style sheet does not."""
        router = APIRouter(prefix="/console", include_in_schema=False)
        owner = [Depends(signed_in(sessions))]
        pages: dict[str, Callable[..., object]] = {
            "": self.overview,
            "/follow-ups": self.find,
            "/follow-ups/{follow_up_id}": self.story,
            "/rows": self.rows,
        }
        for path, page in pages.items():
            router.add_api_route(path, page, dependencies=owner, response_model=None)
        router.add_api_route("/static/{name}", self.static)
        return router
