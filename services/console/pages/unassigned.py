"""Replies that could not be matched to a person, and the forms that assign or dismiss them."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, TypeAdapter

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.page import ConsolePage, require
from services.console.rendering import redirect
from services.console.words import sentence
from shared import phone

PATH: Final = "/console/inbox/unassigned"
_API: Final = "/v1/replies/unassigned"
_LISTED: Final = 30
_REASONS: Final = {
    "sender_unknown": "Its sender is not a telephone number",
    "not_our_number": "It was sent to a number that is not in merchant.yaml",
    "incomplete": "The provider left something out",
}
_Field = Annotated[str, Form(max_length=200)]
_ReplyId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


class ShownUnassigned(BaseModel):
    """A reply without a known recipient, as the sender answers it."""

    id: str
    provider: str
    reason: str
    reply_class: str
    received_at: datetime
    fields: dict[str, str] | None

    @property
    def why(self) -> str:
        """Why it belongs to nobody."""
        return _REASONS.get(self.reason, self.reason.replace("_", " "))

    @property
    def sender(self) -> str:
        """Who sent it, masked; empty where the provider did not say."""
        found = phone.parse_sender(self._field("From"), "US")
        return phone.masked(found) if isinstance(found, str) else ""

    @property
    def text(self) -> str:
        """What it says; empty where it is no longer kept."""
        return self._field("Body")

    @property
    def is_opt_out(self) -> bool:
        """Whether it reads as an opt-out: then its person has to be found."""
        return self.reply_class == "opt_out"

    def _field(self, name: str) -> str:
        return (self.fields or {}).get(name, "")


_REPLIES: Final = TypeAdapter(list[ShownUnassigned])


class UnassignedPages(ConsolePage):
    """Answers the list, and passes on what its forms ask for."""

    place = "inbox"

    async def show(
        self, request: Request, person: SignedIn, cursor: Annotated[str, Query(max_length=100)] = ""
    ) -> Response:
        """Answer the list, the newest first.

        Raises:
            HTTPProblem: 403 a role that may not decide about them, 502 the sender does not answer.
        """
        return await self._page(request, person, cursor)

    async def assign(
        self, request: Request, person: SignedIn, reply_id: _ReplyId, form_token: _Field = "", to: _Field = ""
    ) -> Response:
        """Assign a reply to a person: its sender, or whoever has the number that is named."""
        return await self._change(request, person, reply_id, form_token, "assign", {"to": to.strip() or None}, to)

    async def dismiss(
        self, request: Request, person: SignedIn, reply_id: _ReplyId, form_token: _Field = "", although: _Field = ""
    ) -> Response:
        """Delete a reply that belongs to nobody; one that reads as an opt-out only where that was confirmed."""
        return await self._change(
            request, person, reply_id, form_token, "dismiss", {"although_opt_out": bool(although)}
        )

    async def _change(
        self,
        request: Request,
        person: SignedInPerson,
        reply_id: str,
        form_token: str,
        verb: str,
        body: Mapping[str, Any],
        typed: str = "",
    ) -> Response:
        require_own_form(request, person, form_token)
        require(person, "replies:write")
        answer = await self._calls.post(person, "sender", f"{_API}/{reply_id}/{verb}", body)
        if answer.is_success or answer.status is HTTPStatus.NOT_FOUND:  # gone: somebody else was quicker
            return redirect(PATH)
        problem = {"id": reply_id, "words": sentence(answer.problem), "typed": typed}
        return await self._page(request, person, "", problem, answer.status)

    async def _page(
        self,
        request: Request,
        person: SignedInPerson,
        cursor: str,
        problem: Mapping[str, str] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        require(person, "replies:write")
        more = f"&cursor={quote(cursor)}" if cursor else ""
        answer = await self._asked(person, "sender", _API, f"limit={_LISTED}{more}")
        following = answer["next_cursor"]
        values = {
            "replies": _REPLIES.validate_python(answer["replies"]),
            "may_read": person.may("messages:read"),
            "problem": problem,
            "next_address": f"{PATH}?cursor={quote(following)}" if following else "",
        }
        return self._show(request, person, "unassigned", values, status)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        router.add_api_route("/{reply_id}/assign", self.assign, methods=["POST"])
        router.add_api_route("/{reply_id}/dismiss", self.dismiss, methods=["POST"])
        return router
