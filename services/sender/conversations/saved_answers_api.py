"""`/v1/saved-answers`: what a shop answers again and again."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.sender.conversations.saved_answer_store import SavedAnswer
from services.sender.conversations.saved_answers import MOST_SAVED, SavedAnswers
from shared.http.auth import Caller, requires
from shared.http.problems import not_found
from shared.http.strict_json import StrictRoute
from shared.templates import engine

_PATH: Final = "/v1/saved-answers"
_MOST_CHARACTERS: Final = 1600
"""Ten parts, the most that a text may have."""
_ROOTS: Final = frozenset({"recipient", "history", "merchant", "now"})
"""What an answer knows: it follows from no event."""

Reader = Annotated[Caller, Depends(requires("replies:read"))]
Writer = Annotated[Caller, Depends(requires("replies:write"))]


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("write one line")
    return value


def _template(value: str) -> str:
    found = engine.variables(value)
    if isinstance(found, engine.TemplateError):
        raise ValueError(found.reason)  # noqa: TRY004 - what the caller wrote is wrong, not its type
    if unknown := next((each.name for each in found if each.root not in _ROOTS), None):
        raise ValueError(f"unknown name {unknown!r}; an answer reads {', '.join(sorted(_ROOTS))}")
    return value


class SavedAnswerBody(BaseModel):
    """An answer to be kept."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"title": "Opening hours", "text": "We open at 9, on Sundays at 11."}]},
    )

    title: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), AfterValidator(_one_line)
    ] = Field(description="Another one under the same title replaces it.")
    text: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=_MOST_CHARACTERS),
        AfterValidator(_template),
    ] = Field(description="Liquid: {{ recipient.first_name | default: 'there' }}.")


class SavedAnswerView(BaseModel):
    """A kept answer."""

    answer_id: UUID
    title: str
    text: str
    saved_at: datetime


class SavedAnswerList(BaseModel):
    """All that a shop keeps, by title; 100 at most."""

    answers: list[SavedAnswerView] = Field(max_length=MOST_SAVED)


def create_router(answers: SavedAnswers) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["inbox"], route_class=StrictRoute)
    endpoints = SavedAnswerEndpoints(answers)
    router.get(_PATH, summary="List the answers that are kept")(endpoints.saved_answers)
    router.post(
        _PATH, summary="Keep an answer, or replace the one of this title", responses={409: {"description": "Too many"}}
    )(endpoints.save_answer)
    router.delete(f"{_PATH}/{{answer_id}}", status_code=HTTPStatus.NO_CONTENT, summary="Remove a kept answer")(
        endpoints.remove_answer
    )
    return router


@dataclass(frozen=True, slots=True)
class SavedAnswerEndpoints:
    """Answers for the merchant of the caller."""

    answers: SavedAnswers

    async def saved_answers(self, caller: Reader) -> SavedAnswerList:
        """Return what is kept."""
        return SavedAnswerList(answers=[_view(each) for each in await self.answers.listed(caller.merchant.id)])

    async def save_answer(self, body: SavedAnswerBody, caller: Writer) -> SavedAnswerView:
        """Keep an answer; the same one twice is one."""
        return _view(await self.answers.save(caller, body.title, body.text))

    async def remove_answer(self, answer_id: UUID, caller: Writer) -> None:
        """Remove an answer; texts that were sent with it stay."""
        if not await self.answers.remove(caller, answer_id):
            raise not_found("this answer")


def _view(saved: SavedAnswer) -> SavedAnswerView:
    return SavedAnswerView(answer_id=saved.id, title=saved.title, text=saved.text, saved_at=saved.saved_at)
