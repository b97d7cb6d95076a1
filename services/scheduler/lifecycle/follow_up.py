"""A follow-up as decisions need it: its plan, its state and its timer, without its sealed content."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from services.scheduler.lifecycle.states import Lifecycle
from shared.events.follow_up import Content, Purpose, SendPolicy
from shared.ids import EnrollmentId, EventId, FollowUpId, MerchantId, RecipientId
from shared.vocabulary.follow_up_states import FollowUpState
from shared.vocabulary.purposes import Priority


class FollowUp(NamedTuple):
    """One follow-up, without its sealed content."""

    id: FollowUpId
    partition: int
    """The recipient's partition; the replica that holds it works on the timer."""
    merchant_id: MerchantId
    recipient_id: RecipientId
    enrollment_id: EnrollmentId
    flow: str
    flow_version: str
    step: str
    purpose: Purpose
    lifecycle: Lifecycle
    first_due_at: datetime
    due_at: datetime
    time_zone: str
    expires_at: datetime | None
    timer_at: datetime | None
    accepted_at: datetime | None
    sender_number: str
    priority: Priority
    policy: SendPolicy
    subject: str | None
    locale: str
    trigger_id: EventId | None
    consent_reports: tuple[EventId, ...]
    inbound_at: datetime | None
    correlation_id: str
    asked_by: str | None
    changes: int
    created_at: datetime

    @property
    def state(self) -> FollowUpState:
        """Its state now."""
        return self.lifecycle.state

    @property
    def is_pending(self) -> bool:
        """Whether it waits for its release."""
        return self.lifecycle.state is FollowUpState.PENDING

    def waiting(self, until: datetime, reason: str) -> "FollowUp":
        """Return it with a timer at `until`, or at its expiry where that is earlier, and why it waits."""
        return self._replace(
            timer_at=earliest(until, self.expires_at), lifecycle=self.lifecycle._replace(reason=reason)
        )

    def moved(self, due_at: datetime, reason: str) -> "FollowUp":
        """Return it with a later due time, the timer that follows from it, and one more entry in its history."""
        return self.waiting(due_at, reason)._replace(due_at=due_at, changes=self.changes + 1)


class LoadedFollowUp(NamedTuple):
    """A follow-up with its sealed content; None where the content was erased."""

    follow_up: FollowUp
    content: Content | None


class SweptFollowUp(NamedTuple):
    """What the sweep reads of a follow-up whose timer fired."""

    id: FollowUpId
    state: FollowUpState
    timer_at: datetime | None
    flow_version: str
    step: str
    sender_number: str
    priority: int
    due_at: datetime
    partition: int
    merchant_id: MerchantId


def earliest(due_at: datetime, expires_at: datetime | None) -> datetime:
    """Return when a pending follow-up must be looked at: when it is due, or when it expires."""
    return due_at if expires_at is None else min(due_at, expires_at)


def by_recipient(found: Iterable[FollowUp]) -> dict[RecipientId, list[FollowUp]]:
    """Return follow-ups grouped by recipient."""
    groups: dict[RecipientId, list[FollowUp]] = {}
    for follow_up in found:
        groups.setdefault(follow_up.recipient_id, []).append(follow_up)
    return groups
