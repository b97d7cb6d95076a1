"""The first page: what needs somebody, and what is happening now."""

import asyncio
from enum import StrEnum
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.console import charts
from services.console.accounts.sessions import Sessions
from services.console.accounts.sign_in import SignedIn
from services.console.answers import ShownOverview
from services.console.calls import ServiceCalls
from services.console.needs import KeptNeeds, ask_all
from services.console.page import ConsolePage
from services.console.rendering import PageRenderer

PATH: Final = "/console"


class Span(StrEnum):
    """The period that the page covers."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def words(self) -> str:
        """The name shown on the page."""
        return {Span.DAY: "the last 24 hours", Span.WEEK: "the last 7 days", Span.MONTH: "the last 30 days"}[self]


class HomePage(ConsolePage):
    """Answers the first page."""

    place = "now"

    def __init__(self, calls: ServiceCalls, renderer: PageRenderer, kept: KeptNeeds) -> None:
        super().__init__(calls, renderer)
        self._kept = kept

    async def show(self, request: Request, person: SignedIn, span: Span = Span.DAY) -> Response:
        """Answer what needs this person and what is happening now; one refresh asks each service once.

        Raises:
            HTTPProblem: what metrics refuses, 502 if it does not answer.
        """
        answer, needs = await asyncio.gather(
            self._asked(person, "metrics", "/v1/overview", f"span={span}"), ask_all(self._calls, person, self._kept)
        )
        overview = ShownOverview.model_validate(answer)
        values = {
            "overview": overview,
            "needs": needs,
            "counts": charts.counts(overview.figures),
            "span": span,
            "spans": list(Span),
            "tiles": charts.tiles(overview.figures),
            "bars": charts.draw_bars(overview.bars),
            "peak": charts.peak(overview.bars),
            "slices": charts.slices(overview.states),
        }
        return self._show(request, person, "home", values)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the route."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        return router
