"""The current state of a follow-up in one sentence that a shop owner understands."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from services.metrics.domain.journey_steps import moment
from services.metrics.domain.projection import Projection
from services.metrics.domain.reasons import detail_words, meaning_of
from shared.progress import Doing, Progress, ProgressFacts, WaitsFor, progress_of
from shared.vocabulary.follow_up_states import FollowUpState

_CLEARED: Final = "cleared"
_NOT_SENT: Final = frozenset(
    {FollowUpState.BLOCKED, FollowUpState.FAILED, FollowUpState.CANCELLED, FollowUpState.EXPIRED}
)


def progress_at(projection: Projection, state: FollowUpState, now: datetime) -> Progress:
    """Return the progress of a follow-up, as far as its facts show it."""
    is_released = state is FollowUpState.RELEASED
    is_known = is_released and projection.waits_until is not None
    return progress_of(
        ProgressFacts(
            state=state,
            reason=projection.reason if is_known or not is_released else None,
            due_at=projection.due_at,
            since=projection.changed_at,
            until=projection.waits_until,
            detail=projection.waits_detail or None,
            is_cleared=is_known or projection.reason == _CLEARED,
        ),
        now,
    )


def label(state: FollowUpState, progress: Progress) -> str:
    """Return a short label: its state, or while it is under way what is happening with it."""
    if state is FollowUpState.RELEASED or progress.doing is Doing.WAITING:
        return progress.doing.replace("_", " ")
    return state


def summarize(projection: Projection, state: FollowUpState, progress: Progress, clock: ZoneInfo) -> str:
    """Return the sentence."""
    match progress.doing:
        case Doing.PLANNED if progress.until is not None:
            return f"It is planned for {moment(progress.until, clock)}."
        case Doing.WAITING:
            return _waiting(progress, clock)
        case Doing.UNANSWERED:
            return _unanswered(progress, clock)
        case Doing.SENDING if progress.waits_for is not None:
            since = moment(projection.changed_at, clock)
            return f"It was cleared at {since} and not sent yet: its sender number is busy or paused."
        case Doing.SENDING:
            return "It was cleared and is being sent to the provider."
        case Doing.AT_THE_GATE | Doing.SENT:
            return _sentence(meaning_of(progress.waits_for or "").words)
        case _:
            return _ended(projection, state)


def listed(projection: Projection) -> str:
    """Return why a follow-up stands among those to look at, in a few words without a full stop."""
    if projection.waits_until is not None:
        met = f" ({detail_words(projection.waits_detail)})" if projection.waits_detail else ""
        return f"{_capital(meaning_of(projection.reason).words)}{met}"
    if projection.state is FollowUpState.UNKNOWN:
        return "The provider did not confirm whether it accepted it"
    return _capital(meaning_of(projection.reason).words)


def _waiting(progress: Progress, clock: ZoneInfo) -> str:
    why = meaning_of(progress.waits_for or "").words
    if progress.waits_for == WaitsFor.TURN:
        return _sentence(why)
    met = f" ({detail_words(progress.detail)})" if progress.detail else ""
    until = f" until {moment(progress.until, clock)}" if progress.until is not None else ""
    return f"It waits{until} because {why}{met}."


def _unanswered(progress: Progress, clock: ZoneInfo) -> str:
    asked = f" It is asked from {moment(progress.until, clock, seconds=True)} on." if progress.until else ""
    return (
        f"The provider did not confirm whether it accepted the text ({detail_words(progress.detail)}).{asked} "
        "The text is not sent again before that is known."
    )


def _ended(projection: Projection, state: FollowUpState) -> str:
    if state in _NOT_SENT:
        return (
            f"It was not sent because {meaning_of(projection.reason).words}."
            if projection.reason
            else "It was not sent."
        )
    return {
        FollowUpState.DELIVERED: "It was delivered.",
        FollowUpState.UNCONFIRMED: "It was sent; the provider did not report whether it was delivered.",
        FollowUpState.UNKNOWN: "The provider did not confirm whether it accepted the text. It is not sent again,"
        " to avoid a duplicate.",
    }.get(state, "It is planned.")


def _sentence(words: str) -> str:
    return f"{_capital(words)}."


def _capital(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"
