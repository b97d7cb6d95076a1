"""Settling: news about follow-ups becomes rows, timers and events, a whole batch at a time."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.scheduler import instruments
from services.scheduler.lifecycle import announcements, pending
from services.scheduler.lifecycle.states import Transition, TransitionEffect, TransitionKind, change
from services.scheduler.store import FollowUp, delete_timers, timer
from services.scheduler.tables import follow_ups, in_flight, state_changes, timers
from shared.db.unit_of_work import UnitOfWork
from shared.events.follow_up import Content
from shared.telemetry.logs import logger
from shared.vocabulary.follow_up_states import ENDS, FollowUpState

TIMER_KINDS = {FollowUpState.PENDING: "due", FollowUpState.RELEASED: "expire", FollowUpState.DISPATCHED: "unconfirmed"}
"""What a follow-up waits for in each state that has not ended."""

log = logger(__name__)


class TransitionRequest(NamedTuple):
    """One piece of news about one follow-up, and what it says of time."""

    follow_up: FollowUp
    news: Transition
    until: datetime | None = None
    """When to ask the gate (again)."""
    accepted_at: datetime | None = None
    content: Content | None = None
    """For a release: what the text is made of."""
    timer_is_gone: bool = False
    """Its timer fired, and was deleted with that."""


class Applied(NamedTuple):
    """What became of a move."""

    follow_up: FollowUp
    """As it is now."""
    moved: bool


async def settle(uow: UnitOfWork, moves: Iterable[TransitionRequest], unconfirmed_after: timedelta) -> list[Applied]:
    """Apply news, each to another follow-up, and return what changed; stale and known news change nothing.

    Writes each table once. A follow-up has at most one row in `timers`, that of its state.
    """
    done = [(move, found) for move in moves if (found := change(move.follow_up.standing, move.news)) is not None]
    if not done:
        return []
    settled, changed = [], []
    old_timers, new_timers, answered = [], [], []
    for move, found in done:
        before, after = move.follow_up, _after(move, found, uow.now, unconfirmed_after)
        settled.append(Applied(after, found.moved))
        if (before.timer_at, before.standing.state) != (after.timer_at, after.standing.state):
            if before.timer_at is not None and not move.timer_is_gone:
                old_timers.append(before)
            if after.timer_at is not None:
                new_timers.append(timer(after, after.timer_at, TIMER_KINDS[after.standing.state]))
        if before.standing.state is FollowUpState.RELEASED and after.standing.state is not FollowUpState.RELEASED:
            answered.append(before.id)
        changed.append((before, after))
        _tell(uow, move, found, after)
    pending.note(uow, ((before, before.standing.state, after.standing.state) for before, after in changed))
    await delete_timers(uow.db, old_timers)
    await _write(uow, changed)
    await uow.db.insert_new(timers, new_timers)
    await uow.db.delete(in_flight, "follow_up_id", answered)
    return settled


async def _write(uow: UnitOfWork, changed: Sequence[tuple[FollowUp, FollowUp]]) -> None:
    """Write what changed; when it ended only where it had or has, for that alone is in an index."""
    rows, ends = [], []
    for before, after in changed:
        row = _row(after, uow.now)
        if before.standing.state in ENDS or after.standing.state in ENDS:
            ends.append({**row, "ended_at": uow.now if after.standing.state in ENDS else None})
        else:
            rows.append(row)
    await uow.db.change(follow_ups, rows)
    await uow.db.change(follow_ups, ends)


def _after(move: TransitionRequest, found: TransitionEffect, now: datetime, unconfirmed_after: timedelta) -> FollowUp:
    """Return the follow-up with its new standing, due time and timer."""
    before, state = move.follow_up, found.after.state
    due_at = before.due_at
    if found.moved and state is FollowUpState.PENDING:
        due_at = max(now, move.until or now)
    accepted_at = before.accepted_at or move.accepted_at
    timer_at = before.timer_at
    if found.moved:
        timer_at = _timer_at(before, state, due_at, (move.accepted_at or now) + unconfirmed_after)
    return before._replace(
        standing=found.after,
        due_at=due_at,
        accepted_at=accepted_at,
        timer_at=timer_at,
        changes=before.changes + int(found.moved),
    )


def _timer_at(before: FollowUp, state: FollowUpState, due_at: datetime, silent_at: datetime) -> datetime | None:
    """Return when a text that has just come into a state wants attention; None where it has ended."""
    if state is FollowUpState.PENDING:
        return earliest(due_at, before.expires_at)
    if state is FollowUpState.RELEASED:
        return before.expires_at
    return silent_at if state is FollowUpState.DISPATCHED else None


def earliest(due_at: datetime, expires_at: datetime | None) -> datetime:
    """Return when a pending text wants attention: when it is due, or when it is over."""
    return due_at if expires_at is None else min(due_at, expires_at)


def _tell(uow: UnitOfWork, move: TransitionRequest, found: TransitionEffect, after: FollowUp) -> None:
    """Keep the change as evidence, and announce it."""
    standing, news = after.standing, move.news
    if found.alarm:
        instruments.DOUBLES.inc()
        log.error("double_detected", follow_up_id=str(after.id), release=standing.release, attempt=news.attempt)
    if found.stops_release:
        uow.publish(announcements.ended(move.follow_up, FollowUpState.CANCELLED, "already_dispatched", uow.now))
    if not found.moved:
        return
    uow.insert_later(state_changes, history_row(after, uow.now, news.happening))
    if news.happening is TransitionKind.FIRED and move.content is not None:
        uow.publish(announcements.due(move.follow_up, move.content, standing.release, uow.now))
    elif standing.state in {FollowUpState.CANCELLED, FollowUpState.EXPIRED}:
        uow.publish(announcements.ended(after, standing.state, standing.reason or news.reason, uow.now))
    if standing.state in ENDS:
        instruments.ENDED.labels(standing.state, instruments.reason_class(standing.reason)).inc()


def history_row(follow_up: FollowUp, at: datetime, happening: str) -> dict[str, Any]:
    """Return a row of `state_changes`."""
    return {
        "follow_up_id": follow_up.id,
        "number": follow_up.changes,
        "at": at,
        "state": follow_up.standing.state,
        "happening": happening,
        "reason": follow_up.standing.reason,
        "release": follow_up.standing.release,
    }


def _row(follow_up: FollowUp, now: datetime) -> dict[str, Any]:
    """Return the columns that settling may change."""
    standing = follow_up.standing
    return {
        "id": follow_up.id,
        "state": standing.state,
        "reason": standing.reason,
        "release": standing.release,
        "is_too_late": standing.is_too_late,
        "unwanted_as": standing.unwanted_as,
        "unwanted_reason": standing.unwanted_reason,
        "proofs": {attempt: int(proof) for attempt, proof in standing.proofs.items()},
        "changes": follow_up.changes,
        "due_at": follow_up.due_at,
        "timer_at": follow_up.timer_at,
        "accepted_at": follow_up.accepted_at,
        "updated_at": now,
    }


async def cancel(
    uow: UnitOfWork, follow_ups_: Sequence[FollowUp], reason: str, unconfirmed_after: timedelta
) -> list[Applied]:
    """Cancel follow-ups that have not ended; one that was handed over is only marked."""
    news = Transition(TransitionKind.CANCELLED, reason)
    return await settle(uow, [TransitionRequest(each, news) for each in follow_ups_], unconfirmed_after)
