"""What `/v1/approvals` takes and answers."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.scheduler.api_models import Input, one_line
from services.scheduler.approvals.deciding import Approval, ApprovalAction, SecondAnswer

_REASON_CHARACTERS = 500
_MOST_TEXTS = 1_000_000_000


class AnswerRequest(Input):
    """What the second person says."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"answer": "yes", "texts": 812, "reason": "the code works, I tried it"}]}
    )

    answer: Literal["yes", "no"]
    texts: int | None = Field(
        None, strict=True, ge=0, le=_MOST_TEXTS, description="With yes: how many texts you were shown (`texts_now`)."
    )
    reason: Annotated[str, AfterValidator(one_line)] | None = Field(None, max_length=_REASON_CHARACTERS)

    @model_validator(mode="after")
    def _says_yes_to_a_number(self) -> Self:
        if self.answer == "yes" and self.texts is None:
            raise ValueError("a yes needs texts: how many you were shown")
        return self


class ApprovalSubjectAnswer(BaseModel):
    """What it is done to; which texts, all of the merchant's where nothing is named."""

    controls: list[UUID]
    """What would be lifted."""
    flow: str | None
    step: str | None
    number: str | None
    provider: str | None


class ApprovalAnswer(BaseModel):
    """What waits for a second person's yes, or did."""

    approval_id: UUID
    action: ApprovalAction
    subject: ApprovalSubjectAnswer
    state: Literal["open", "yes", "no", "expired", "over"]
    """`over`: somebody did it otherwise, or its time came; nothing is left to say yes to."""
    texts: int
    """That would have gone when it was asked."""
    texts_now: int | None
    """That would go now; None unless it is open."""
    asked_by: str
    asked_at: datetime
    reason: str
    expires_at: datetime
    answered_by: str | None
    answered_at: datetime | None
    answer_reason: str | None
    is_own: bool
    """You asked: you may take it back, and another user may say yes."""
    may_say_yes: bool

    @classmethod
    def of(
        cls,
        approval: Approval,
        now: datetime,
        texts_now: int | None,
        reasons: tuple[str, str | None],
        *,
        is_own: bool,
        is_user: bool,
    ) -> Self:
        """Return it as it is shown.

        Args:
            approval: as it is stored.
            now: decides whether it has expired.
            texts_now: that would go; None where nothing is left to do.
            reasons: of the question and the answer, opened.
            is_own: whether the one who looks has asked.
            is_user: whether the one who looks is a user who may do it.
        """
        state = _state(approval, now, texts_now)
        return cls(
            approval_id=approval.id,
            action=approval.action,
            subject=ApprovalSubjectAnswer.model_validate(approval.subject),
            state=state,
            texts=approval.texts,
            texts_now=texts_now if state == "open" else None,
            asked_by=approval.asked_by,
            asked_at=approval.asked_at,
            reason=reasons[0],
            expires_at=approval.expires_at,
            answered_by=approval.answered_by,
            answered_at=approval.answered_at,
            answer_reason=reasons[1],
            is_own=is_own,
            may_say_yes=state == "open" and is_user and not is_own,
        )


class ApprovalPage(BaseModel):
    """A merchant's questions for a second person, the newest first."""

    approvals: list[ApprovalAnswer]
    next_cursor: str | None


def _state(approval: Approval, now: datetime, texts_now: int | None) -> Literal["open", "yes", "no", "expired", "over"]:
    if approval.answer is not None:
        return "yes" if approval.answer is SecondAnswer.YES else "no"
    if not approval.is_open(now):
        return "expired"
    return "over" if texts_now is None else "open"
