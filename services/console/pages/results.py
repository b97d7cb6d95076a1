"""The page of results: every figure with its parts, beside the period before, and by flow, number or day."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import TypeAdapter

from services.console import results
from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn
from services.console.answers import ShownFigure
from services.console.calls import ServiceCalls
from services.console.csv_answers import csv_answer
from services.console.page import ConsolePage
from services.console.rendering import PageRenderer
from services.console.results import Period
from shared.clock import Clock

PATH: Final = "/console/results"
_FIGURES: Final = TypeAdapter(list[ShownFigure])
_Day = Annotated[str, Query(max_length=10)]
PeriodName = Literal["7d", "30d", "90d", "365d"]
GroupName = Literal["flow", "number", "day"]


class ResultsPage(ConsolePage):
    """Answers the page, and its tables as CSV files."""

    place = "results"

    def __init__(self, calls: ServiceCalls, renderer: PageRenderer, clock: Clock) -> None:
        super().__init__(calls, renderer)
        self._clock = clock

    async def show(
        self,
        request: Request,
        person: SignedIn,
        period: PeriodName = "30d",
        by: GroupName = "flow",
        first: _Day = "",
        last: _Day = "",
    ) -> Response:
        """Answer the figures of a period.

        Raises:
            HTTPProblem: what metrics refuses, 502 if it does not answer.
        """
        problem = ""
        asked = {"period": period, "by": by, "first": first, "last": last}
        try:
            chosen = self._period(person, period, first, last)
        except ValueError as wrong:
            problem, chosen = str(wrong), self._period(person, period, "", "")
        is_listed = by != "day" or chosen.days <= results.MOST_BY_DAY
        whole, before, grouped = await asyncio.gather(
            self._figures(person, chosen),
            self._figures(person, chosen.before),
            self._figures(person, chosen, by if is_listed else "flow"),
        )
        values = {
            "period": chosen,
            "asked": asked,
            "problem": problem,
            "periods": list(results.PERIODS),
            "groups": results.GROUPS,
            "lines": results.figure_lines(whole, before),
            "is_listed": is_listed,
            "table": results.by_group(grouped, by) if is_listed else [],
            "address": lambda **changed: results.address(PATH, asked, **changed),
            "file": lambda **changed: results.address(f"{PATH}/file.csv", asked, **changed),
            "has_any": any(figure.numerator for figure in (*whole, *before)),
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
        return self._show(request, person, "results", values, status)

    async def file(
        self,
        person: SignedIn,
        period: PeriodName = "30d",
        by: Literal["", "flow", "number", "day"] = "",
        first: _Day = "",
        last: _Day = "",
    ) -> Response:
        """Answer the figures of a period as a CSV file, together or by flow, number or day.

        Raises:
            HTTPProblem: what metrics refuses (a day too many of them), 502 if it does not answer.
        """
        try:
            chosen = self._period(person, period, first, last)
        except ValueError:
            chosen = self._period(person, period, "", "")
        figures = await self._figures(person, chosen, by)
        head = ((by,) if by else ()) + results.CSV_HEAD
        name = f"results-{chosen.first}-{chosen.last}{'-by-' + by if by else ''}"
        return csv_answer(name, head, results.csv_rows(figures, by))

    def _period(self, person: SignedInPerson, name: str, first: str, last: str) -> Period:
        zone = ZoneInfo(person.merchant.config.time_zone)
        return results.period_of(name, first, last, self._clock.now().astimezone(zone).date(), zone)

    async def _figures(self, person: SignedInPerson, period: Period, by: str = "") -> list[ShownFigure]:
        query: Mapping[str, str] = period.query | ({"by": by} if by else {})
        answer: Mapping[str, Any] = await self._asked(person, "metrics", "/v1/kpis", urlencode(query))
        return _FIGURES.validate_python(answer["kpis"])

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        router.add_api_route("/file.csv", self.file)
        return router
