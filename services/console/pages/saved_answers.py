"""The page of saved answers: what a shop answers again and again, to be chosen in the inbox."""

from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.inbox.saved_answers import KeptAnswers
from services.console.page import ConsolePage, accepted, require
from services.console.rendering import redirect
from services.console.words import sentence

PATH: Final = "/console/saved-answers"
API: Final = "/v1/saved-answers"
_FIELDS: Final = {"title": "Title", "text": "Text"}
_Field = Annotated[str, Form(max_length=200)]
_Text = Annotated[str, Form(max_length=10_000)]


class SavedAnswersPage(ConsolePage):
    """Answers the page, and passes on what its forms ask for."""

    place = "inbox"

    async def show(self, request: Request, person: SignedIn, edit: str = "") -> Response:
        """Answer the list; `edit` is the id of the answer whose words stand in the form.

        Raises:
            HTTPProblem: 403 a role that may not look, 502 the sender does not answer.
        """
        return await self._page(request, person, edit=edit)

    async def save(
        self, request: Request, person: SignedIn, form_token: _Field = "", title: _Field = "", text: _Text = ""
    ) -> Response:
        """Keep an answer; what is refused stays typed.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 502 the sender does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "replies:write")
        answer = await self._calls.post(person, "sender", API, {"title": title, "text": text})
        if answer.is_success:
            return redirect(f"{PATH}?saved=1")
        problem = sentence(answer.problem_in(_FIELDS))
        return await self._page(request, person, title=title, text=text, problem=problem)

    async def remove(self, request: Request, person: SignedIn, answer_id: UUID, form_token: _Field = "") -> Response:
        """Remove an answer; one that is gone already is gone.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 502 the sender does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "replies:write")
        answer = await self._calls.delete(person, "sender", f"{API}/{answer_id}", {})
        if answer.status is not HTTPStatus.NOT_FOUND:
            accepted(answer)
        return redirect(PATH)

    async def _page(
        self,
        request: Request,
        person: SignedInPerson,
        *,
        edit: str = "",
        title: str = "",
        text: str = "",
        problem: str = "",
    ) -> Response:
        require(person, "replies:read")
        kept = KeptAnswers.model_validate(await self._asked(person, "sender", API))
        edited = next((each for each in kept.answers if str(each.answer_id) == edit), None)
        values = {
            "answers": kept.answers,
            "title": edited.title if edited else title,
            "text": edited.text if edited else text,
            "problem": problem,
            "saved": "saved" in request.query_params,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
        return self._show(request, person, "saved_answers", values, status)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        router.add_api_route("", self.save, methods=["POST"])
        router.add_api_route("/{answer_id}/remove", self.remove, methods=["POST"])
        return router
