"""The pages of flows: all of them with what they do, and one with its steps, texts, rules, runs and versions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import pairwise
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.csv_answers import csv_answer
from services.console.flows import figures as words_of
from services.console.flows.answers import (
    FlowFigurePage,
    FlowLists,
    ListedVersion,
    ListedVersions,
    OpenRuns,
    ShownFlow,
)
from services.console.flows.differences import ChangedLine, changed_lines
from services.console.flows.drawing import drawn
from services.console.flows.figures import FlowPeriod, state_of
from services.console.flows.words import condition_parts, duration_words, enter_words, kind_words, wait_words
from services.console.own_phones import chosen_phone, phone_choices
from services.console.page import ConsolePage, accepted, require
from services.console.pages.controls import WAITING, ControlChange
from services.console.rendering import redirect
from services.console.words import sentence

PATH: Final = "/console/flows"
_RUNS_SHOWN: Final = 10
_LONGEST: Final = 200
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_ANSWERS: Final = {
    "finish": "Somebody decided to finish the texts of the flow, which was removed.",
    "cancel": "Somebody decided to cancel the texts of the flow, which was removed.",
}
"""The reasons that go with the two buttons of a removed flow."""

_Field = Annotated[str, Form(max_length=_LONGEST)]
_Span = Annotated[FlowPeriod, Query(alias="span")]


class FlowPages(ConsolePage):
    """Answers the list of flows, and the page of each."""

    place = "flows"

    async def show(self, request: Request, person: SignedIn, span: _Span = FlowPeriod.MONTH) -> Response:
        """Answer the list of flows.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 a service does not answer.
        """
        require(person, "flows:read")
        lists, page = await self._lists(person, span)
        locale = person.merchant.config.locale
        rows = [
            {
                "flow": flow,
                "state": state_of(flow.control),
                "figures": page.of(flow.flow),
                "revenue": words_of.amounts(page.of(flow.flow).revenue, locale),
                "per_text": words_of.revenue_per_text(page.of(flow.flow), locale),
            }
            for flow in lists.flows
        ]
        values = {"rows": rows, "removed": lists.removed, "span": span, "kind_words": kind_words}
        return self._show(request, person, "flows", values | _common())

    async def table(self, person: SignedIn, span: _Span = FlowPeriod.MONTH) -> Response:
        """Answer the list of flows as a CSV file.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 a service does not answer.
        """
        require(person, "flows:read")
        lists, page = await self._lists(person, span)
        locale = person.merchant.config.locale
        listed = [*((flow, False) for flow in lists.flows), *((flow, True) for flow in lists.removed)]
        rows = [
            words_of.table_of(page.of(flow.flow), state_of(flow.control, is_removed=gone), locale)
            for flow, gone in listed
        ]
        return csv_answer(f"flows-{person.merchant.id}-{span}", words_of.TABLE_HEAD, rows)

    async def show_one(
        self,
        request: Request,
        person: SignedIn,
        flow: str,
        span: _Span = FlowPeriod.MONTH,
        compare: Annotated[str, Query(max_length=_LONGEST)] = "",
        runs: Annotated[str, Query(max_length=_LONGEST)] = "",
        tested: UUID | None = None,
    ) -> Response:
        """Answer one flow; `tested` is the text that was just sent to a phone of the shop's own.

        Raises:
            HTTPProblem: 403 a role that may not look, 404 there is no such flow, 502 a service does not answer.
        """
        return await self._one(request, person, flow, span=span, compare=compare, runs=runs, tested=tested)

    async def control(
        self,
        request: Request,
        person: SignedIn,
        flow: str,
        form_token: _Field = "",
        action: _Field = "",
        step: _Field = "",
        reason: _Field = "",
        until: _Field = "",
        answer: _Field = "",
    ) -> Response:
        """Pause, stop or resume the texts of a flow or of one step; a stop first says how many texts it cancels.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 502 the scheduler does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "controls:write")
        given = {"action": action, "step": step, "reason": reason or _ANSWERS.get(answer, ""), "until": until}
        try:
            change = ControlChange.model_validate(
                {
                    **{name: given[name] for name in ("action", "reason", "until")},
                    "kind": "step" if step else "flow",
                    "target": f"{flow}/{step}" if step else flow,
                }
            )
            asks_first = change.action == "stop"
            body = change.body(person, dry_run=asks_first)
        except ValidationError:
            return await self._one(request, person, flow, given=given, problem="Choose what to do.")
        except ValueError as problem:
            return await self._one(request, person, flow, given=given, problem=str(problem))
        if not change.reason.strip():
            return await self._one(request, person, flow, given=given, problem="Say why, for those who read it later.")
        told = await self._calls.post(person, "scheduler", "/v1/controls", body)
        if not told.is_success:
            return await self._one(request, person, flow, given=given, problem=sentence(told.problem))
        if not asks_first:
            return redirect(WAITING if told.body["approval"] else f"{PATH}/{_in_path(flow)}")
        words = f"step {step} of the flow {flow}" if step else f"flow {flow}"
        count, is_exact = int(told.body["follow_ups"]), bool(told.body["is_exact"])
        return self._show(
            request, person, "stop", {"change": change, "words": words, "count": count, "is_exact": is_exact}
        )

    async def send_test(
        self,
        request: Request,
        person: SignedIn,
        flow: str,
        form_token: _Field = "",
        step: _Field = "",
        phone: _Field = "",
        locale: _Field = "",
        once: _Field = "",
    ) -> Response:
        """Send one text of a flow to a phone of the shop's own; `phone` is its place in the list of merchant.yaml.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 404 there is no such flow; 502 the
                scheduler does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "flows:write")
        given = {"action": "test", "step": step, "reason": "", "until": "", "phone": phone, "locale": locale}
        to = chosen_phone(person.merchant.config.test_recipients, phone)
        if to is None:
            return await self._one(request, person, flow, given=given, problem="Choose a phone.")
        body = {"to": to, "step": step, "locale": locale or None}
        path = f"/v1/flows/{_in_path(flow)}/tests"
        answer = await self._calls.post(person, "scheduler", path, body, once=once)
        if answer.status is HTTPStatus.NOT_FOUND:
            accepted(answer)
        if not answer.is_success:
            return await self._one(request, person, flow, given=given, problem=sentence(answer.problem))
        return redirect(f"{PATH}/{_in_path(flow)}?{urlencode({'tested': answer.body['follow_up_id']})}#texts-title")

    async def _lists(self, person: SignedInPerson, span: FlowPeriod) -> tuple[FlowLists, FlowFigurePage]:
        lists = FlowLists.model_validate(await self._asked(person, "scheduler", "/v1/flows"))
        return lists, await self._figures(person, span)

    async def _figures(self, person: SignedInPerson, span: FlowPeriod, flow: str | None = None) -> FlowFigurePage:
        now = self._calls.clock.now()
        window = {"from": _instant(now - timedelta(days=span.days)), "to": _instant(now)}
        query = urlencode(window | ({} if flow is None else {"flow": flow}))
        return FlowFigurePage.model_validate(await self._asked(person, "metrics", "/v1/flow-figures", query))

    async def _one(
        self,
        request: Request,
        person: SignedInPerson,
        name: str,
        *,
        span: FlowPeriod = FlowPeriod.MONTH,
        compare: str = "",
        runs: str = "",
        tested: UUID | None = None,
        given: dict[str, str] | None = None,
        problem: str | None = None,
    ) -> Response:
        require(person, "flows:read")
        at = f"/v1/flows/{_in_path(name)}"
        flow = ShownFlow.model_validate(await self._asked(person, "scheduler", at))
        versions = ListedVersions.model_validate(await self._asked(person, "scheduler", f"{at}/versions"))
        figures = (await self._figures(person, span, flow.flow)).of(flow.flow)
        locale = person.merchant.config.locale
        values = {
            "flow": flow,
            "state": state_of(flow.control, is_removed=not flow.is_in_force),
            "figures": figures,
            "revenue": words_of.amounts(figures.revenue, locale),
            "per_text": words_of.revenue_per_text(figures, locale),
            "cost": words_of.amounts(figures.cost, locale),
            "drawing": drawn(flow, figures),
            "price": words_of.part_price(figures),
            "price_words": words_of.price_words,
            "foreign_characters": words_of.foreign_characters,
            "locale": locale,
            "span": span,
            "versions": _by_beginning(versions.versions),
            "has_more_versions": versions.has_more,
            "compared": compare,
            "changes": _changes(versions.versions, compare),
            "runs": await self._runs(person, flow.flow, runs),
            "given": dict.fromkeys(("action", "step", "reason", "until", "phone", "locale"), "") | (given or {}),
            "own_phone_choices": phone_choices(person.merchant.config.test_recipients),
            "tested": tested,
            "once": uuid4,
            "problem": problem,
            "kind_words": kind_words,
            "condition_parts": condition_parts,
            "enter_words": enter_words,
            "wait_words": wait_words,
            "duration_words": duration_words,
        }
        status = HTTPStatus.OK if problem is None else HTTPStatus.UNPROCESSABLE_ENTITY
        return self._show(request, person, "flow", values | _common(), status)

    async def _runs(self, person: SignedInPerson, flow: str, cursor: str) -> OpenRuns | None:
        """Return a page of the open runs; None for who may not see them."""
        if not person.may("follow-ups:read"):
            return None
        query = {"flow": flow, "state": "active", "limit": str(_RUNS_SHOWN)} | ({"cursor": cursor} if cursor else {})
        answer = await self._asked(person, "scheduler", "/v1/enrollments", urlencode(query))
        return OpenRuns.model_validate(answer)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        router.add_api_route(".csv", self.table)
        router.add_api_route("/{flow}", self.show_one)
        router.add_api_route("/{flow}/controls", self.control, methods=["POST"])
        router.add_api_route("/{flow}/test", self.send_test, methods=["POST"])
        return router


def _common() -> dict[str, Any]:
    return {"periods": list(FlowPeriod), "share": words_of.share}


def _by_beginning(versions: Sequence[ListedVersion]) -> list[ListedVersion]:
    """Return versions, the one that began last first; one that never began is newer than all."""
    return sorted(versions, key=lambda each: each.first_started_at or _LAST, reverse=True)


def _changes(versions: Sequence[ListedVersion], compared: str) -> Sequence[ChangedLine] | None:
    """Return what changed from the version before to the one asked for; None where they are too long to compare."""
    ordered = _by_beginning(versions)
    for newer, older in pairwise(ordered):
        if newer.version == compared:
            return changed_lines(older.content, newer.content)
    return ()


def _in_path(name: str) -> str:
    return quote(name, safe="")


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
