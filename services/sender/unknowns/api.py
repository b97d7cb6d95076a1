"""HTTP routes of unknown texts: what is known about them, and what somebody who looked says became of one."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.sender.queue.states import AttemptState
from services.sender.unknowns import store
from services.sender.unknowns.resolution import Resolution, SaidNotSent, SaidSent
from services.sender.unknowns.unknowns import END, MOST_LISTED, UnknownText, UnknownTexts
from shared.config.model import Flag
from shared.http.auth import Caller, requires
from shared.http.problems import not_found
from shared.http.strict_json import StrictRoute
from shared.ids import FollowUpId

Reader = Annotated[Caller, Depends(requires("operations:read"))]
Decider = Annotated[Caller, Depends(requires("operations:write"))]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class ResolutionOutcome(StrEnum):
    """What became of a call without an answer."""

    SENT = "sent"
    NOT_SENT = "not_sent"


class UnknownTextView(BaseModel):
    """A text whose call had no answer, and what is known about it."""

    follow_up_id: UUID
    attempt_id: UUID
    recipient_id: UUID
    to: str | None = Field(
        description="The number, masked for keys without `recipients:reveal`; null where it is no longer kept."
    )
    flow: str
    step: str
    purpose: str
    provider: str
    sender_number: str
    called_at: datetime
    seen: str | None = Field(description="What was seen instead of an answer: `http_503`, `timeout`, `no_outcome`, …")
    is_given_up: bool = Field(description="The provider is asked no more; the text counts as sent.")
    asked_at: datetime | None = Field(description="When the provider was asked last.")
    answer: str | None = Field(
        description="What it said: `not_listed`, `no_answer`, or `inconclusive` (too early, or several texts fit)."
    )
    absent_since: datetime | None = Field(
        description="Since when the provider lists no such text; the second such answer proves that it was not sent."
    )
    asked_again_at: datetime | None
    gives_up_at: datetime
    may_be_sent_again: bool = Field(description="Its flow permits `send_again` with `not_sent`.")


class UnknownTextPage(BaseModel):
    """The newest first."""

    unknown: list[UnknownTextView]
    count: int = Field(description=f"How many there are in all; {store.MOST_COUNTED} stands for that many or more.")
    next_cursor: str | None


class ResolutionBody(BaseModel):
    """What somebody who looked at the provider says."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "attempt_id": "018c0000-0000-7000-8000-0000000000d1",
                    "outcome": "sent",
                    "reason": "the provider's log shows it",
                }
            ]
        },
    )

    attempt_id: UUID = Field(description="The call it is about, as the list names it.")
    outcome: ResolutionOutcome
    provider_message_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")] | None = Field(
        None, description="With `sent`: the provider's id of the text, so that its receipts and status count."
    )
    send_again: Flag = Field(
        default=False, description="With `not_sent`: ask the gate once more, where the flow permits that."
    )
    reason: Reason = Field(description="What you saw, for those who look later.")

    @model_validator(mode="after")
    def _fits(self) -> "ResolutionBody":
        if self.provider_message_id is not None and self.outcome is not ResolutionOutcome.SENT:
            raise ValueError("provider_message_id belongs to the outcome sent")
        if self.send_again and self.outcome is not ResolutionOutcome.NOT_SENT:
            raise ValueError("send_again belongs to the outcome not_sent")
        return self

    @property
    def said(self) -> Resolution:
        """What is said, as a value."""
        if self.outcome is ResolutionOutcome.SENT:
            return SaidSent(self.provider_message_id)
        return SaidNotSent(self.send_again)


class ResolutionAnswer(BaseModel):
    """How the text stands now."""

    follow_up_id: UUID
    attempt_id: UUID
    attempt_state: str
    state: str
    reason: str | None
    retry_at: datetime | None = Field(description="When the gate is asked again; null where it is not.")


def create_router(unknowns: UnknownTexts) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["deliverability"], route_class=StrictRoute)

    @router.get("/v1/dispatches/unknown", summary="List texts of which nobody knows whether they were sent")
    async def listed(
        caller: Reader,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
        cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before.")] = None,
    ) -> UnknownTextPage:
        found = await unknowns.page(caller, cursor or END, limit + 1)
        shown = found.texts[:limit]
        return UnknownTextPage(
            unknown=[_view(each) for each in shown],
            count=found.total,
            next_cursor=str(shown[-1].row.attempt["id"]) if len(found.texts) > limit else None,
        )

    @router.post("/v1/dispatches/{follow_up_id}/resolve", summary="Say whether an unknown text was sent")
    async def resolve(follow_up_id: UUID, body: ResolutionBody, caller: Decider) -> ResolutionAnswer:
        done = await unknowns.resolve(caller, FollowUpId(follow_up_id), body.attempt_id, body.said, body.reason)
        if done is None:
            raise not_found("the call; take follow_up_id and attempt_id from GET /v1/dispatches/unknown")
        attempt, dispatch = done
        return ResolutionAnswer(
            follow_up_id=follow_up_id,
            attempt_id=attempt.id,
            attempt_state=attempt.state,
            state=dispatch.state,
            reason=attempt.reason,
            retry_at=dispatch.retry_at,
        )

    return router


def _view(text: UnknownText) -> UnknownTextView:
    attempt, dispatch, look = text.row
    same = {name: attempt[name] for name in ("follow_up_id", "recipient_id", "provider", "sender_number")}
    is_given_up = attempt["state"] == AttemptState.ASSUMED_SENT
    return UnknownTextView(
        **same,
        **{name: dispatch[name] for name in ("flow", "step", "purpose")},
        attempt_id=attempt["id"],
        to=text.number,
        called_at=attempt["intent_at"],
        seen=None if is_given_up else attempt["reason"],
        is_given_up=is_given_up,
        asked_at=look["asked_at"] if look else None,
        answer=look["answer"] if look else None,
        absent_since=look["absent_at"] if look else None,
        asked_again_at=look["look_at"] if look else None,
        gives_up_at=text.gives_up_at,
        may_be_sent_again=text.may_be_sent_again,
    )
