"""Dispatches and attempts as values; only the store makes them from rows.

Tuples, because each text needs a dozen of them, most of them the one before with a field changed.
"""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from services.sender.queue.states import AttemptState, DispatchState
from services.sender.receipts.status_lattice import ProviderStatus
from shared import ids
from shared.events.follow_up import Purpose, ResendPolicy
from shared.ids import AttemptId, EnrollmentId, FollowUpId, MerchantId, RecipientId
from shared.vocabulary.purposes import PRIORITIES

MARKETING_PRIORITY: Final = PRIORITIES[Purpose.MARKETING].value


def priority_of(purpose: Purpose) -> int:
    """Return the place of a purpose in the order at one number: answers first, marketing last."""
    return PRIORITIES[purpose].value


class Dispatch(NamedTuple):
    """One cleared follow-up."""

    follow_up_id: FollowUpId
    merchant_id: MerchantId
    recipient_id: RecipientId
    enrollment_id: EnrollmentId
    flow: str
    flow_version: str
    step: str
    purpose: Purpose
    release: int
    correlation_id: str
    state: DispatchState
    sender_number: str
    provider: str | None
    first_queued_at: datetime
    first_due_at: datetime
    ready_at: datetime
    valid_until: datetime
    window_closes_at: datetime | None
    expires_at: datetime | None
    resend: ResendPolicy
    click_days: int
    delivered_hours: int
    attempts: int
    retry_at: datetime | None = None
    reason: str | None = None
    cancelled: bool = False
    """Cancelled while a call was under way: it is not tried again."""

    def attempt_id(self, n: int) -> AttemptId:
        """Return the id of the n-th attempt: derived, so that no index is needed to find them."""
        return attempt_id_of(self.follow_up_id, n, self.first_queued_at)


def attempt_id_of(follow_up_id: FollowUpId, n: int, first_queued_at: datetime) -> AttemptId:
    """Return the id of the n-th attempt of a dispatch."""
    return AttemptId(ids.derived("attempt", follow_up_id, n, at=first_queued_at))


class SealedContent(NamedTuple):
    """What a dispatch is rendered from; None once it was blanked."""

    body: bytes | None
    contact: bytes | None
    facts: bytes | None
    locale: str
    first_contact: bool


class Attempt(NamedTuple):
    """One provider call."""

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
    state: AttemptState
    intent_at: datetime
    deadline: datetime
    status: ProviderStatus | None = None
    provider_message_id: str | None = None
    error_class: str | None = None
    code: str | None = None
    reason: str | None = None
    accepted_at: datetime | None = None
    concluded_at: datetime | None = None
    after_follow_up_id: UUID | None = None
    ask_at: datetime | None = None
    """When the provider is asked for its status; None where that is final, or was asked for the last time."""


class NewAttempt(NamedTuple):
    """An intent as it is stored, with what only its row holds."""

    attempt: Attempt
    encoding: str
    text: bytes | None
    """Sealed, as the provider is given it; None where it is not known."""


class AttemptSnapshot(NamedTuple):
    """How far an attempt has come, read without a lock; it never goes back."""

    follow_up_id: FollowUpId
    state: AttemptState
    status: ProviderStatus | None
    provider_message_id: str | None
