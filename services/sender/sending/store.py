"""Inserts the attempts of an intent transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.sender.queue.states import AttemptState
from services.sender.tables import attempts, in_flight
from shared.db.unit_of_work import UnitOfWork
from shared.ids import AttemptId, FollowUpId, MerchantId, RecipientId


class NewAttempt(NamedTuple):
    """The columns of `sender_attempts` that an intent fills."""

    id: AttemptId
    follow_up_id: FollowUpId
    merchant_id: MerchantId
    recipient_id: RecipientId
    n: int
    release: int
    provider: str
    sender_number: str
    body_sha256: bytes
    parts: int
    encoding: str
    state: AttemptState
    intent_at: datetime
    deadline: datetime
    after_follow_up_id: FollowUpId | None
    made_by: UUID


async def insert_attempts(added: Sequence[NewAttempt], uow: UnitOfWork) -> Sequence[bool]:
    """Insert attempts and add them to the reconciler's work list.

    Returns:
        For each, whether it was inserted: the database refuses a second live attempt of one follow-up.
    """
    is_new = await uow.db.insert_new(attempts, [each._asdict() for each in added])
    await uow.db.insert_new(
        in_flight,
        [
            {
                "attempt_id": each.id,
                "recipient_id": each.recipient_id,
                "follow_up_id": each.follow_up_id,
                "body_sha256": each.body_sha256,
                "state": AttemptState.INTENT,
                "deadline": each.deadline,
                "look_at": each.deadline,
            }
            for each, new in zip(added, is_new, strict=True)
            if new
        ],
    )
    return is_new
