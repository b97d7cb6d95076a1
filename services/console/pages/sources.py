"""The page of sources: whether they bring anything, and the deliveries that could not be read, with what to do."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import TypeAdapter

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.calls import ServiceAnswer
from services.console.csv_answers import csv_answer
from services.console.operations import ShownQuarantined, ShownSource
from services.console.own_phones import chosen_phone, phone_choices
from services.console.page import ConsolePage, accepted, require
from services.console.rendering import redirect
from services.console.words import sentence, words
from shared.events.trigger import TriggerKind

PATH: Final = "/console/sources"
_SHOWN: Final = 50
_MOST_ROUNDS: Final = 5
"""Of a hundred deliveries each, that one press of a button reads again."""
_MOST_IN_A_FILE: Final = 1_000
_LONGEST: Final = 500
_SOURCES: Final = TypeAdapter(list[ShownSource])
_QUARANTINE: Final = TypeAdapter(list[ShownQuarantined])

_Field = Annotated[str, Form(max_length=_LONGEST)]
_Count = Annotated[int, Query(ge=0, le=100_000)]


class SourcesPage(ConsolePage):
    """Answers the page, and reads deliveries again or discards them."""

    place = "sources"

    async def show(
        self,
        request: Request,
        person: SignedIn,
        cursor: Annotated[UUID | None, Query()] = None,
        done: _Count = 0,
        left: _Count = 0,
        gone: _Count = 0,
    ) -> Response:
        """Answer the sources and what waits in quarantine; the counts are of what a button just did.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 ingest does not answer.
        """
        return await self._page(request, person, cursor, {"done": done, "left": left, "gone": gone})

    async def decide(
        self,
        request: Request,
        person: SignedIn,
        form_token: _Field = "",
        action: _Field = "",
        reason: _Field = "",
        delivery: Annotated[list[str] | None, Form(max_length=_SHOWN)] = None,
    ) -> Response:
        """Read the chosen deliveries again, or all, or discard them with a reason.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 502 ingest does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "operations:write")
        chosen = delivery or []
        given: dict[str, Any] = {"delivery": set(chosen), "reason": reason}
        if action == "redrive_all":
            return await self._read_all_again(person)
        if not chosen:
            return await self._page(request, person, None, {}, given, "Choose deliveries in the list first.")
        if action == "redrive":
            answer = await self._calls.post(person, "ingest", "/v1/quarantine/redrive", {"delivery_ids": chosen})
        else:
            body = {"delivery_ids": chosen, "reason": reason}
            answer = await self._calls.post(person, "ingest", "/v1/quarantine/discard", body)
        if not answer.is_success:
            problem = "Say why, for those who look later." if not reason.strip() else sentence(answer.problem)
            return await self._page(request, person, None, {}, given, problem, answer.status)
        if action == "redrive":
            return redirect(_address(*_counts(answer)))
        return redirect(f"{PATH}?{urlencode({'gone': len(answer.body['delivery_ids'])})}")

    async def send_trial(
        self,
        request: Request,
        person: SignedIn,
        form_token: _Field = "",
        phone: _Field = "",
        kind: _Field = "",
        once: _Field = "",
    ) -> Response:
        """Let something happen to a phone of the shop's own; `phone` is its place in the list of merchant.yaml.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 502 ingest does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "operations:write")
        to = chosen_phone(person.merchant.config.test_recipients, phone)
        if to is None:
            return await self._page(request, person, None, {}, problem="Choose a phone.", trial=True)
        body = {"to": to, "kind": kind}
        answer = await self._calls.post(person, "ingest", "/v1/trial-events", body, once=once)
        if not answer.is_success:
            problem = sentence(answer.problem)
            return await self._page(request, person, None, {}, problem=problem, status=answer.status, trial=True)
        return redirect(f"{PATH}?tried=1")

    async def _read_all_again(self, person: SignedInPerson) -> Response:
        done = left = 0
        body: dict[str, Any] = {"everything": True}
        for _ in range(_MOST_ROUNDS):
            answer = accepted(await self._calls.post(person, "ingest", "/v1/quarantine/redrive", body))
            read, kept = _counts(answer)
            done, left = done + read, left + kept
            if answer.body["next"] is None:
                break
            body = {"everything": True, "after": answer.body["next"]}
        return redirect(_address(done, left))

    async def file(self, person: SignedIn) -> Response:
        """Answer the newest deliveries in quarantine as a CSV file.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 ingest does not answer.
        """
        require(person, "operations:read")
        rows: list[ShownQuarantined] = []
        query: dict[str, Any] = {"limit": 100}
        while len(rows) < _MOST_IN_A_FILE:
            answer = await self._asked(person, "ingest", "/v1/quarantine", urlencode(query))
            rows += _QUARANTINE.validate_python(answer["deliveries"])
            if answer["next_cursor"] is None:
                break
            query["cursor"] = answer["next_cursor"]
        head = ("delivery_id", "source", "topic", "reason", "detail", "received_at")
        cells = [
            (str(row.delivery_id), row.source, row.topic, row.reason, row.detail, row.received_at.isoformat())
            for row in rows
        ]
        return csv_answer(f"quarantine-{person.merchant.id}", head, cells)

    async def _page(
        self,
        request: Request,
        person: SignedInPerson,
        cursor: UUID | None,
        counts: dict[str, int],
        given: dict[str, Any] | None = None,
        problem: str = "",
        status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
        *,
        trial: bool = False,
    ) -> Response:
        require(person, "operations:read")
        query = {"limit": str(_SHOWN)} | ({"cursor": str(cursor)} if cursor else {})
        sources, quarantine = await asyncio.gather(
            self._asked(person, "ingest", "/v1/sources"),
            self._asked(person, "ingest", "/v1/quarantine", urlencode(query)),
        )
        following = quarantine["next_cursor"]
        values = {
            "sources": _SOURCES.validate_python(sources["sources"]),
            "deliveries": _QUARANTINE.validate_python(quarantine["deliveries"]),
            "older": f"{PATH}?{urlencode({'cursor': following})}#quarantine" if following else "",
            "given": given or {"delivery": set(), "reason": ""},
            "problem": "" if trial else problem,
            "trial_problem": problem if trial else "",
            "tried": "tried" in request.query_params,
            "own_phone_choices": phone_choices(person.merchant.config.test_recipients),
            "kinds": [(str(each), words(each)) for each in TriggerKind],
            "once": uuid4(),
            "counts": {"done": 0, "left": 0, "gone": 0} | counts,
        }
        return self._show(request, person, "sources", values, status if problem else HTTPStatus.OK)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        router.add_api_route("", self.decide, methods=["POST"])
        router.add_api_route("/trial", self.send_trial, methods=["POST"])
        router.add_api_route("/quarantine.csv", self.file)
        return router


def _counts(answer: ServiceAnswer) -> tuple[int, int]:
    """Return how many were read, and how many stay."""
    kept = sum(each["outcome"] == "quarantined" for each in answer.body["deliveries"])
    return len(answer.body["deliveries"]) - kept, kept


def _address(done: int, left: int) -> str:
    return f"{PATH}?{urlencode({'done': done, 'left': left})}"
