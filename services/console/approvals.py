"""What waits for a second person's yes, as pages read it."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel


class ApprovalTexts(BaseModel):
    """Which texts it is about."""

    flow: str | None
    step: str | None
    number: str | None
    provider: str | None

    @property
    def words(self) -> str:
        """Which texts, as a person says it after a number of them."""
        if self.flow is not None:
            name = self.flow.replace("_", " ")
            return f"of the flow {name}" if self.step is None else f"“{self.step.replace('_', ' ')}” of {name}"
        if self.number is not None:
            return f"from {self.number}"
        return f"through {self.provider}" if self.provider is not None else "of the whole shop"


class ShownApproval(BaseModel):
    """A question for a second person, as the scheduler answers it."""

    approval_id: UUID
    subject: ApprovalTexts
    texts: int
    texts_now: int
    asked_by: str
    asked_at: datetime
    reason: str
    expires_at: datetime
    is_own: bool
    may_say_yes: bool

    @property
    def asker(self) -> str:
        """The name of who asked."""
        return self.asked_by.removeprefix("user:")

    @property
    def what(self) -> str:
        """What would happen, in words."""
        return f"{self.texts_now:,} text{'' if self.texts_now == 1 else 's'} {self.subject.words}"
