"""The search of the console: a phone number, an order, a follow-up or a person; what is typed is in no address."""

import re
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.page import ConsolePage, accepted
from services.console.pages.messages import PATH as MESSAGES
from services.console.rendering import redirect

PATH: Final = "/console/search"
_LOOKUP: Final = "/v1/recipients/lookup"
_NUMBER: Final = re.compile(r"\+?[\d\s().\-/]{5,40}")
"""What may be a phone number, however it is spelled."""
_LONGEST: Final = 200


class SearchPage(ConsolePage):
    """Leads to what was searched for."""

    async def find(
        self,
        request: Request,
        person: SignedIn,
        form_token: Annotated[str, Form(max_length=_LONGEST)] = "",
        q: Annotated[str, Form(max_length=_LONGEST)] = "",
    ) -> Response:
        """Answer the redirect to what was found, or a page that says what can be searched for.

        A number leads to its person by their recipient id; only an order that exists stands in an address.

        Raises:
            HTTPProblem: 403 the form of another session, 429 too many lookups, 502 a service does not answer.
        """
        require_own_form(request, person, form_token)
        wanted = q.strip()
        found = await self._address(person, wanted) if wanted else MESSAGES
        if found:
            return redirect(found)
        values = {"q": wanted, "may_look_up": person.may("follow-ups:read")}
        return self._show(request, person, "search_missing", values, HTTPStatus.NOT_FOUND)

    async def _address(self, person: SignedInPerson, wanted: str) -> str:
        """Return where to find what is wanted; empty where there is nothing."""
        try:
            return await self._of_id(person, UUID(wanted))
        except ValueError:
            pass
        if not person.may("follow-ups:read"):
            return ""
        if _NUMBER.fullmatch(wanted) and (found := await self._of_number(person, wanted)):
            return found
        query = urlencode({"subject": wanted, "limit": 1})
        answer = await self._asked(person, "scheduler", "/v1/follow-ups", query)
        return f"{MESSAGES}?{urlencode({'order': wanted})}" if answer["follow_ups"] else ""

    async def _of_id(self, person: SignedInPerson, key: UUID) -> str:
        for name, address in (("id", f"/console/follow-ups/{key}"), ("recipient", f"/console/people/{key}")):
            query = urlencode({name: str(key), "limit": 1})
            if (await self._asked(person, "metrics", "/v1/messages", query))["messages"]:
                return address
        return ""

    async def _of_number(self, person: SignedInPerson, number: str) -> str:
        """Return the page of the person at a number; empty where it is no number, or nobody's."""
        answer = await self._calls.post(person, "scheduler", _LOOKUP, {"to": number})
        if answer.status is HTTPStatus.UNPROCESSABLE_ENTITY:
            return ""
        found = accepted(answer).body
        return f"/console/people/{UUID(str(found['recipient_id']))}" if found["is_known"] else ""

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the route."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.find, methods=["POST"])
        return router
