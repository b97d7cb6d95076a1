"""Whether something takes a second person's yes, and whether an answer counts (pure).

Both who asks and who answers are users of the console: a key or a command may be held by the same person as a user,
and one person must not be two.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from shared.audit import Actor, ActorKind
from shared.ids import MerchantId

LIFE: Final = timedelta(hours=72)
"""How long somebody may say yes: over a weekend, and no longer than the texts are likely to be wanted."""
COUNTED_TOGETHER: Final = timedelta(hours=1)
"""What was let go without a second person in so long before counts too, so that many small resumes are a large one."""
_GROWTH_PERCENT: Final = 10
"""By how much the texts may have become more since the person who says yes was shown how many."""


class ApprovalAction(StrEnum):
    """What can wait for a second person's yes."""

    RESUME = "resume"
    """Controls are lifted, and the texts that wait for them go."""


class SecondAnswer(StrEnum):
    """What the second person says."""

    YES = "yes"
    NO = "no"


class Approval(NamedTuple):
    """Something that waits for a second person's yes, or did."""

    id: UUID
    merchant_id: MerchantId
    action: ApprovalAction
    subject: dict[str, Any]
    """What it is done to: ids, and names of files."""
    texts: int
    """That would go, when it was asked."""
    asked_by: str
    """A user, as `user:anna`."""
    asked_at: datetime
    reason: bytes
    """Sealed."""
    expires_at: datetime
    answer: SecondAnswer | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None
    answer_reason: bytes | None = None
    """Sealed."""

    def is_open(self, now: datetime) -> bool:
        """Return whether an answer is still waited for."""
        return self.answer is None and now < self.expires_at


class AnswerStanding(StrEnum):
    """What an answer is worth."""

    COUNTS = "counts"
    REPEATED = "repeated"
    """The same person said the same before: nothing is done again."""
    NO_USER = "no_user"
    OWN = "own"
    """Who asked cannot say yes."""
    ANSWERED = "answered"
    EXPIRED = "expired"


def takes_second_person(texts: int, lately: int, limit: int | None) -> bool:
    """Return whether letting so many texts go takes a second person.

    Args:
        texts: that would go.
        lately: that were let go without a second person within `COUNTED_TOGETHER`.
        limit: `approvals.release_above`; None where nothing takes one.
    """
    return limit is not None and texts > 0 and texts + lately > limit


def standing_of(approval: Approval, answer: SecondAnswer, actor: Actor, by: str, now: datetime) -> AnswerStanding:
    """Return what an answer is worth; who asked may say no, which takes the question back."""
    if actor.kind is not ActorKind.USER:
        return AnswerStanding.NO_USER
    if approval.answer is not None:
        is_same = (approval.answer, approval.answered_by) == (answer, by)
        return AnswerStanding.REPEATED if is_same else AnswerStanding.ANSWERED
    if now >= approval.expires_at:
        return AnswerStanding.EXPIRED
    return AnswerStanding.OWN if answer is SecondAnswer.YES and by == approval.asked_by else AnswerStanding.COUNTS


def has_grown(texts: int, shown: int) -> bool:
    """Return whether there are so many more texts than were shown that a yes is not meant for them."""
    return texts * 100 > shown * (100 + _GROWTH_PERCENT)
