"""The page of controls: what is paused and stopped, and the forms that pause, stop and let go on."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.approvals import ShownApproval
from services.console.calls import ServiceAnswer, ServiceCalls
from services.console.local_times import instant_of
from services.console.page import ConsolePage, accepted, require
from services.console.rendering import PageRenderer, redirect
from services.console.words import sentence
from shared.ids import MerchantId

PATH: Final = "/console/controls"
WAITING: Final = f"{PATH}#approvals"
"""Where a question for a second person stands."""
_API: Final = "/v1/controls"
_SHOWN: Final = 100
_LONGEST: Final = 200
_WHOLE: Final = "merchant"
"""The scope of all texts of a shop."""

_DIGITS: Final = 9
"""Of a number of texts."""
_LONGEST_REASON: Final = 500

_Field = Annotated[str, Form(max_length=_LONGEST)]
_Reason = Annotated[str, Form(max_length=_LONGEST_REASON)]


class ShownScope(BaseModel):
    """Which texts a control is about."""

    everything: bool
    flow: str | None
    step: str | None
    number: str | None
    provider: str | None
    recipient: UUID | None

    @property
    def words(self) -> str:
        """Which texts, as a person says it."""
        if self.flow is not None:
            return f"{self.step} of {self.flow}".replace("_", " ") if self.step else f"the flow {self.flow}"
        if self.number is not None:
            return f"texts from {self.number}"
        if self.recipient is not None:
            return f"texts to the person {self.recipient.hex[-6:]}"
        whole = "every shop's texts" if self.everything else "all texts"
        return f"{whole} through {self.provider}" if self.provider is not None else whole

    @property
    def kind(self) -> str:
        """The field that the form sends."""
        names = ("step", "flow", "number", "provider", "recipient")
        return next((name for name in names if getattr(self, name) is not None), _WHOLE)

    @property
    def target(self) -> str:
        """What the form sends with it; a step after its flow."""
        if self.kind == "step":
            return f"{self.flow}/{self.step}"
        return "" if self.kind == _WHOLE else str(getattr(self, self.kind))


class ShownControl(BaseModel):
    """A control, as the scheduler answers it."""

    action: Literal["pause", "stop"]
    scope: ShownScope
    reason: str | None
    made_at: datetime
    made_by: str
    until: datetime | None
    in_force_at: datetime | None
    waiting: int
    cancelled: int
    in_progress: bool


class ControlChange(BaseModel):
    """What a form asks for."""

    action: Literal["pause", "stop", "resume"]
    kind: Literal["merchant", "flow", "step", "number", "provider", "recipient", "to"]
    target: str = Field(max_length=_LONGEST)
    reason: str = Field(max_length=_LONGEST)
    until: str = Field("", max_length=_LONGEST)
    is_confirmed: bool = False

    def body(self, person: SignedInPerson, *, dry_run: bool) -> dict[str, Any]:
        """Return what to ask of the scheduler.

        Raises:
            ValueError: the time is none; the message says what to write.
        """
        return {
            "action": self.action,
            "scope": self._scope(person),
            "reason": self.reason,
            "until": instant_of(self.until, ZoneInfo(person.merchant.config.time_zone)) if self.until else None,
            "dry_run": dry_run,
        }

    def _scope(self, person: SignedInPerson) -> dict[str, str]:
        if self.kind == _WHOLE:
            return {_WHOLE: person.merchant.id}
        if self.kind == "step":
            flow, _, step = self.target.partition("/")
            return {"flow": flow, "step": step}
        return {self.kind: self.target.strip()}


_CONTROLS: Final = TypeAdapter(list[ShownControl])
_APPROVALS: Final = TypeAdapter(list[ShownApproval])
NOTHING_GIVEN: Final = {"action": "pause", "kind": "", "target": "", "reason": "", "until": ""}


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer of a second person that could not be taken, as it was typed."""

    approval_id: UUID
    reason: str
    problem: str


class ControlsPage(ConsolePage):
    """Answers the page, and passes on what its forms ask for.

    Args:
        calls: to the services.
        renderer: of the templates.
        resumers: returns the names of a merchant's users who may resume texts.
    """

    place = "controls"

    def __init__(
        self,
        calls: ServiceCalls,
        renderer: PageRenderer,
        resumers: Callable[[MerchantId], Awaitable[Sequence[str]]],
    ) -> None:
        super().__init__(calls, renderer)
        self._resumers = resumers

    async def show(self, request: Request, person: SignedIn) -> Response:
        """Answer what is paused and stopped, with forms for those who may use them.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 the scheduler does not answer.
        """
        return await self._page(request, person)

    async def change(
        self,
        request: Request,
        person: SignedIn,
        form_token: _Field = "",
        action: _Field = "",
        scope: _Field = "",
        reason: _Field = "",
        until: _Field = "",
        confirmed: _Field = "",
    ) -> Response:
        """Do what a form asks for; a stop first says how many texts it cancels.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 502 the scheduler does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "controls:write")
        kind, _, target = scope.partition(":")
        given = {"action": action, "kind": kind, "target": target, "reason": reason, "until": until}
        try:
            change = ControlChange.model_validate({**given, "is_confirmed": bool(confirmed)})
            asks_first = change.action == "stop" and not change.is_confirmed
            body = change.body(person, dry_run=asks_first)
        except ValidationError:
            return await self._page(request, person, given, "Choose what to do, and which texts.")
        except ValueError as problem:
            return await self._page(request, person, given, str(problem))
        answer = await self._calls.post(person, "scheduler", _API, body)
        if not answer.is_success:
            return await self._page(request, person, given, sentence(answer.problem), answer.status)
        if asks_first:
            return self._confirm(request, person, change, answer)
        return redirect(WAITING if answer.body["approval"] else PATH)

    async def answer(
        self,
        request: Request,
        person: SignedIn,
        approval_id: UUID,
        form_token: _Field = "",
        answer: _Field = "",
        texts: _Field = "",
        reason: _Reason = "",
    ) -> Response:
        """Say yes or no as the second person, to as many texts as the page showed.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 404 there is no such question; 502 the
                scheduler does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "controls:write")
        shown = int(texts) if texts.isascii() and texts.isdecimal() and len(texts) <= _DIGITS else None
        body = {"answer": answer, "texts": shown, "reason": reason.strip() or None}
        told = await self._calls.post(person, "scheduler", f"/v1/approvals/{approval_id}/answer", body)
        if told.status is HTTPStatus.NOT_FOUND:
            accepted(told)
        if told.is_success:
            return redirect(PATH)
        refused = GivenAnswer(approval_id, reason, sentence(told.problem))
        return await self._page(request, person, status=told.status, refused=refused)

    def _confirm(
        self, request: Request, person: SignedInPerson, change: ControlChange, answer: ServiceAnswer
    ) -> Response:
        """Answer how many texts a stop cancels, with the button that does it."""
        count = int(answer.body["follow_ups"])
        words = "all texts" if change.kind == _WHOLE else f"{change.kind} {change.target}".replace("_", " ")
        values = {"change": change, "words": words, "count": count, "is_exact": bool(answer.body["is_exact"])}
        return self._show(request, person, "stop", values)

    async def _page(
        self,
        request: Request,
        person: SignedInPerson,
        given: dict[str, str] | None = None,
        problem: str | None = None,
        status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
        refused: GivenAnswer | None = None,
    ) -> Response:
        require(person, "controls:read")
        answer = await self._asked(person, "scheduler", _API, f"limit={_SHOWN}")
        waiting = _APPROVALS.validate_python((await self._asked(person, "scheduler", "/v1/approvals"))["approvals"])
        resumers = await self._resumers(person.merchant.id) if waiting else ()
        config = person.merchant.config
        values = {
            "controls": _CONTROLS.validate_python(answer["controls"]),
            "has_more": answer["next_cursor"] is not None,
            "flows": sorted(person.merchant.flows),
            "numbers": [number.number for number in config.numbers],
            "providers": sorted(config.providers),
            "given": given or NOTHING_GIVEN,
            "problem": problem,
            "approvals": waiting,
            "partners": [name for name in resumers if f"user:{name}" != person.name],
            "refused": refused,
            "is_refused_gone": refused is not None and all(each.approval_id != refused.approval_id for each in waiting),
        }
        found = HTTPStatus.OK if problem is None and refused is None else status
        return self._show(request, person, "controls", values, found)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        router.add_api_route("", self.change, methods=["POST"])
        router.add_api_route("/approvals/{approval_id}", self.answer, methods=["POST"])
        return router
