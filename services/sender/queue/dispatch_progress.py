"""What the sender knows about the progress of a dispatch, in the terms that every service uses."""

from datetime import datetime

from services.sender.numbers.breaker import Breaker
from services.sender.queue.dispatches import Attempt, Dispatch
from services.sender.queue.states import AttemptState, DispatchState
from shared.progress import UNANSWERED, ProgressFacts


def progress_facts(
    dispatch: Dispatch, last: Attempt | None, breaker: Breaker, look_at: datetime | None, now: datetime
) -> ProgressFacts:
    """Return what is known about a dispatch, from its `last` attempt, its number, and the next look-up."""
    match dispatch.state:
        case DispatchState.QUEUED if breaker.hold_reason is not None:
            return ProgressFacts("released", breaker.hold_reason, until=breaker.opens_at)
        case DispatchState.QUEUED if dispatch.ready_at > now and last is not None:
            reason = last.error_class or last.reason if last.state is AttemptState.REFUSED else "not_sent"
            return ProgressFacts("released", reason, until=dispatch.ready_at, detail=last.code or last.reason)
        case DispatchState.QUEUED:
            return ProgressFacts("released", since=dispatch.ready_at, is_cleared=True)
        case DispatchState.INTENT:
            return ProgressFacts("released", is_cleared=True)
        case DispatchState.UNKNOWN if last is not None and last.state is AttemptState.UNKNOWN:
            return ProgressFacts("released", UNANSWERED, until=look_at, detail=last.reason)
        case DispatchState.LAPSED:
            return ProgressFacts("released", is_cleared=False)
        case DispatchState.ACCEPTED:
            return ProgressFacts("dispatched")
        case DispatchState.FAILED if dispatch.retry_at is not None:
            return ProgressFacts("pending", last.error_class if last else dispatch.reason, due_at=dispatch.retry_at)
        case _:
            return ProgressFacts(dispatch.state)
