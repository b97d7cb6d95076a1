"""The list of messages: every text, narrowed down, as a page and as CSV; and cancelling those that are chosen."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.csv_answers import csv_answer
from services.console.message_answers import ShownCancellation, ShownMessage, ShownMessages
from services.console.message_filters import REASONS, STATES, MessageListFilter
from services.console.page import ConsolePage, accepted, require
from services.console.rendering import redirect
from services.console.words import sentence

PATH: Final = "/console/messages"
CANCEL: Final = "/v1/follow-ups/cancel"
_API: Final = "/v1/messages"
_FOLLOW_UPS: Final = "/v1/follow-ups"
_SCOPE: Final = "follow-ups:write"
_SHOWN: Final = 50
_AT_ONCE: Final = 500
MOST_EXPORTED: Final = 10_000
"""Rows of a CSV file; a shop with more narrows it down by days."""
_COLUMNS: Final = (
    *("follow_up_id", "recipient_id", "flow", "step", "purpose", "segment", "state", "reason", "explanation"),
    *("provider", "sender_number", "planned_at", "due_at", "accepted_at", "changed_at"),
    *("is_clicked", "is_replied", "is_opted_out", "is_converted"),
)
_Word = Annotated[str, Query(max_length=200)]
_Field = Annotated[str, Form(max_length=500)]


class MessagesPage(ConsolePage):
    """Answers the list, its CSV file, and the form that cancels."""

    place = "messages"

    async def show(
        self,
        request: Request,
        person: SignedIn,
        state: _Word = "",
        reason: _Word = "",
        flow: _Word = "",
        number: _Word = "",
        provider: _Word = "",
        since: Annotated[str, Query(alias="from", max_length=40)] = "",
        until: Annotated[str, Query(alias="to", max_length=40)] = "",
        who: Annotated[str, Query(alias="person", max_length=40)] = "",
        order: _Word = "",
        cursor: Annotated[str, Query(max_length=64)] = "",
        form: Annotated[str, Query(alias="as", max_length=10)] = "",
        cancelled: Annotated[int | None, Query(ge=0, le=1000)] = None,
        under_way: Annotated[int, Query(ge=0, le=1000)] = 0,
    ) -> Response:
        """Answer a page of the list, or the file of all its pages.

        Raises:
            HTTPProblem: what a service refuses; 502 one that does not answer.
        """
        chosen = MessageListFilter.of(
            state=state,
            reason=reason,
            flow=flow,
            number=number,
            provider=provider,
            since=since,
            until=until,
            person=who,
            order=order,
        )
        problems = chosen.problems()
        if problems:
            found = ShownMessages(messages=[], next_cursor=None, searched_back_to=None)
        elif form == "csv":
            return csv_answer("messages", _COLUMNS, [_cells(each) for each in await self._every(person, chosen)])
        else:
            found = await self._page(person, chosen, _SHOWN, cursor)
        done = None if cancelled is None else {"cancelled": cancelled, "under_way": under_way}
        values = self._values(person, chosen, found) | {"problems": problems, "done": done}
        status = HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK
        return self._show(request, person, "messages", values, status)

    def _values(self, person: SignedInPerson, chosen: MessageListFilter, found: ShownMessages) -> dict[str, Any]:
        config = person.merchant.config
        query = [chosen.address] if chosen.address else []
        more = "&".join([*query, urlencode({"cursor": str(found.next_cursor)})])
        return {
            "chosen": chosen,
            "found": found,
            "more": f"{PATH}?{more}" if found.next_cursor else "",
            "csv": f"{PATH}?{'&'.join([*query, 'as=csv'])}",
            "states": [("", "any"), *STATES],
            "reasons": _with(chosen.reason, [("", "any"), *REASONS]),
            "flows": _with(chosen.flow, [("", "all"), *((name, name) for name in sorted(person.merchant.flows))]),
            "numbers": _with(chosen.number, [("", "all"), *((str(each.number),) * 2 for each in config.numbers)]),
            "providers": _with(chosen.provider, [("", "all"), *((name, name) for name in sorted(config.providers))]),
        }

    async def _page(
        self, person: SignedInPerson, chosen: MessageListFilter, limit: int, cursor: str = ""
    ) -> ShownMessages:
        """Return a page of messages; those about an order are found by the scheduler."""
        query = chosen.query(ZoneInfo(person.merchant.config.time_zone), limit=limit, cursor=cursor)
        if chosen.order:
            ids = await self._of_order(person, chosen.order)
            if not ids:
                return ShownMessages(messages=[], next_cursor=None, searched_back_to=None)
            query = [("id", key) for key in ids]
        return ShownMessages.model_validate(await self._asked(person, "metrics", _API, urlencode(query)))

    async def _of_order(self, person: SignedInPerson, order: str) -> list[str]:
        require(person, "follow-ups:read")
        query = urlencode({"subject": order, "limit": _SHOWN})
        answer = await self._asked(person, "scheduler", _FOLLOW_UPS, query)
        return [str(UUID(str(each["follow_up_id"]))) for each in answer["follow_ups"]]

    async def _every(self, person: SignedInPerson, chosen: MessageListFilter) -> list[ShownMessage]:
        """Return the newest messages, as many as a file may hold."""
        rows: list[ShownMessage] = []
        cursor = ""
        for _ in range(MOST_EXPORTED // _AT_ONCE):
            found = await self._page(person, chosen, _AT_ONCE, cursor)
            rows += found.messages
            if found.next_cursor is None:
                break
            cursor = str(found.next_cursor)
        return rows

    async def cancel(
        self,
        request: Request,
        person: SignedIn,
        form_token: _Field = "",
        chosen: Annotated[list[UUID] | None, Form(max_length=_SHOWN)] = None,
        listed: Annotated[list[UUID] | None, Form(max_length=_SHOWN)] = None,
        every: _Field = "",
        reason: _Field = "",
        back: _Field = "",
        confirmed: _Field = "",
    ) -> Response:
        """Cancel texts: first say how many, then, with a reason, do it.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 502 the scheduler does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, _SCOPE)
        ids = [str(key) for key in (listed if every else chosen) or []]
        address = _own_address(back)
        if not ids:
            return redirect(address)
        body: dict[str, Any] = {"follow_ups": ids, "reason": reason.strip() or "-"}
        counted = await self._calls.post(person, "scheduler", CANCEL, {**body, "dry_run": True})
        problem = ""
        if confirmed and not reason.strip():
            problem = "Say why, for those who look later."
        elif confirmed:
            answer = await self._calls.post(person, "scheduler", CANCEL, body)
            if answer.is_success:
                return redirect(_with_result(address, ShownCancellation.model_validate(answer.body)))
            problem = sentence(answer.problem)
        would = ShownCancellation.model_validate(accepted(counted).body) if counted.is_success else None
        values = {"would": would, "ids": ids, "back": address, "reason": reason, "problem": problem, "recipient": ""}
        return self._show(
            request,
            person,
            "cancel",
            values | {"action": f"{PATH}/cancel"},
            HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
        )

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        router.add_api_route("/cancel", self.cancel, methods=["POST"])
        return router


def _own_address(back: str) -> str:
    """Return where a form leads back to: a page of messages or a text, and nothing else."""
    is_own = back == PATH or back.startswith((f"{PATH}?", "/console/follow-ups/"))
    return back if is_own and "//" not in back and "\\" not in back and back.isprintable() else PATH


def _with_result(address: str, answer: ShownCancellation) -> str:
    if not address.startswith(PATH):
        return address
    result = urlencode({"cancelled": answer.count, "under_way": answer.under_way})
    return f"{address}{'&' if '?' in address else '?'}{result}"


def _with(value: str, options: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return options that include the one that is chosen, although a file may have it no longer."""
    known = {option[0] for option in options}
    return [*options, *([] if value in known else [(value, value.replace("_", " "))])]


def _cells(message: ShownMessage) -> list[object]:
    return ["" if (value := getattr(message, name)) is None else _cell(value) for name in _COLUMNS]


def _cell(value: Any) -> object:
    return value if isinstance(value, bool) else str(value)
