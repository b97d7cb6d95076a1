"""The page of parked events: what services could not handle, handled again or discarded with a reason."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.calls import ServiceCalls
from services.console.csv_answers import csv_answer
from services.console.needs import KeptNeeds
from services.console.page import ConsolePage, accepted, require
from services.console.parked import NAMES, ParkedRow, chosen_ids, outcomes, rows_of
from services.console.rendering import PageRenderer, redirect
from services.console.words import sentence
from shared.http.problems import HTTPProblem
from shared.vocabulary.service_names import EVENT_SERVICES

PATH: Final = "/console/parked"
_SHOWN: Final = 30
"""Of each service."""
_MOST_ROUNDS: Final = 5
"""Of a hundred events of each service, that one press of a button handles again."""
_MOST_IN_A_FILE: Final = 500
"""Of each service."""
_LONGEST: Final = 500
_LARGEST_ID: Final = 2**63 - 1

_Field = Annotated[str, Form(max_length=_LONGEST)]
_Count = Annotated[int, Query(ge=0, le=100_000)]
_Service = Annotated[str, Query(max_length=20)]
_Cursor = Annotated[int, Query(ge=0, le=_LARGEST_ID)]


class ParkedEventsPage(ConsolePage):
    """Answers the page, and has parked events handled again or discards them.

    Args:
        calls: to the services.
        renderer: of its template.
        kept: what Home says is parked, asked again after something was decided.
    """

    place = "sources"

    def __init__(self, calls: ServiceCalls, renderer: PageRenderer, kept: KeptNeeds) -> None:
        super().__init__(calls, renderer)
        self._kept = kept

    async def show(
        self,
        request: Request,
        person: SignedIn,
        service: _Service = "",
        cursor: _Cursor = 0,
        done: _Count = 0,
        left: _Count = 0,
        gone: _Count = 0,
    ) -> Response:
        """Answer what is parked, of all services or of one; the counts are of what a button just did.

        Raises:
            HTTPProblem: 403 a role that may not look.
        """
        counts = {"done": done, "left": left, "gone": gone}
        return await self._page(request, person, (service, cursor), counts)

    async def decide(
        self,
        request: Request,
        person: SignedIn,
        service: _Service = "",
        cursor: _Cursor = 0,
        form_token: _Field = "",
        action: _Field = "",
        reason: _Field = "",
        event: Annotated[list[str] | None, Form(max_length=_SHOWN * len(EVENT_SERVICES))] = None,
    ) -> Response:
        """Have the chosen events handled again, or all, or discard the chosen with a reason.

        Each service decides on its own: what one refuses keeps no other's.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not.
        """
        require_own_form(request, person, form_token)
        require(person, "operations:write")
        chosen = chosen_ids(event or ())
        problem, counts = "", {"done": 0, "left": 0, "gone": 0}
        if action == "redrive_all":
            chosen = {each: [] for each in EVENT_SERVICES}
        elif not chosen:
            problem = "Choose events in the list first."
        elif action == "discard" and not reason.strip():
            problem = "Say why, for those who look later."
        if not problem:
            refused = []
            for each, ids in chosen.items():
                try:
                    if action == "discard":
                        body = {"ids": ids, "reason": reason}
                        answer = accepted(await self._calls.post(person, each, f"/v1/parked/{each}/discard", body))
                        counts["gone"] += len(answer.body["ids"])
                    else:
                        await self._redrive(person, each, ids, counts)
                except HTTPProblem as fault:
                    refused.append(sentence(f"{NAMES.get(each, each)}: {fault.detail}"))
            self._kept.forget(person.merchant.id)
            problem = " ".join(refused)
        if not problem:
            return redirect(f"{PATH}?{urlencode({name: count for name, count in counts.items() if count})}")
        given = {"event": set(event or ()), "reason": reason}
        return await self._page(request, person, (service, cursor), counts, given, problem)

    async def _redrive(self, person: SignedInPerson, service: str, ids: list[int], counts: dict[str, int]) -> None:
        """Have events of a service handled again, all without `ids`, and count what became of them."""
        body: dict[str, Any] = {"ids": ids} if ids else {"everything": True}
        for _ in range(_MOST_ROUNDS):
            answer = accepted(await self._calls.post(person, service, f"/v1/parked/{service}/redrive", body)).body
            done, left = outcomes(answer["events"])
            counts["done"] += done
            counts["left"] += left
            if answer["next"] is None:
                return
            body = {"everything": True, "after": answer["next"]}

    async def file(self, person: SignedIn) -> Response:
        """Answer the oldest parked events of each service as a CSV file.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 a service does not answer: no file is without its events.
        """
        require(person, "operations:read")
        rows: list[ParkedRow] = []
        for service in EVENT_SERVICES:
            query = {"limit": 100}
            for _ in range(_MOST_IN_A_FILE // 100):
                answer = await self._asked(person, service, f"/v1/parked/{service}", urlencode(query))
                rows += rows_of({service: answer})
                if answer["next_cursor"] is None:
                    break
                query["cursor"] = answer["next_cursor"]
        head = ("service", "id", "type", "recipient_id", "is_behind", "reason", "parked_at", "attempts")
        cells = [
            (
                row.service,
                row.event.id,
                row.event.type,
                str(row.event.recipient_id),
                row.event.is_behind,
                row.event.reason,
                row.event.parked_at.isoformat(),
                row.event.attempts,
            )
            for row in rows
        ]
        return csv_answer(f"parked-{person.merchant.id}", head, cells)

    async def _page(
        self,
        request: Request,
        person: SignedInPerson,
        where: tuple[str, int],
        counts: dict[str, int],
        given: dict[str, Any] | None = None,
        problem: str = "",
    ) -> Response:
        require(person, "operations:read")
        service, cursor = where
        is_one = service in EVENT_SERVICES
        asked = [service] if is_one else list(EVENT_SERVICES)
        query = {"limit": _SHOWN, "cursor": cursor if is_one else 0}
        found = await asyncio.gather(*(self._found(person, each, urlencode(query)) for each in asked))
        answers = {each: answer for each, answer in zip(asked, found, strict=True) if answer is not None}
        values = {
            "rows": rows_of(answers),
            "names": NAMES,
            "silent": [NAMES.get(each, each) for each in asked if each not in answers],
            "further": [
                (NAMES.get(each, each), f"{PATH}?{urlencode({'service': each, 'cursor': answer['next_cursor']})}")
                for each, answer in answers.items()
                if answer["next_cursor"] is not None
            ],
            "here": f"{PATH}?{urlencode({'service': service, 'cursor': cursor})}" if is_one else PATH,
            "is_one": is_one,
            "given": given or {"event": set(), "reason": ""},
            "problem": problem,
            "counts": counts,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
        return self._show(request, person, "parked", values, status)

    async def _found(self, person: SignedInPerson, service: str, query: str) -> Mapping[str, Any] | None:
        """Return what a service has parked; None where it does not answer, which keeps no other from being shown."""
        try:
            return await self._asked(person, service, f"/v1/parked/{service}", query)
        except HTTPProblem as fault:
            if fault.status != HTTPStatus.BAD_GATEWAY:
                raise
            return None

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        router.add_api_route("", self.decide, methods=["POST"])
        router.add_api_route("/parked.csv", self.file)
        return router
