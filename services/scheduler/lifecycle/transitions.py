"""Applies transitions to follow-ups, a whole batch at a time: rows, timers, history and events."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from services.scheduler import instruments, store
from services.scheduler.lifecycle import announcements
from services.scheduler.lifecycle.follow_up import FollowUp, earliest
from services.scheduler.lifecycle.states import Transition, TransitionEffect, TransitionKind, effect_of
from services.scheduler.store import Change
from shared.db.unit_of_work import UnitOfWork
from shared.events.follow_up import Content
from shared.telemetry.logs import logger
from shared.vocabulary.follow_up_states import ENDS, FollowUpState

log = logger(__name__)


class TransitionRequest(NamedTuple):
    """A transition of one follow-up, with the times it brings."""

    follow_up: FollowUp
    transition: Transition
    until: datetime | None = None
    """When to ask the gate (again)."""
    accepted_at: datetime | None = None
    content: Content | None = None
    """For a release: the sealed content."""
    open_since: datetime | None = None
    """For a release: since when it could have gone; None: since it was first due."""
    timer_is_gone: bool = False
    """Its timer fired, which deleted the row."""


async def apply_transitions(
    uow: UnitOfWork, requests: Iterable[TransitionRequest], unconfirmed_after: timedelta
) -> list[FollowUp]:
    """Apply transitions, each to another follow-up, and return those on which it had an effect, as they are now.

    Stale and repeated transitions have none. Each table is written once.
    """
    changes = []
    for request in requests:
        effect = effect_of(request.follow_up.lifecycle, request.transition)
        if effect is None:
            continue
        after = _after(request, effect, uow.now, unconfirmed_after)
        changes.append(Change(request.follow_up, after, request.timer_is_gone))
        _record(uow, request, effect, after)
    if changes:
        await store.save_transitions(uow, changes)
    return [change.after for change in changes]


def _after(
    request: TransitionRequest, effect: TransitionEffect, now: datetime, unconfirmed_after: timedelta
) -> FollowUp:
    """Return the follow-up with its new lifecycle, due time and timer."""
    before, state = request.follow_up, effect.after.state
    due_at, timer_at = before.due_at, before.timer_at
    if effect.moved and state is FollowUpState.PENDING:
        due_at = max(now, request.until or now)
    if effect.moved:
        timer_at = _timer_at(before, state, due_at, (request.accepted_at or now) + unconfirmed_after)
    return before._replace(
        lifecycle=effect.after,
        due_at=due_at,
        accepted_at=before.accepted_at or request.accepted_at,
        timer_at=timer_at,
        changes=before.changes + int(effect.moved),
    )


def _timer_at(before: FollowUp, state: FollowUpState, due_at: datetime, unconfirmed_at: datetime) -> datetime | None:
    """Return when a follow-up that has just entered a state must be looked at; None where it has ended."""
    if state is FollowUpState.PENDING:
        return earliest(due_at, before.expires_at)
    if state is FollowUpState.RELEASED:
        return before.expires_at
    return unconfirmed_at if state is FollowUpState.DISPATCHED else None


def _record(uow: UnitOfWork, request: TransitionRequest, effect: TransitionEffect, after: FollowUp) -> None:
    """Add the change to the history, publish its event, and count it."""
    lifecycle, transition = after.lifecycle, request.transition
    if effect.alarm:
        instruments.DOUBLES.inc()
        log.error("double_detected", follow_up_id=str(after.id), release=lifecycle.release, attempt=transition.attempt)
    if effect.stops_release:
        uow.publish(announcements.ended(request.follow_up, FollowUpState.CANCELLED, "already_dispatched", uow.now))
    if not effect.moved:
        return
    store.add_history(uow, after, transition.kind)
    if transition.kind is TransitionKind.FIRED and request.content is not None:
        since = request.open_since or request.follow_up.first_due_at
        uow.publish(announcements.due(request.follow_up, request.content, lifecycle.release, uow.now, since))
    elif lifecycle.state in {FollowUpState.CANCELLED, FollowUpState.EXPIRED}:
        before = request.follow_up
        has_failed = before.state is FollowUpState.PENDING and before.accepted_at is not None
        reason = lifecycle.reason or transition.reason
        uow.publish(announcements.ended(after, lifecycle.state, reason, uow.now, after_failure=has_failed))
    if lifecycle.state in ENDS:
        instruments.ENDED.labels(lifecycle.state, instruments.reason_class(lifecycle.reason)).inc()


async def cancel(uow: UnitOfWork, follow_ups: Sequence[FollowUp], reason: str, unconfirmed_after: timedelta) -> None:
    """Cancel follow-ups that have not ended; one that the provider accepted is only marked as unwanted."""
    transition = Transition(TransitionKind.CANCELLED, reason)
    await apply_transitions(uow, [TransitionRequest(found, transition) for found in follow_ups], unconfirmed_after)
