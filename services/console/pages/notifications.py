"""The page of notifications: how the shop's endpoints do, what each was told, and what to do about those given up."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import TypeAdapter

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.calls import ServiceCalls
from services.console.csv_answers import csv_answer
from services.console.needs import KeptNeeds
from services.console.notifications import TABS, ShownDelivery, ShownEndpoint
from services.console.page import ConsolePage, accepted, require
from services.console.rendering import PageRenderer, redirect
from services.console.words import sentence
from shared.config.model import SLUG

PATH: Final = "/console/notifications"
_SHOWN: Final = 50
_MOST_IN_A_FILE: Final = 1_000
_PAGE_OF_A_FILE: Final = 200
_LONGEST: Final = 500
_LONGEST_CURSOR: Final = 64
_ENDPOINTS: Final = TypeAdapter(list[ShownEndpoint])
_DELIVERIES: Final = TypeAdapter(list[ShownDelivery])
_OVERTAKEN: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND})
"""Somebody else decided first, or it was deleted by age."""

_Field = Annotated[str, Form(max_length=_LONGEST)]
_Count = Annotated[int, Query(ge=0, le=_SHOWN)]
_State = Literal["all", "dead", "pending", "delivered", "discarded"]
_Cursor = Annotated[str, Query(max_length=_LONGEST_CURSOR)]


class NotificationsPage(ConsolePage):
    """Answers the page, tests an endpoint, and sends notifications again or discards them.

    Args:
        calls: to the services.
        renderer: of the templates.
        kept: what Home shows of earlier answers.
    """

    place = "notifications"

    def __init__(self, calls: ServiceCalls, renderer: PageRenderer, kept: KeptNeeds) -> None:
        super().__init__(calls, renderer)
        self._kept = kept

    async def show(
        self,
        request: Request,
        person: SignedIn,
        state: _State = "all",
        cursor: _Cursor = "",
        tested: Annotated[str, Query(pattern=f"^$|{SLUG}")] = "",
        again: _Count = 0,
        gone: _Count = 0,
        late: _Count = 0,
    ) -> Response:
        """Answer the endpoints and what they were told; the last four say what a button just did.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 connectors does not answer.
        """
        done = {"tested": tested, "again": again, "gone": gone, "late": late}
        return await self._page(request, person, state, cursor, done)

    async def test(
        self, request: Request, person: SignedIn, form_token: _Field = "", endpoint: _Field = ""
    ) -> Response:
        """Send an endpoint a test notification.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 404 there is no such endpoint.
        """
        require_own_form(request, person, form_token)
        require(person, "notifications:write")
        answer = await self._calls.post(person, "connectors", f"/v1/endpoints/{quote(endpoint, safe='')}/test", {})
        if answer.status is HTTPStatus.TOO_MANY_REQUESTS:
            problem = "This endpoint was tested a moment ago; look at the last test in the list below."
            return await self._page(request, person, "all", "", {}, None, problem, answer.status)
        accepted(answer)
        return redirect(f"{PATH}?{urlencode({'tested': endpoint})}")

    async def decide(
        self,
        request: Request,
        person: SignedIn,
        form_token: _Field = "",
        action: _Field = "",
        reason: _Field = "",
        state: Annotated[_State, Form()] = "all",
        delivery: Annotated[list[UUID] | None, Form(max_length=_SHOWN)] = None,
    ) -> Response:
        """Send the chosen notifications again, or discard them with a reason.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 502 connectors does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "notifications:write")
        chosen = list(dict.fromkeys(delivery or []))
        given: dict[str, Any] = {"delivery": {str(each) for each in chosen}, "reason": reason}
        if not chosen:
            return await self._page(request, person, state, "", {}, given, "Choose notifications in the list first.")
        is_again = action == "redrive"
        if not is_again and not reason.strip():
            return await self._page(request, person, state, "", {}, given, "Say why, for those who look later.")
        verb, body = ("redrive", {}) if is_again else ("discard", {"reason": reason})
        done = late = 0
        for each in chosen:
            answer = await self._calls.post(person, "connectors", f"/v1/deliveries/{each}/{verb}", body)
            if answer.status is HTTPStatus.UNPROCESSABLE_ENTITY:
                problem = sentence(answer.problem)
                return await self._page(request, person, state, "", {}, given, problem, answer.status)
            if answer.status in _OVERTAKEN:
                late += 1
            elif accepted(answer):
                done += 1
        self._kept.forget(person.merchant.id)
        counts = {"again" if is_again else "gone": done, "late": late}
        return redirect(f"{PATH}?{urlencode({'state': state, **counts})}")

    async def file(self, person: SignedIn, state: _State = "all") -> Response:
        """Answer the newest notifications as a CSV file.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 connectors does not answer.
        """
        require(person, "notifications:read")
        rows: list[ShownDelivery] = []
        query = {"state": state, "limit": str(_PAGE_OF_A_FILE)}
        while len(rows) < _MOST_IN_A_FILE:
            answer = await self._asked(person, "connectors", "/v1/deliveries", urlencode(query))
            rows += _DELIVERIES.validate_python(answer["deliveries"])
            if answer["next_cursor"] is None:
                break
            query["cursor"] = answer["next_cursor"]
        head = ("id", "endpoint", "type", "state", "attempts", "created_at", "next_at", "ended_at", "problem", "detail")
        cells = [tuple(row.model_dump(mode="json")[name] for name in head) for row in rows]
        return csv_answer(f"notifications-{person.merchant.id}", head, cells)

    async def _page(
        self,
        request: Request,
        person: SignedInPerson,
        state: str,
        cursor: str,
        done: dict[str, Any],
        given: dict[str, Any] | None = None,
        problem: str = "",
        status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
    ) -> Response:
        require(person, "notifications:read")
        query = {"state": state, "limit": str(_SHOWN)} | ({"cursor": cursor} if cursor else {})
        endpoints, page = await asyncio.gather(
            self._asked(person, "connectors", "/v1/endpoints"),
            self._asked(person, "connectors", "/v1/deliveries", urlencode(query)),
        )
        following = page["next_cursor"]
        values = {
            "endpoints": _ENDPOINTS.validate_python(endpoints["endpoints"]),
            "given_up": int(endpoints["given_up"]),
            "deliveries": _DELIVERIES.validate_python(page["deliveries"]),
            "older": f"{PATH}?{urlencode({'state': state, 'cursor': following})}#told" if following else "",
            "state": state,
            "tabs": TABS,
            "done": {"tested": "", "again": 0, "gone": 0, "late": 0} | done,
            "given": given or {"delivery": set(), "reason": ""},
            "problem": problem,
        }
        return self._show(request, person, "notifications", values, status if problem else HTTPStatus.OK)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        router.add_api_route("", self.decide, methods=["POST"])
        router.add_api_route("/test", self.test, methods=["POST"])
        router.add_api_route("/notifications.csv", self.file)
        return router
