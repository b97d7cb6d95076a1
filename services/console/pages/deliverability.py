"""The page of deliverability: texts without an answer, limits and holds, numbers and providers with their figures."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import TypeAdapter

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.answers import ShownFigure
from services.console.calls import ServiceCalls
from services.console.csv_answers import csv_answer
from services.console.operations import ShownLimits, ShownUnknown
from services.console.page import ConsolePage, accepted, require
from services.console.rendering import PageRenderer, redirect
from services.console.senders import SenderFigures, ShownAccount, ShownNumber, figures_of
from services.console.words import masked_number, sentence
from shared.clock import Clock

PATH: Final = "/console/deliverability"
_SHOWN: Final = 20
_LONGEST: Final = 500
_DAYS: Final = timedelta(days=7)
_FIGURES: Final = TypeAdapter(list[ShownFigure])
_UNKNOWN: Final = TypeAdapter(list[ShownUnknown])
_NUMBERS: Final = TypeAdapter(list[ShownNumber])
_ACCOUNTS: Final = TypeAdapter(list[ShownAccount])
_FIGURES_IN_FILES: Final = ("accepted", "delivery_rate", "opt_out_rate", "unknown", "failed")
_OUTCOMES: Final[Mapping[str, Mapping[str, Any]]] = {
    "sent": {"outcome": "sent"},
    "not_sent": {"outcome": "not_sent"},
    "send_again": {"outcome": "not_sent", "send_again": True},
}

_Field = Annotated[str, Form(max_length=_LONGEST)]


class DeliverabilityPage(ConsolePage):
    """Answers the page, says what became of a text, and releases held ones."""

    place = "deliverability"

    def __init__(self, calls: ServiceCalls, renderer: PageRenderer, clock: Clock) -> None:
        super().__init__(calls, renderer)
        self._clock = clock

    async def show(
        self, request: Request, person: SignedIn, cursor: Annotated[UUID | None, Query()] = None
    ) -> Response:
        """Answer the page.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 a service does not answer.
        """
        return await self._page(request, person, cursor)

    async def resolve(
        self,
        request: Request,
        person: SignedIn,
        form_token: _Field = "",
        follow_up_id: _Field = "",
        attempt_id: _Field = "",
        outcome: _Field = "",
        provider_message_id: _Field = "",
        reason: _Field = "",
    ) -> Response:
        """Say what became of a text.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 502 the sender does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "operations:write")
        given = {
            "attempt_id": attempt_id,
            "outcome": outcome,
            "provider_message_id": provider_message_id,
            "reason": reason,
        }
        try:
            path = f"/v1/dispatches/{UUID(follow_up_id)}/resolve"
            body = {"attempt_id": str(UUID(attempt_id)), "reason": reason, **_OUTCOMES[outcome]}
        except (ValueError, KeyError):
            return await self._page(request, person, None, given, "Choose what became of the text.")
        if not reason.strip():
            return await self._page(request, person, None, given, "Say what you saw, for those who look later.")
        if provider_message_id.strip() and outcome == "sent":
            body["provider_message_id"] = provider_message_id.strip()
        answer = await self._calls.post(person, "sender", path, body)
        if not answer.is_success:
            return await self._page(request, person, None, given, sentence(answer.problem), answer.status)
        return redirect(PATH)

    async def release(self, request: Request, person: SignedIn, form_token: _Field = "") -> Response:
        """Release texts to new people that neighbouring numbers held.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 409 nothing is held.
        """
        require_own_form(request, person, form_token)
        require(person, "holds:write")
        accepted(await self._calls.post(person, "compliance", "/v1/holds/release", {}))
        return redirect(PATH)

    async def numbers_file(self, person: SignedIn) -> Response:
        """Answer the numbers, with their figures of seven days, as a CSV file.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 a service does not answer.
        """
        require(person, "operations:read")
        head = ("number", "provider", "state", "reason", "registration", "parts_per_second", "queued", "errors_24h")
        rows = [
            (
                masked_number(each.number),
                each.provider,
                each.state,
                each.reason or "",
                each.registration,
                each.parts_per_second,
                each.queued,
                _listed(each.errors_24h),
                *(figures.values.get(name, ("", ""))[0] for name in _FIGURES_IN_FILES),
            )
            for each, figures in await self._numbers(person)
        ]
        return csv_answer(f"numbers-{person.merchant.id}", (*head, *_FIGURES_IN_FILES), rows)

    async def providers_file(self, person: SignedIn) -> Response:
        """Answer the providers, with their figures of seven days, as a CSV file.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 a service does not answer.
        """
        require(person, "operations:read")
        head = ("provider", "kind", "is_usable", "numbers", "held_numbers", "errors_24h", "median_s", "p95_s")
        rows = [
            (
                each.provider,
                each.kind,
                each.is_usable,
                len(each.numbers),
                each.held_numbers,
                _listed(each.errors_24h),
                each.answers_in.median_seconds if each.answers_in else "",
                each.answers_in.p95_seconds if each.answers_in else "",
                *(figures.values.get(name, ("", ""))[0] for name in _FIGURES_IN_FILES),
            )
            for each, figures in await self._accounts(person)
        ]
        return csv_answer(f"providers-{person.merchant.id}", (*head, *_FIGURES_IN_FILES), rows)

    async def _page(
        self,
        request: Request,
        person: SignedInPerson,
        cursor: UUID | None,
        given: dict[str, str] | None = None,
        problem: str = "",
        status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
    ) -> Response:
        require(person, "operations:read")
        # With this scope alone: numbers stay masked, so that looking at the page reveals nobody.
        narrowed = replace(person, scopes=frozenset({"operations:read"}))
        query = {"limit": str(_SHOWN)} | ({"cursor": str(cursor)} if cursor else {})
        unknown, limits, numbers, accounts = await asyncio.gather(
            self._asked(narrowed, "sender", "/v1/dispatches/unknown", urlencode(query)),
            self._limits(person),
            self._numbers(person),
            self._accounts(person),
        )
        following = unknown["next_cursor"]
        values = {
            "unknown": _UNKNOWN.validate_python(unknown["unknown"]),
            "count": int(unknown["count"]),
            "older": f"{PATH}?{urlencode({'cursor': following})}" if following else "",
            "limits": limits,
            "numbers": numbers,
            "accounts": accounts,
            "given": given or {"attempt_id": "", "outcome": "", "provider_message_id": "", "reason": ""},
            "problem": problem,
        }
        return self._show(request, person, "deliverability", values, status if problem else HTTPStatus.OK)

    async def _limits(self, person: SignedInPerson) -> ShownLimits | None:
        if not person.may("holds:read"):
            return None
        return ShownLimits.model_validate(await self._asked(person, "compliance", "/v1/holds"))

    async def _numbers(self, person: SignedInPerson) -> list[tuple[ShownNumber, SenderFigures]]:
        answer, figures = await asyncio.gather(
            self._asked(person, "sender", "/v1/numbers"), self._figures(person, "number")
        )
        return [(each, figures_of(each.number, figures)) for each in _NUMBERS.validate_python(answer["numbers"])]

    async def _accounts(self, person: SignedInPerson) -> list[tuple[ShownAccount, SenderFigures]]:
        answer, figures = await asyncio.gather(
            self._asked(person, "sender", "/v1/providers"), self._figures(person, "provider")
        )
        return [(each, figures_of(each.provider, figures)) for each in _ACCOUNTS.validate_python(answer["providers"])]

    async def _figures(self, person: SignedInPerson, by: str) -> list[ShownFigure]:
        if not person.may("metrics:read"):
            return []
        now = self._clock.now()
        query = {"from": (now - _DAYS).isoformat(), "to": now.isoformat(), "by": by}
        answer = await self._asked(person, "metrics", "/v1/kpis", urlencode(query))
        return _FIGURES.validate_python(answer["kpis"])

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        router.add_api_route("", self.resolve, methods=["POST"])
        router.add_api_route("/release", self.release, methods=["POST"])
        router.add_api_route("/numbers.csv", self.numbers_file)
        router.add_api_route("/providers.csv", self.providers_file)
        return router


def _listed(errors: Mapping[str, int]) -> str:
    """Return errors by class in one cell."""
    return "; ".join(f"{name}: {count}" for name, count in errors.items())
