"""The story of one follow-up, and the way to it by its id."""

from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.console.accounts.sessions import Sessions
from services.console.accounts.sign_in import SignedIn
from services.console.answers import ShownStory
from services.console.page import ConsolePage, accepted
from services.console.rendering import redirect

PATH: Final = "/console/follow-ups"


class StoryPages(ConsolePage):
    """Answers stories."""

    place = "now"

    async def find(self, number: Annotated[str, Query(alias="id")] = "") -> Response:
        """Answer the redirect to a follow-up's story, or to the first page for what is not an id."""
        try:
            return redirect(f"{PATH}/{UUID(number.strip())}")
        except ValueError:
            return redirect("/console")

    async def show(self, request: Request, person: SignedIn, follow_up_id: UUID) -> Response:
        """Answer one follow-up's story.

        Raises:
            HTTPProblem: what metrics refuses, 502 if it does not answer.
        """
        answer = await self._calls.get(person, "metrics", f"/v1/journeys/{follow_up_id}")
        if answer.status is HTTPStatus.NOT_FOUND:
            values = {"follow_up_id": follow_up_id}
            return self._show(request, person, "story_missing", values, HTTPStatus.NOT_FOUND)
        story = ShownStory.model_validate(accepted(answer).body)
        return self._show(request, person, "story", {"story": story})

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.find)
        router.add_api_route("/{follow_up_id}", self.show)
        return router
