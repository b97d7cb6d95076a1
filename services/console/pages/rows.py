"""The rows behind a number."""

from typing import Final
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.console.accounts.sessions import Sessions
from services.console.accounts.sign_in import SignedIn
from services.console.answers import ShownRows
from services.console.page import ConsolePage, query_of
from services.console.rendering import redirect

PATH: Final = "/console/rows"


class RowPages(ConsolePage):
    """Answers pages of rows; an address of one is that of `GET /v1/facts` with the same query."""

    place = "now"

    async def show(self, request: Request, person: SignedIn) -> Response:
        """Answer a page of the rows behind a number.

        Raises:
            HTTPProblem: what metrics refuses, 502 if it does not answer.
        """
        query = query_of(request)
        if request.query_params.get("measure") == "in_state":  # a state is where facts led to; it has no rows
            return redirect("/console")
        found = ShownRows.model_validate(await self._asked(person, "metrics", "/v1/facts", query))
        kept = [(name, value) for name, value in parse_qsl(query) if name != "cursor"]
        more = f"{PATH}?{urlencode([*kept, ('cursor', found.next)])}" if found.next else None
        return self._show(request, person, "rows", {"found": found, "more": more})

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the route."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        return router
