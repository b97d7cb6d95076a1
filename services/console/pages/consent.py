"""The page of consent: who opted in and out, the ledger, and the requests to forget a person or to hand over a copy."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlencode
from uuid import UUID

import orjson
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, TypeAdapter

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.answers import ShownFigure
from services.console.calls import ServiceCalls
from services.console.charts import value_words
from services.console.csv_answers import csv_answer
from services.console.ledger_check import LedgerCheck, ShownDay, ShownDays
from services.console.page import ConsolePage, require
from services.console.rendering import HEADERS, PageRenderer, redirect
from services.console.words import sentence
from shared.clock import Clock
from shared.http.problems import HTTPProblem

PATH: Final = "/console/consent"
_API: Final = "/v1/consents"
_LISTED: Final = 50
_DAYS: Final = 30
_MOST_CHECKS: Final = 20
"""Requests of one check of the ledger; each reads up to 5,000 entries."""
_JSON: Final = "application/json"
_SHOWN_FIGURES: Final = ("opt_ins", "opt_outs", "opt_out_rate", "unsubscribe_latency")
_ACTS: Final = {
    "granted": ("opted in", "good"),
    "confirmed": ("confirmed", "good"),
    "restored": ("opted in again", "good"),
    "imported": ("imported", ""),
    "pending": ("asked to confirm", "wait"),
    "revoked": ("opted out", "bad"),
    "expired": ("ran out", "wait"),
}
_SCOPES: Final = {"all": "all texts", "marketing": "offers", "informational": "news about orders"}
_LEVELS: Final = {
    "pewc": "written, signed",
    "express": "express",
    "implied": "implied",
    "soft_opt_in": "as a customer",
    "contract": "through their order",
    "unknown": "",
}
Act = Literal["", "granted", "confirmed", "restored", "imported", "pending", "revoked", "expired"]
Right = Literal["erasures", "exports"]
_Field = Annotated[str, Form(max_length=200)]
_Cursor = Annotated[str, Query(max_length=64)]


class ShownLedgerEntry(BaseModel):
    """An entry of the ledger, as compliance answers it."""

    recipient_id: UUID
    recorded_at: datetime
    captured_at: datetime | None
    act: str
    scope: str
    level: str
    method: str
    source: str
    actor: str
    has_evidence: bool

    @property
    def act_words(self) -> tuple[str, str]:
        """What happened, and the tone of that."""
        return _ACTS.get(self.act, (self.act.replace("_", " "), ""))

    @property
    def scope_words(self) -> str:
        """Which texts it is about."""
        return _SCOPES.get(self.scope, self.scope)

    @property
    def level_words(self) -> str:
        """How strong a permission is; empty for a withdrawal."""
        return "" if self.act in {"revoked", "expired"} else _LEVELS.get(self.level, self.level)

    @property
    def how(self) -> str:
        """By which way it came, and from where."""
        method = self.method.replace("_", " ")
        return f"{method}, {self.source}" if self.source and self.source != self.method else method


class ShownRequest(BaseModel):
    """A request by right: to be forgotten, or for a copy."""

    id: UUID
    recipient_id: UUID | None
    source: str
    requested_at: datetime


_ENTRIES: Final = TypeAdapter(list[ShownLedgerEntry])
_REQUESTS: Final = TypeAdapter(list[ShownRequest])
_FIGURES: Final = TypeAdapter(list[ShownFigure])


class ConsentPages(ConsolePage):
    """Answers the page and its file, and passes on requests by right."""

    place = "consent"

    def __init__(self, calls: ServiceCalls, renderer: PageRenderer, clock: Clock) -> None:
        super().__init__(calls, renderer)
        self._clock = clock

    async def show(self, request: Request, person: SignedIn, act: Act = "", cursor: _Cursor = "") -> Response:
        """Answer the figures of 30 days and a page of the ledger.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 a service does not answer.
        """
        return await self._page(request, person, act, cursor)

    async def file(self, person: SignedIn, act: Act = "", cursor: _Cursor = "") -> Response:
        """Answer the same page of the ledger as a CSV file."""
        require(person, "consents:read")
        found = await self._entries(person, act, cursor)
        head = ("recorded_at", "captured_at", "person", "act", "scope", "level", "method", "source", "by", "evidence")
        rows = (
            (
                each.recorded_at.isoformat(),
                each.captured_at.isoformat() if each.captured_at else "",
                str(each.recipient_id),
                each.act,
                each.scope,
                each.level,
                each.method,
                each.source,
                each.actor,
                "kept" if each.has_evidence else "erased or none",
            )
            for each in _ENTRIES.validate_python(found["entries"])
        )
        return csv_answer("consents", head, rows)

    async def ask(
        self,
        request: Request,
        person: SignedIn,
        right: Right,
        form_token: _Field = "",
        to: _Field = "",
        sure: _Field = "",
    ) -> Response:
        """Ask for an erasure or a copy, by the person's number; an erasure cannot be undone and wants a tick."""
        require_own_form(request, person, form_token)
        require(person, "rights:write")
        unprocessable = HTTPStatus.UNPROCESSABLE_ENTITY
        if right == "erasures" and not sure:
            problem = {"right": right, "words": "Tick that it cannot be undone.", "typed": to}
            return await self._page(request, person, "", "", problem, unprocessable)
        answer = await self._calls.post(person, "compliance", f"/v1/{right}", {"to": to.strip()})
        if not answer.is_success:
            problem = {"right": right, "words": sentence(answer.problem), "typed": to}
            return await self._page(request, person, "", "", problem, answer.status)
        certificate = f"/erasures/{UUID(str(answer.body['id']))}" if right == "erasures" else "#exports-title"
        return redirect(PATH + certificate)

    async def certificate(self, request: Request, person: SignedIn, request_id: UUID) -> Response:
        """Answer the certificate of an erasure.

        Raises:
            HTTPProblem: 403 a role that may not look, 404 this shop has no such erasure.
        """
        require(person, "rights:read")
        found = await self._asked(person, "compliance", f"/v1/erasures/{request_id}")
        values = {"found": found, "asked": ShownRequest.model_validate(found), "services": found["services"]}
        return self._show(request, person, "certificate", values)

    async def check(self, request: Request, person: SignedIn) -> Response:
        """Answer whether the ledger of the last 30 days is in order, up to 100,000 entries of it.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 a service does not answer.
        """
        require(person, "consents:read")
        last = self._clock.now().astimezone(UTC).date()
        first = last - timedelta(days=_DAYS - 1)
        days: list[ShownDay] = []
        following: date | None = last
        for _ in range(_MOST_CHECKS):
            query = f"from={first}&to={following}"
            answer = await self._asked(person, "compliance", f"{_API}/verification", query)
            found = ShownDays.model_validate(answer)
            days += found.days
            following = found.next_to
            if following is None:
                break
        check = LedgerCheck(days, _DAYS, is_complete=following is None)
        return self._show(request, person, "consent_check", {"check": check})

    async def copy(self, person: SignedIn, request_id: UUID) -> Response:
        """Answer a copy as a file, once every service has handed over its part; that it is read is audited.

        Raises:
            HTTPProblem: 403 a role that may not look, 404 this shop has no such copy, 409 it is not complete yet.
        """
        require(person, "rights:read")
        found = await self._asked(person, "compliance", f"/v1/exports/{request_id}")
        if found["state"] != "complete":
            missing = ", ".join(found["missing"])
            raise HTTPProblem(
                HTTPStatus.CONFLICT, "incomplete", f"the copy still lacks {missing}; ask again in a moment"
            )
        headers = {**HEADERS, "Content-Disposition": f'attachment; filename="copy-{request_id}.json"'}
        return Response(orjson.dumps(dict(found), option=orjson.OPT_INDENT_2), media_type=_JSON, headers=headers)

    async def _page(
        self,
        request: Request,
        person: SignedInPerson,
        act: Act,
        cursor: str,
        problem: Mapping[str, str] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        require(person, "consents:read")
        found, figures = await asyncio.gather(self._entries(person, act, cursor), self._figures(person))
        rights: dict[str, list[ShownRequest]] = {}
        if person.may("rights:read"):
            for name in ("erasures", "exports"):
                answer = await self._asked(person, "compliance", f"/v1/{name}")
                rights[name] = _REQUESTS.validate_python(answer[name])[:10]
        following, query = found["next_cursor"], {"act": act} if act else {}
        values = {
            "act": act,
            "acts": [("", "everything"), *((name, words) for name, (words, _) in _ACTS.items())],
            "entries": _ENTRIES.validate_python(found["entries"]),
            "searched_to": datetime.fromisoformat(found["searched_to"]) if found["searched_to"] else None,
            "next_address": f"{PATH}?{urlencode(query | {'cursor': following})}" if following else "",
            "file_address": f"{PATH}/file.csv?{urlencode(query | ({'cursor': cursor} if cursor else {}))}",
            "figures": figures,
            "rights": rights,
            "problem": problem,
        }
        return self._show(request, person, "consent", values, status)

    async def _entries(self, person: SignedInPerson, act: str, cursor: str) -> Mapping[str, Any]:
        more = (f"&act={act}" if act else "") + (f"&cursor={quote(cursor)}" if cursor else "")
        return await self._asked(person, "compliance", _API, f"limit={_LISTED}{more}")

    async def _figures(self, person: SignedInPerson) -> list[tuple[str, str, str]]:
        """Return title, value and formula of what the last 30 days say about consent."""
        if not person.may("metrics:read"):
            return []
        until = self._clock.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        window = {"from": (until - timedelta(days=_DAYS)).isoformat(), "to": until.isoformat()}
        answer = await self._asked(person, "metrics", "/v1/kpis", urlencode(window))
        by_name = {figure.name: figure for figure in _FIGURES.validate_python(answer["kpis"])}
        shown = [by_name[name] for name in _SHOWN_FIGURES if name in by_name]
        return [(each.title, value_words(each, each.value), each.formula) for each in shown]

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        router.add_api_route("/file.csv", self.file)
        router.add_api_route("/check", self.check)
        router.add_api_route("/{right}", self.ask, methods=["POST"])
        router.add_api_route("/erasures/{request_id}", self.certificate)
        router.add_api_route("/exports/{request_id}/copy.json", self.copy)
        return router
