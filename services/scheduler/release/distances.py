"""What follows a text that went late moves with it, so that the time that was planned lies between the two."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from services.scheduler import instruments
from services.scheduler.lifecycle import announcements
from services.scheduler.lifecycle.states import Proof
from services.scheduler.lifecycle.transitions import Applied, TransitionRequest, earliest, history_row
from services.scheduler.release.spacing import KEEPS_DISTANCE, is_late, planned_after
from services.scheduler.release.turns import ALONE, PUT_OFF
from services.scheduler.runs.planner import Versions, local_text
from services.scheduler.store import FollowUp, delete_timers, load_open, timer
from services.scheduler.tables import follow_ups, state_changes, timers
from shared.db.unit_of_work import UnitOfWork
from shared.ids import EnrollmentId
from shared.vocabulary.follow_up_states import FollowUpState

_WENT_BEFORE = frozenset({FollowUpState.DISPATCHED, FollowUpState.UNCONFIRMED, FollowUpState.DELIVERED})


async def keep_distances(
    uow: UnitOfWork, versions: Versions, moves: Sequence[TransitionRequest], settled: Iterable[Applied]
) -> None:
    """Move the texts behind those that turned out to have gone late; their ends move with them."""
    told = {move.follow_up.id: move for move in moves}
    late = [
        (each.follow_up, went_at)
        for each in settled
        if each.follow_up.flow not in ALONE
        and (went_at := _went_at(told[each.follow_up.id], each.follow_up, uow.now)) is not None
        and is_late(each.follow_up.first_due_at, went_at)
    ]
    if not late:
        return
    runs: dict[EnrollmentId, list[FollowUp]] = defaultdict(list)
    for text in (await load_open(uow.db, [text.recipient_id for text, _ in late])).values():
        runs[text.enrollment_id].append(text)
    terms = await versions.terms(uow.db, {text.flow_version for text, _ in late})
    behind = []
    for text, went_at in late:
        for other in runs[text.enrollment_id]:
            if other.standing.state is not FollowUpState.PENDING or other.first_due_at <= text.first_due_at:
                continue
            zone = ZoneInfo(other.time_zone)
            due_at = planned_after(terms[text.flow_version].steps, text.step, other.step, went_at, zone)
            if due_at is not None and due_at > other.first_due_at:
                after = moved_to(other, due_at)
                behind.append((other, after))
                uow.publish(announcements.moved(after, uow.now, text.step, went_at))
    await _write(uow, behind)


def moved_to(text: FollowUp, due_at: datetime) -> FollowUp:
    """Return a pending text that is first due later: its end moves as far, and what put it off longer stands."""
    expires_at = None if text.expires_at is None else text.expires_at + (due_at - text.first_due_at)
    last = max(text.due_at, due_at)
    after = text.moved(KEEPS_DISTANCE)
    return after._replace(first_due_at=due_at, due_at=last, expires_at=expires_at, timer_at=earliest(last, expires_at))


def _went_at(move: TransitionRequest, after: FollowUp, now: datetime) -> datetime | None:
    """Return when a text went, by the news that first says so; None where it says nothing of the kind."""
    before, state = move.follow_up.standing.state, after.standing.state
    was_taken = max(after.standing.proofs.values(), default=Proof.UNKNOWN) >= Proof.ACCEPTED
    if before in _WENT_BEFORE or state is before or not (was_taken or state is FollowUpState.UNKNOWN):
        return None
    return move.accepted_at or now


async def _write(uow: UnitOfWork, moved: Sequence[tuple[FollowUp, FollowUp]]) -> None:
    await delete_timers(uow.db, [before for before, _ in moved])
    rows = []
    for _, after in moved:
        rows.append(
            {
                "id": after.id,
                "first_due_at": after.first_due_at,
                "due_at": after.due_at,
                "due_local": local_text(after.first_due_at, ZoneInfo(after.time_zone)),
                "expires_at": after.expires_at,
                "timer_at": after.timer_at,
                "reason": after.standing.reason,
                "changes": after.changes,
                "updated_at": uow.now,
            }
        )
        uow.insert_later(state_changes, history_row(after, uow.now, PUT_OFF))
        instruments.PUT_OFF.labels(KEEPS_DISTANCE).inc()
    await uow.db.change(follow_ups, rows)
    await uow.db.insert_new(
        timers, [timer(after, after.timer_at, "due") for _, after in moved if after.timer_at is not None]
    )
