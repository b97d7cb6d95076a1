"""One person: what they agreed to, what they were and will be sent, and what somebody does for them."""

from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.calls import ServiceAnswer
from services.console.given_consent import FIELD_WORDS, LEVELS, METHODS, SCOPES, GivenConsent
from services.console.message_answers import ShownMessages
from services.console.page import ConsolePage, accepted, require
from services.console.pages.messages import CANCEL
from services.console.person_answers import ShownPersonStanding, ShownTimeline
from services.console.rendering import redirect
from services.console.words import person_mark, sentence

PATH: Final = "/console/people"
_SHOWN: Final = 50
_MOST_ROUNDS: Final = 50
"""Of cancelling, 200 texts each."""
_SCOPES: Final = {
    "opt_out": "consents:write",
    "never_again": "consents:write",
    "pause": "controls:write",
    "cancel": "follow-ups:write",
    "erase": "rights:write",
    "export": "rights:write",
    "revoke_links": "consents:write",
}
_WITHOUT_REASON: Final = {"export": "export", "revoke_links": "preference-links/revoke"}
"""What needs no reason, and the end of its path under `/v1/standings/{recipient_id}`."""
_Field = Annotated[str, Form(max_length=500)]


class PeoplePages(ConsolePage):
    """Answers the way to a person, their page, and what its forms ask for."""

    place = "people"

    async def find(self, request: Request, person: SignedIn) -> Response:
        """Answer the form that finds a person.

        Raises:
            HTTPProblem: 403 a role that may not look.
        """
        require(person, "follow-ups:read")
        return self._show(request, person, "people", {})

    async def show(self, request: Request, person: SignedIn, recipient_id: UUID) -> Response:
        """Answer a person's page.

        Raises:
            HTTPProblem: 404 nobody of this shop, 502 a service does not answer.
        """
        return await self._page(request, person, recipient_id)

    async def act(
        self,
        request: Request,
        person: SignedIn,
        recipient_id: UUID,
        form_token: _Field = "",
        action: _Field = "",
        reason: _Field = "",
        scope: _Field = "all",
        once: _Field = "",
    ) -> Response:
        """Do what one of the forms asks: about the person's consent, texts, links, or what is held about them.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 502 a service does not answer.
        """
        require_own_form(request, person, form_token)
        if action == "reveal":
            require(person, "recipients:reveal")
            return await self._page(request, person, recipient_id, is_clear=True)
        if action not in _SCOPES:
            return await self._page(request, person, recipient_id, "Choose what to do.")
        require(person, _SCOPES[action])
        if action == "erase" and reason.strip() != person_mark(recipient_id):
            words = f"Write {person_mark(recipient_id)}, the mark of this person, to be sure that it is they."
            return await self._page(request, person, recipient_id, words, action)
        if action not in _WITHOUT_REASON and not reason.strip():
            return await self._page(request, person, recipient_id, "Say why, for those who look later.", action)
        answer = await self._ask(person, recipient_id, action, reason, scope, once)
        if not answer.is_success:
            return await self._page(request, person, recipient_id, sentence(answer.problem), action, reason)
        return redirect(f"{PATH}/{recipient_id}?{urlencode({'done': action})}")

    async def record_consent(
        self,
        request: Request,
        person: SignedIn,
        recipient_id: UUID,
        form_token: _Field = "",
        scope: _Field = "",
        level: _Field = "",
        at: _Field = "",
        method: _Field = "",
        source: _Field = "",
        disclosure: Annotated[str, Form(max_length=10_000)] = "",
        note: _Field = "",
    ) -> Response:
        """Enter a consent that the shop witnessed; what is refused stays typed.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 502 a service does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "consents:write")
        given = GivenConsent(scope, level, at, method, source, disclosure, note)
        try:
            body = given.body(ZoneInfo(person.merchant.config.time_zone))
        except ValueError as problem:
            return await self._page(request, person, recipient_id, str(problem), "consent", given=given)
        answer = await self._calls.post(person, "compliance", f"/v1/standings/{recipient_id}/consent", body)
        if not answer.is_success:
            words = sentence(answer.problem_in(FIELD_WORDS))
            return await self._page(request, person, recipient_id, words, "consent", given=given)
        return redirect(f"{PATH}/{recipient_id}?{urlencode({'done': 'consent'})}")

    async def _ask(
        self, person: SignedInPerson, recipient_id: UUID, action: str, reason: str, scope: str, once: str
    ) -> ServiceAnswer:
        if action == "opt_out":
            body: dict[str, Any] = {"scope": scope, "reason": reason}
            return await self._calls.post(person, "compliance", f"/v1/standings/{recipient_id}/opt-out", body)
        if action == "never_again":
            body = {"never_again": scope, "reason": reason}
            return await self._calls.post(person, "compliance", f"/v1/standings/{recipient_id}/opt-out", body)
        if action == "erase":
            return await self._calls.post(person, "compliance", f"/v1/standings/{recipient_id}/erasure", {})
        if action in _WITHOUT_REASON:
            path = f"/v1/standings/{recipient_id}/{_WITHOUT_REASON[action]}"
            return await self._calls.post(person, "compliance", path, {}, once=once)
        if action == "pause":
            body = {"action": "pause", "scope": {"recipient": str(recipient_id)}, "reason": reason}
            return await self._calls.post(person, "scheduler", "/v1/controls", body)
        body = {"recipient": str(recipient_id), "reason": reason}
        answer = await self._calls.post(person, "scheduler", CANCEL, body)
        for _ in range(_MOST_ROUNDS):
            if not answer.is_success or not answer.body["left"]:
                break
            answer = await self._calls.post(person, "scheduler", CANCEL, body)
        return answer

    async def _page(
        self,
        request: Request,
        person: SignedInPerson,
        recipient_id: UUID,
        problem: str = "",
        action: str = "",
        reason: str = "",
        *,
        given: GivenConsent | None = None,
        is_clear: bool = False,
    ) -> Response:
        query = urlencode({"recipient": str(recipient_id), "limit": _SHOWN})
        found = ShownMessages.model_validate(await self._asked(person, "metrics", "/v1/messages", query))
        standing = await self._standing(person, recipient_id)
        if standing is None and not found.messages:
            return self._show(request, person, "people", {"missing": True}, HTTPStatus.NOT_FOUND)
        values = {
            "recipient_id": recipient_id,
            "standing": standing,
            "contact": await self._contact(person, recipient_id, is_clear=is_clear),
            "is_clear": is_clear,
            "planned": [each for each in found.messages if each.may_be_cancelled],
            "past": [each for each in found.messages if not each.may_be_cancelled],
            "more": f"/console/messages?person={recipient_id}" if found.next_cursor else "",
            "problem": problem,
            "action": action,
            "reason": reason,
            "timeline": await self._timeline(person, recipient_id),
            "given": given or GivenConsent(),
            "scopes": SCOPES,
            "levels": LEVELS,
            "methods": METHODS,
            "once": uuid4(),
            "done": request.query_params.get("done", ""),
        }
        return self._show(
            request, person, "person", values, HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
        )

    async def _contact(self, person: SignedInPerson, recipient_id: UUID, *, is_clear: bool) -> dict[str, str]:
        """Return the number, masked or in clear, and in clear the name; empty where they are not kept."""
        if not person.may("follow-ups:read"):
            return {}
        path = f"/v1/contacts/{recipient_id}"
        if is_clear:
            answer = await self._calls.post(person, "scheduler", f"{path}/reveal", {})
        else:
            answer = await self._calls.get(person, "scheduler", path)
        if answer.status is HTTPStatus.NOT_FOUND:
            return {}
        return {name: str(value) for name, value in accepted(answer).body.items() if value is not None}

    async def _timeline(self, person: SignedInPerson, recipient_id: UUID) -> ShownTimeline:
        """Return what happened to them; nothing for who may not look."""
        if not person.may("metrics:read"):
            return ShownTimeline()
        answer = await self._calls.get(person, "metrics", f"/v1/timelines/{recipient_id}")
        return (
            ShownTimeline()
            if answer.status is HTTPStatus.NOT_FOUND
            else ShownTimeline.model_validate(accepted(answer).body)
        )

    async def _standing(self, person: SignedInPerson, recipient_id: UUID) -> ShownPersonStanding | None:
        """Return what the ledger holds; None for who may not look, and where it holds nothing."""
        if not person.may("consents:read"):
            return None
        answer = await self._calls.get(person, "compliance", f"/v1/standings/{recipient_id}")
        if answer.status is HTTPStatus.NOT_FOUND:
            return None
        return ShownPersonStanding.model_validate(accepted(answer).body)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.find)
        router.add_api_route("/{recipient_id}", self.show)
        router.add_api_route("/{recipient_id}", self.act, methods=["POST"])
        router.add_api_route("/{recipient_id}/consent", self.record_consent, methods=["POST"])
        return router
