"""Makes due follow-ups wait, a batch at a time.

They wait for another one of their person (rules: `turn_rules`), or while events that may cancel them are committed
elsewhere and not read here (promise P6).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from services.scheduler import instruments, store
from services.scheduler.lifecycle import announcements
from services.scheduler.lifecycle.follow_up import FollowUp, by_recipient
from services.scheduler.lifecycle.states import Proof
from services.scheduler.lifecycle.transitions import TransitionRequest
from services.scheduler.release.store import neighbours_of, people_with_earlier
from services.scheduler.release.turn_rules import (
    CATCH_UP,
    KEEPS_DISTANCE,
    Neighbour,
    Postponement,
    check_again_at,
    due_after_sent,
    is_late,
    postponement,
    waits_for_others,
)
from services.scheduler.runs.versions import Versions
from shared.bus.read_progress import UnreadEvents, UnreadReason
from shared.db.unit_of_work import UnitOfWork
from shared.events.follow_up import Purpose
from shared.ids import FollowUpId, RecipientId
from shared.progress import EARLIER_TEXT
from shared.vocabulary.built_in_flows import BUILT_IN_FLOWS
from shared.vocabulary.follow_up_states import FollowUpState
from shared.vocabulary.purposes import ANSWER_PURPOSES, NEWS_BOUND_PURPOSES

_SINGLE_TEXT_FLOWS = BUILT_IN_FLOWS
"""Flows whose runs have one follow-up each."""
_SENT = frozenset({FollowUpState.DISPATCHED, FollowUpState.UNCONFIRMED, FollowUpState.DELIVERED})
_TRANSACTIONAL_SECONDS: Final = 60.0
"""After this long, only marketing and shops' own answers still wait where it is unknown whether there are unread
events."""
_SHORTEST_HOLD, _LONGEST_HOLD, _HOLD_FRACTION = timedelta(seconds=0.5), timedelta(seconds=10), 3
"""Each hold is this part of the time already waited, so that a long outage does not keep the loop busy."""


async def wait_for_turns(uow: UnitOfWork, due: Collection[FollowUp]) -> set[FollowUpId]:
    """Give each follow-up that must wait a new timer in place of the one that fired, and return their ids.

    A follow-up waits shortly for an earlier one of its run, and for late marketing of another run that is released:
    its state does not change, so no event is published, but its reason is stored. A late one is postponed to keep its
    distance to what was sent before.
    """
    others = await _others(uow, due)
    waiting: list[FollowUp] = []
    postponed: list[tuple[FollowUp, Postponement]] = []
    for follow_up in due:
        of_person = [other for key, other in others[follow_up.recipient_id] if key != follow_up.id]
        if (until := waits_for_others(follow_up, of_person, uow.now)) is not None:
            waiting.append(follow_up.waiting(until, EARLIER_TEXT))
        elif (found := postponement(follow_up, of_person, uow.now)) is not None:
            postponed.append((follow_up, found))
    await store.save_waits(uow.db, waiting)
    await _postpone(uow, postponed)
    return {follow_up.id for follow_up in waiting} | {follow_up.id for follow_up, _ in postponed}


async def wait_for_one_marketing(uow: UnitOfWork, releasing: Iterable[FollowUp]) -> set[FollowUpId]:
    """Let each person's oldest late marketing go, make their others wait for its outcome, and return those."""
    first: dict[RecipientId, FollowUpId] = {}
    waiting = []
    for follow_up in sorted(releasing, key=lambda candidate: (candidate.first_due_at, candidate.id)):
        if follow_up.purpose is not Purpose.MARKETING or not is_late(follow_up.first_due_at, uow.now):
            continue
        if first.setdefault(follow_up.recipient_id, follow_up.id) != follow_up.id:
            waiting.append(follow_up.waiting(check_again_at(follow_up.due_at, uow.now), EARLIER_TEXT))
    await store.save_waits(uow.db, waiting)
    return {follow_up.id for follow_up in waiting}


async def hold_for_unread(uow: UnitOfWork, releasing: Iterable[FollowUp], unread: UnreadEvents) -> set[FollowUpId]:
    """Give each follow-up that must wait for unread events a new timer with the reason, and return their ids.

    Their timers fired, or they were queued. The state does not change, so no event is published.
    """
    held = []
    for follow_up in releasing:
        if (reason := _why_held(follow_up, unread)) is not None:
            wait = min(_LONGEST_HOLD, max(_SHORTEST_HOLD, (uow.now - follow_up.due_at) / _HOLD_FRACTION))
            held.append(follow_up.waiting(uow.now + wait, reason.value))
            instruments.RELEASE_WAITS.labels(reason.value).inc()
    await store.save_waits(uow.db, held)
    return {follow_up.id for follow_up in held}


def _why_held(follow_up: FollowUp, unread: UnreadEvents) -> UnreadReason | None:
    """Return why a follow-up must wait; answers to HELP and STOP never do."""
    if follow_up.purpose in ANSWER_PURPOSES:
        return None
    if follow_up.purpose in NEWS_BOUND_PURPOSES:
        return unread.why_waits(follow_up.recipient_id)
    return unread.why_waits(follow_up.recipient_id, at_most_seconds=_TRANSACTIONAL_SECONDS)


async def _postpone(uow: UnitOfWork, postponed: Sequence[tuple[FollowUp, Postponement]]) -> None:
    """Move the due times of pending follow-ups, and say why in the row, the history and an event."""
    moved = []
    for follow_up, found in postponed:
        after = follow_up.moved(found.until, found.reason)
        moved.append(after)
        uow.publish(announcements.moved(after, uow.now))
        instruments.POSTPONED.labels(found.reason).inc()
    await store.save_moves(uow, moved)


async def _others(uow: UnitOfWork, due: Collection[FollowUp]) -> dict[RecipientId, list[tuple[FollowUpId, Neighbour]]]:
    """Return what else is known of the people whose follow-ups may have to wait: open ones, for late ones also ended.

    Most people have the one that is due, and later ones of its run: nothing more is read of them.
    """
    late = {follow_up.recipient_id for follow_up in due if is_late(follow_up.first_due_at, uow.now)}
    latest: dict[RecipientId, datetime] = {}
    for follow_up in due:
        person, at = follow_up.recipient_id, follow_up.first_due_at
        if person in late or follow_up.flow not in _SINGLE_TEXT_FLOWS:
            latest[person] = max(latest.get(person, at), at)
    found: dict[RecipientId, list[tuple[FollowUpId, Neighbour]]] = defaultdict(list)
    crowded = await people_with_earlier(uow.db, latest, late)
    for people, since in ((crowded, None), ([*late], uow.now - CATCH_UP)):
        for person, key, other in await neighbours_of(uow.db, people, since):
            found[person].append((key, other))
    return found


async def keep_distances(
    uow: UnitOfWork, versions: Versions, requests: Sequence[TransitionRequest], applied: Iterable[FollowUp]
) -> None:
    """Move the follow-ups behind those that turn out to have been sent late, so that the planned waits lie between."""
    request_of = {request.follow_up.id: request for request in requests}
    late = [
        (after, sent_at)
        for after in applied
        if after.flow not in _SINGLE_TEXT_FLOWS
        and (sent_at := _sent_at(request_of[after.id], after, uow.now)) is not None
        and is_late(after.first_due_at, sent_at)
    ]
    if not late:
        return
    unfinished = by_recipient((await store.load_open(uow.db, [sent.recipient_id for sent, _ in late])).values())
    terms = await versions.terms(uow.db, {sent.flow_version for sent, _ in late})
    before, moved = [], []
    for sent, sent_at in late:
        for later in unfinished.get(sent.recipient_id, ()):
            is_of_run = later.enrollment_id == sent.enrollment_id
            if not is_of_run or not later.is_pending or later.first_due_at <= sent.first_due_at:
                continue
            steps, zone = terms[sent.flow_version].steps, ZoneInfo(later.time_zone)
            due_at = due_after_sent(steps, sent.step, later.step, sent_at, zone)
            if due_at is not None and due_at > later.first_due_at:
                after = _first_due_later(later, due_at)
                before.append(later)
                moved.append(after)
                uow.publish(announcements.moved(after, uow.now, sent.step, sent_at))
                instruments.POSTPONED.labels(KEEPS_DISTANCE).inc()
    await store.save_moves(uow, moved, old_timers=before)


def _first_due_later(follow_up: FollowUp, due_at: datetime) -> FollowUp:
    """Return a pending follow-up that is first due later: its expiry moves as far; a still later due time stays."""
    expires_at = follow_up.expires_at and follow_up.expires_at + (due_at - follow_up.first_due_at)
    later = follow_up._replace(first_due_at=due_at, expires_at=expires_at)
    return later.moved(max(follow_up.due_at, due_at), KEEPS_DISTANCE)


def _sent_at(request: TransitionRequest, after: FollowUp, now: datetime) -> datetime | None:
    """Return when a follow-up was sent, by the transition that first says so; None for any other transition."""
    before, state = request.follow_up.state, after.state
    was_accepted = max(after.lifecycle.proofs.values(), default=Proof.UNKNOWN) >= Proof.ACCEPTED
    if before in _SENT or state is before or not (was_accepted or state is FollowUpState.UNKNOWN):
        return None
    return request.accepted_at or now
