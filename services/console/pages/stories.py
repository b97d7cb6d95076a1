"""The story of one follow-up: its words, what the provider and the gate said, and what would have to change."""

from http import HTTPStatus
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.answers import ShownPreview, ShownStory
from services.console.message_advice import change_needed
from services.console.message_answers import VERDICTS, ShownDispatch, ShownVerdict
from services.console.page import ConsolePage, accepted, require
from services.console.words import sentence

PATH: Final = "/console/follow-ups"
REFRESH: Final = "x-followup-refresh"
"""The header of the script that refreshes a page (static/console.js)."""
_Field = Annotated[str, Form(max_length=500)]
_OPEN: Final = frozenset({"pending", "released"})


class SentWords(NamedTuple):
    """The words of a text, or why there are none."""

    text: str | None
    why_not: str


def sent_words(state: str, dispatch: ShownDispatch | None, person: SignedInPerson) -> SentWords:
    """Return what a page shows of a text's words (pure)."""
    if not person.may("dispatches:read") or not person.may("messages:read"):
        return SentWords(None, "Your role shows no texts; support and owner read them.")
    if dispatch is None or not dispatch.attempts:
        if state in _OPEN:
            return SentWords(None, "Not written yet: its words are put together at the moment it is sent.")
        return SentWords(None, "Never written: it ended before its words were put together.")
    text = dispatch.attempts[-1].text
    return SentWords(text, "" if text is not None else "Its words are no longer kept.")


class StoryPages(ConsolePage):
    """Answers stories."""

    place = "messages"

    async def show(self, request: Request, person: SignedIn, follow_up_id: UUID) -> Response:
        """Answer one follow-up's story.

        Raises:
            HTTPProblem: what metrics refuses, 502 if it does not answer.
        """
        return await self._page(request, person, follow_up_id)

    async def preview(
        self, request: Request, person: SignedIn, follow_up_id: UUID, form_token: _Field = ""
    ) -> Response:
        """Answer the story with its planned text as it would read now; each look is asked for, and on record.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 502 a service does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "messages:read")
        answer = await self._calls.get(person, "scheduler", f"/v1/follow-ups/{follow_up_id}/preview")
        if not answer.is_success:
            return await self._page(request, person, follow_up_id, problem=sentence(answer.problem))
        return await self._page(request, person, follow_up_id, ShownPreview.model_validate(answer.body))

    async def _page(
        self,
        request: Request,
        person: SignedInPerson,
        follow_up_id: UUID,
        preview: ShownPreview | None = None,
        problem: str = "",
    ) -> Response:
        answer = await self._calls.get(person, "metrics", f"/v1/journeys/{follow_up_id}")
        if answer.status is HTTPStatus.NOT_FOUND:
            missing = {"follow_up_id": follow_up_id}
            return self._show(request, person, "story_missing", missing, HTTPStatus.NOT_FOUND)
        story = ShownStory.model_validate(accepted(answer).body)
        # A refresh replaces the story alone, so that each opening of the page is one reading of the text.
        is_refresh = REFRESH in request.headers
        dispatch = None if is_refresh else await self._dispatch(person, follow_up_id)
        verdict = None if is_refresh else await self._verdict(person, follow_up_id)
        words = sent_words(story.state, dispatch, person)
        values: dict[str, Any] = {
            "story": story,
            "dispatch": dispatch,
            "words": words,
            "preview": preview,
            "preview_problem": problem,
            "may_preview": story.state == "pending" and words.text is None and person.may("messages:read"),
            "verdict": verdict,
            "change": change_needed(verdict.reason) if verdict is not None and verdict.decision != "send" else "",
            "may_cancel": story.state in _OPEN and person.may("follow-ups:write"),
        }
        return self._show(request, person, "story", values)

    async def _dispatch(self, person: SignedInPerson, follow_up_id: UUID) -> ShownDispatch | None:
        """Return what the sender has of a text, with its words for who may read them; None before it was cleared."""
        if not person.may("dispatches:read"):
            return None
        query = "text=true" if person.may("messages:read") else ""
        answer = await self._calls.get(person, "sender", f"/v1/dispatches/{follow_up_id}", query)
        if answer.status is HTTPStatus.NOT_FOUND:
            return None
        return ShownDispatch.model_validate(accepted(answer).body)

    async def _verdict(self, person: SignedInPerson, follow_up_id: UUID) -> ShownVerdict | None:
        """Return the gate's newest verdict on a text; None before there is one."""
        if not person.may("decisions:read"):
            return None
        answer = await self._calls.get(person, "compliance", f"/v1/decisions/{follow_up_id}")
        if answer.status is HTTPStatus.NOT_FOUND:
            return None
        found = VERDICTS.validate_python(accepted(answer).body["decisions"])
        return max(found, key=lambda each: (each.release, each.decided_at), default=None)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("/{follow_up_id}", self.show)
        router.add_api_route("/{follow_up_id}", self.preview, methods=["POST"])
        return router
