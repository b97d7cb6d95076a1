"""The event that announces a verdict: `follow-up.cleared`, `follow-up.deferred` or `follow-up.blocked`."""

from datetime import datetime
from typing import assert_never

from services.compliance import instruments
from services.compliance.gate.verdicts import Block, Clear, Defer, Verdict
from shared import ids
from shared.events.follow_up import FollowUpBlocked, FollowUpCleared, FollowUpDeferred, FollowUpDue
from shared.ids import EventId


def announcement(
    due: FollowUpDue, verdict: Verdict, *, first_contact: bool, now: datetime
) -> FollowUpCleared | FollowUpDeferred | FollowUpBlocked:
    """Return the event that announces a verdict, and count the contact facts that the gate could not use."""
    for fact in verdict.evidence.ignored:
        instruments.IGNORED_FACTS.labels(fact).inc()
    common = {
        "merchant_id": due.merchant_id,
        "recipient_id": due.recipient_id,
        "occurred_at": now,
        "correlation_id": due.correlation_id,
        "follow_up_id": due.follow_up_id,
        "enrollment_id": due.enrollment_id,
        "flow": due.flow,
        "flow_version": due.flow_version,
        "step": due.step,
        "purpose": due.purpose,
        "release": due.release,
    }
    rules = tuple(rule.id for rule in verdict.evidence.rules if rule.skipped is None)
    match verdict:
        case Clear():
            return FollowUpCleared(
                **common,
                event_id=_id(FollowUpCleared.type, due),
                valid_until=verdict.valid_until,
                window_closes_at=verdict.window_closes_at,
                expires_at=due.expires_at,
                sender_number=due.sender_number,
                subject=due.subject,
                content=due.content,
                policy=due.policy,
                first_due_at=due.first_due_at,
                first_contact=first_contact,
                explanation=verdict.evidence.explanation,
                rules=rules,
            )
        case Defer():
            return FollowUpDeferred(
                **common,
                event_id=_id(FollowUpDeferred.type, due),
                until=verdict.until,
                reason=verdict.reason,
                explanation=verdict.evidence.explanation,
                rules=rules,
            )
        case Block():
            return FollowUpBlocked(
                **common,
                event_id=_id(FollowUpBlocked.type, due),
                reason=verdict.reason,
                explanation=verdict.evidence.explanation,
                rules=rules,
            )
        case _:
            assert_never(verdict)


def _id(kind: str, due: FollowUpDue) -> EventId:
    """Return the id of a verdict's event; the same however often the due event is read."""
    return EventId(ids.derived(kind, due.follow_up_id, due.release, at=due.due_at))
