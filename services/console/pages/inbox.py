"""The inbox: who wrote, what they were sent, and the forms that answer, decide, assign and close."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeAlias
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.calls import ServiceAnswer, ServiceCalls
from services.console.inbox.saved_answers import KeptAnswers
from services.console.inbox.threads import (
    CONVERSATIONS,
    JUST_NOW,
    AskedAnswer,
    PreviewedAnswer,
    ShownThread,
    answering_window,
)
from services.console.page import ConsolePage, accepted, require
from services.console.pages.saved_answers import API as KEPT_ANSWERS
from services.console.rendering import HEADERS, PageRenderer, redirect
from services.console.words import sentence
from shared.clock import Clock
from shared.ids import MerchantId

PATH: Final = "/console/inbox"
_API: Final = "/v1/conversations"
_LISTED: Final = 30
_THREAD: Final = 40
MOST_CHARACTERS: Final = 1600
"""Of an answer; ten parts."""
_NUMBERS: Final = frozenset({"recipients:reveal"})

Shown: TypeAlias = Literal["open", "needs_review", "unread", "mine", "closed"]
_TABS: Final = {
    "open": "Open",
    "needs_review": "To decide",
    "unread": "Unread",
    "mine": "Mine",
    "closed": "Closed",
}
Names: TypeAlias = Callable[[MerchantId], Awaitable[Sequence[str]]]
"""Returns the names of a merchant's users who may handle a conversation."""
_Field = Annotated[str, Form(max_length=200)]
_Cursor = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class TypedAnswer:
    """An answer that was not sent: what was typed, and why, or how it would be sent."""

    text: str
    problem: str = ""
    preview: PreviewedAnswer | None = None
    status: HTTPStatus = HTTPStatus.OK


class InboxPages(ConsolePage):
    """Answers the list and a thread, and passes on what the forms ask for.

    Numbers are masked for everybody: what is asked of the services is asked without the right to reveal them.
    """

    place = "inbox"

    def __init__(self, calls: ServiceCalls, renderer: PageRenderer, clock: Clock, names: Names) -> None:
        super().__init__(calls, renderer)
        self._clock = clock
        self._names = names

    async def show(self, request: Request, person: SignedIn, show: Shown = "open", cursor: _Cursor = "") -> Response:
        """Answer the list.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 the sender does not answer.
        """
        return await self._page(request, person, show, cursor)

    async def waiting(self, person: SignedIn) -> Response:
        """Answer how many conversations need somebody, for the badge of the navigation; up to 100 of each."""
        require(person, "replies:read")
        found = await self._asked(person, "sender", f"{_API}/counts")
        return JSONResponse({"count": found["needs_review"] + found["unread"]}, headers=HEADERS)

    async def thread(
        self,
        request: Request,
        person: SignedIn,
        recipient_id: UUID,
        show: Shown = "open",
        cursor: _Cursor = "",
        before: _Cursor = "",
        sent: UUID | None = None,
        saved: _Cursor = "",
    ) -> Response:
        """Answer the list and one thread in it; `saved` is the kept answer that begins the one to be written.

        Raises:
            HTTPProblem: 403 a role that may not look, 404 nobody of this id wrote, 502 a service does not answer.
        """
        return await self._page(request, person, show, cursor, recipient_id, before=before, sent=sent, saved=saved)

    async def read(
        self,
        request: Request,
        person: SignedIn,
        recipient_id: UUID,
        form_token: _Field = "",
        seen: _Field = "",
        show: _Field = "",
    ) -> Response:
        """Mark a thread as read, as far as it was seen; with a newer reply it stays unread."""
        return await self._change(request, person, recipient_id, form_token, "read", {"seen": seen or None}, show)

    async def close(
        self,
        request: Request,
        person: SignedIn,
        recipient_id: UUID,
        form_token: _Field = "",
        seen: _Field = "",
        show: _Field = "",
    ) -> Response:
        """Put a conversation away until the person writes again."""
        return await self._change(request, person, recipient_id, form_token, "close", {"seen": seen or None}, show)

    async def assign(
        self,
        request: Request,
        person: SignedIn,
        recipient_id: UUID,
        form_token: _Field = "",
        who: _Field = "",
        show: _Field = "",
    ) -> Response:
        """Say who handles a conversation; nobody where `who` is empty."""
        return await self._change(request, person, recipient_id, form_token, "assign", {"who": who or None}, show)

    async def review(
        self,
        request: Request,
        person: SignedIn,
        recipient_id: UUID,
        form_token: _Field = "",
        meant: _Field = "",
        reason: _Field = "",
        seen: _Field = "",
        show: _Field = "",
    ) -> Response:
        """Record what somebody read in an unclear reply: the person's opt-out, or the end of the hold."""
        if meant not in {"opt_out", "no_opt_out"}:
            require_own_form(request, person, form_token)
            return await self._again(request, person, recipient_id, "Choose what the reply means.", show)
        body = {"was_opt_out": meant == "opt_out", "reason": reason or None, "seen": seen or None}
        return await self._change(request, person, recipient_id, form_token, "review", body, show)

    async def answer(
        self,
        request: Request,
        person: SignedIn,
        recipient_id: UUID,
        text: Annotated[str, Form(max_length=10_000)] = "",
        form_token: _Field = "",
        once: _Field = "",
        wanted: _Field = "",
        show: _Field = "",
    ) -> Response:
        """Send an answer through the gate, or show how it would be sent; what is refused stays typed.

        Raises:
            HTTPProblem: 403 another session's form, or a role that may not; 502 a service does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "follow-ups:write")
        if not text.strip() or len(text) > MOST_CHARACTERS:
            words = f"An answer has up to {MOST_CHARACTERS:,} characters." if text.strip() else "Write an answer first."
            typed = TypedAnswer(text, words, status=HTTPStatus.UNPROCESSABLE_ENTITY)
            return await self._typed(request, person, recipient_id, typed, show)
        is_preview = wanted == "preview"
        body = {"recipient_id": str(recipient_id), "purpose": "conversation", "text": text.strip()}
        if is_preview:
            body["dry_run"] = True  # type: ignore[assignment] # the one field that is no text
        answer = await self._calls.post(_without_numbers(person), "scheduler", "/v1/follow-ups", body, once=once)
        if not answer.is_success:
            typed = TypedAnswer(text, await self._refusal(person, recipient_id, answer), status=answer.status)
            return await self._typed(request, person, recipient_id, typed, show)
        if is_preview:
            preview = PreviewedAnswer.model_validate(answer.body["texts"][0])
            return await self._typed(request, person, recipient_id, TypedAnswer(text, preview=preview), show)
        return redirect(address(recipient_id, show, sent=str(answer.body["follow_up_id"])) + "#newest")

    async def _refusal(self, person: SignedInPerson, recipient_id: UUID, answer: ServiceAnswer) -> str:
        """Return why an answer does not go; a reply of this moment may not be known everywhere yet."""
        if answer.body.get("code") == "no_recent_inbound" and person.may("replies:read"):
            found = await self._calls.get(_without_numbers(person), "sender", f"{_API}/{recipient_id}", "limit=1")
            if found.is_success:
                newest = ShownThread.model_validate(found.body).conversation.newest_at
                if self._clock.now() - newest < JUST_NOW:
                    return "Their reply came in a moment ago and is not known everywhere yet: send it once more."
        return sentence(answer.problem)

    async def _change(
        self,
        request: Request,
        person: SignedInPerson,
        recipient_id: UUID,
        form_token: str,
        verb: str,
        body: dict[str, Any],
        show: str,
    ) -> Response:
        """Pass a change on; what the sender refuses is said above the thread."""
        require_own_form(request, person, form_token)
        require(person, "replies:write")
        answer = await self._calls.post(_without_numbers(person), "sender", f"{_API}/{recipient_id}/{verb}", body)
        if answer.is_success:
            return redirect(list_address(show) if verb == "close" else address(recipient_id, show))
        if answer.status is HTTPStatus.NOT_FOUND:
            accepted(answer)
        return await self._again(request, person, recipient_id, sentence(answer.problem), show, answer.status)

    async def _again(
        self,
        request: Request,
        person: SignedInPerson,
        recipient_id: UUID,
        problem: str,
        show: str,
        status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
    ) -> Response:
        """Answer the thread with what is wrong with a change."""
        return await self._page(request, person, _tab(show), "", recipient_id, problem=problem, status=status)

    async def _typed(
        self, request: Request, person: SignedInPerson, recipient_id: UUID, typed: TypedAnswer, show: str
    ) -> Response:
        """Answer the thread with an answer that was not sent."""
        return await self._page(request, person, _tab(show), "", recipient_id, typed=typed, status=typed.status)

    async def _page(
        self,
        request: Request,
        person: SignedInPerson,
        show: Shown,
        cursor: str,
        recipient_id: UUID | None = None,
        *,
        before: str = "",
        sent: UUID | None = None,
        saved: str = "",
        typed: TypedAnswer | None = None,
        problem: str = "",
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        """Answer the list, and a thread beside it."""
        require(person, "replies:read")
        viewer = _without_numbers(person)
        own = {"state": "open", "assigned_to": handle(person)} if show == "mine" else {"state": show}
        query = {**own, "limit": _LISTED, **({"cursor": cursor} if cursor else {})}
        listed = await self._asked(viewer, "sender", _API, urlencode(query))
        values: dict[str, Any] = {
            "tabs": _TABS,
            "show": show,
            "conversations": CONVERSATIONS.validate_python(listed["conversations"]),
            "next_address": list_address(show, listed["next_cursor"]) if listed["next_cursor"] else "",
            "address": address,
            "problem": problem,
            "thread": None,
        }
        if recipient_id is not None:
            values |= await self._thread(person, recipient_id, before, sent)
            kept = KeptAnswers.model_validate(await self._asked(viewer, "sender", KEPT_ANSWERS))
            begun = typed or TypedAnswer(kept.text_of(saved))
            values |= {"typed": begun, "kept": kept.answers, "once": uuid4().hex, "most": MOST_CHARACTERS}
        return self._show(request, person, "inbox", values, status)

    async def _thread(
        self, person: SignedInPerson, recipient_id: UUID, before: str, sent: UUID | None
    ) -> dict[str, Any]:
        """Return what the thread shows."""
        query = urlencode({"limit": _THREAD, **({"cursor": before} if before else {})})
        found = await self._asked(_without_numbers(person), "sender", f"{_API}/{recipient_id}", query)
        thread, names = ShownThread.model_validate(found), set(await self._names(person.merchant.id))
        names.add(handle(person))
        if thread.conversation.assigned_to is not None:
            names.add(thread.conversation.assigned_to)
        return {
            "thread": thread,
            "talk": thread.conversation,
            "before": before,
            "names": sorted(names),
            "own_name": handle(person),
            "window": answering_window(thread, self._clock.now()),
            "asked": await self._sent(person, thread, sent),
            "now": self._clock.now(),
        }

    async def _sent(self, person: SignedInPerson, thread: ShownThread, sent: UUID | None) -> AskedAnswer | None:
        """Return what becomes of the answer just written; None once it stands in the thread."""
        shown = {item.follow_up_id for item in thread.items if item.kind == "text"}
        if sent is None or sent in shown or not person.may("follow-ups:read"):
            return None
        answer = await self._calls.get(_without_numbers(person), "scheduler", f"/v1/follow-ups/{sent}")
        try:
            asked = AskedAnswer.model_validate(answer.body) if answer.is_success else None
        except ValidationError:
            return None
        return asked if asked is not None and asked.purpose == "conversation" else None

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router, one = self._router(PATH, sessions), "/{recipient_id}"
        router.add_api_route("", self.show)
        router.add_api_route("/waiting", self.waiting)
        router.add_api_route(one, self.thread)
        changes: dict[str, Callable[..., object]] = {
            "read": self.read,
            "assign": self.assign,
            "close": self.close,
            "review": self.review,
            "answer": self.answer,
        }
        for verb, change in changes.items():
            router.add_api_route(f"{one}/{verb}", change, methods=["POST"], response_model=None)
        return router


def address(recipient_id: UUID, show: str, **more: str) -> str:
    """Return the address of a thread, beside the list it was opened from."""
    query = urlencode({"show": _tab(show), **more})
    return f"{PATH}/{recipient_id}?{query}"


def list_address(show: str, cursor: str = "") -> str:
    """Return the address of a list."""
    return f"{PATH}?show={_tab(show)}" + (f"&cursor={quote(cursor)}" if cursor else "")


def handle(person: SignedInPerson) -> str:
    """Return the name by which a person handles conversations."""
    return person.name.removeprefix("user:")


def _tab(show: str) -> Shown:
    """Return the list that a form was opened from; the open ones for anything else."""
    found: dict[str, Shown] = {"needs_review": "needs_review", "unread": "unread", "mine": "mine", "closed": "closed"}
    return found.get(show, "open")


def _without_numbers(person: SignedInPerson) -> SignedInPerson:
    """Return the person without the right to see numbers in clear: they are masked, and nothing is revealed."""
    return replace(person, scopes=person.scopes - _NUMBERS)
