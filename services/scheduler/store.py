"""Rows of follow-ups, their timers and history, and the count of pending ones."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from services.scheduler.lifecycle.follow_up import FollowUp, LoadedFollowUp, SweptFollowUp
from services.scheduler.lifecycle.states import Lifecycle, Proof
from services.scheduler.tables import follow_ups, in_flight, pending_counts, state_changes, timers
from shared.db.transaction import Lock, Row, Transaction
from shared.db.unit_of_work import UnitOfWork
from shared.events.follow_up import Content, Purpose, SendPolicy
from shared.ids import EventId, FollowUpId, MerchantId, RecipientId
from shared.vocabulary.follow_up_states import ENDS, OPEN, RUNNING, FollowUpState
from shared.vocabulary.purposes import Priority

TIMER_KINDS: Final = {
    FollowUpState.PENDING: "due",
    FollowUpState.RELEASED: "expire",
    FollowUpState.DISPATCHED: "unconfirmed",
}
"""What the timer of a follow-up stands for in each state that has not ended."""
POSTPONED: Final = "put_off"
"""The entry in the history of a pending follow-up whose due time moved."""
_LATEST_LOOKED_AT: Final = 1000

_STATES = {state.value: state for state in FollowUpState}
_PURPOSES = {purpose.value: purpose for purpose in Purpose}
_PRIORITIES = {priority.value: priority for priority in Priority}
"""Dictionary look-ups cost a tenth of calling the enumeration."""

_CONTENT = ("body", "contact", "facts")
_COLUMNS = (
    *(name for name in FollowUp._fields if name != "lifecycle"),
    *("state", "release", "reason", "proofs", "unwanted_as", "unwanted_reason", "is_too_late"),
)
"""The columns that `_follow_up_of` reads."""


class Change(NamedTuple):
    """A follow-up before and after a transition."""

    before: FollowUp
    after: FollowUp
    timer_is_gone: bool
    """Its timer fired, which deleted the row."""


def _follow_up_of(row: Row) -> FollowUp:
    """Return the follow-up in a row."""
    lifecycle = Lifecycle(
        state=_STATES[row["state"]],
        release=row["release"],
        reason=row["reason"],
        proofs={attempt: Proof(proof) for attempt, proof in row["proofs"].items()} if row["proofs"] else {},
        unwanted_as=FollowUpState(row["unwanted_as"]) if row["unwanted_as"] else None,
        unwanted_reason=row["unwanted_reason"],
        is_too_late=bool(row["is_too_late"]),
    )
    return FollowUp(
        id=row["id"],
        partition=row["partition"],
        merchant_id=row["merchant_id"],
        recipient_id=row["recipient_id"],
        enrollment_id=row["enrollment_id"],
        flow=row["flow"],
        flow_version=row["flow_version"],
        step=row["step"],
        purpose=_PURPOSES[row["purpose"]],
        lifecycle=lifecycle,
        first_due_at=row["first_due_at"],
        due_at=row["due_at"],
        time_zone=row["time_zone"],
        expires_at=row["expires_at"],
        timer_at=row["timer_at"],
        accepted_at=row["accepted_at"],
        sender_number=row["sender_number"],
        priority=_PRIORITIES[row["priority"]],
        policy=_policy_of(*row["policy"].items()),
        subject=row["subject"],
        locale=row["locale"],
        trigger_id=row["trigger_id"],
        consent_reports=tuple(map(_event_id_of, row["consent_reports"])),
        inbound_at=row["inbound_at"],
        correlation_id=row["correlation_id"],
        asked_by=row["asked_by"],
        changes=row["changes"],
        created_at=row["created_at"],
    )


@lru_cache(maxsize=256)
def _policy_of(*fields: tuple[str, str | int]) -> SendPolicy:
    """Return the policy in a row; all follow-ups of a flow share one."""
    return SendPolicy.model_validate(dict(fields))


def _event_id_of(value: str) -> EventId:
    return EventId(UUID(value))


async def load(
    db: Transaction, by: str, values: Sequence[Any], *, lock: Lock | None = "update"
) -> dict[FollowUpId, FollowUp]:
    """Return follow-ups by the values of one column: by id, or all of a recipient."""
    rows = await db.fetch(follow_ups, by, values, lock=lock, columns=_COLUMNS)
    return {row["id"]: _follow_up_of(row) for row in rows}


async def load_open(
    db: Transaction, people: Sequence[RecipientId], *, lock: Lock | None = "update"
) -> dict[FollowUpId, FollowUp]:
    """Return the follow-ups of these people that have not ended; ended ones are not read."""
    rows = await db.fetch(follow_ups, "recipient_id", people, lock=lock, columns=_COLUMNS, since=("ended_at", None))
    return {row["id"]: _follow_up_of(row) for row in rows}


async def accepted_since(
    db: Transaction, people: Sequence[RecipientId], since: datetime, running: Iterable[FollowUp]
) -> dict[RecipientId, list[datetime]]:
    """Return when the provider accepted each person's follow-ups after an instant.

    `running` are those that have not ended; of the others only those that ended after `since` are read.
    """
    columns = ("recipient_id", "accepted_at")
    ended = await db.fetch(follow_ups, "recipient_id", people, columns=columns, since=("ended_at", since))
    accepted: dict[RecipientId, list[datetime]] = {}
    for person, at in (
        *((follow_up.recipient_id, follow_up.accepted_at) for follow_up in running),
        *((row["recipient_id"], row["accepted_at"]) for row in ended),
    ):
        if at is not None and at > since:
            accepted.setdefault(person, []).append(at)
    return accepted


async def was_ever_accepted(db: Transaction, person: RecipientId) -> bool:
    """Return whether the provider ever accepted a follow-up to this person, looking at the latest thousand."""
    newest = sa.select(follow_ups.c.accepted_at).where(follow_ups.c.recipient_id == person)
    latest = newest.order_by(follow_ups.c.ended_at.desc()).limit(_LATEST_LOOKED_AT).subquery()
    return bool(await db.rows(sa.select(latest.c.accepted_at).where(latest.c.accepted_at.is_not(None)).limit(1)))


async def load_with_content(db: Transaction, ids: Sequence[FollowUpId]) -> dict[FollowUpId, LoadedFollowUp]:
    """Return follow-ups with their sealed content; None where the person was erased."""
    rows = await db.fetch(follow_ups, "id", ids, lock="update", columns=(*_COLUMNS, *_CONTENT))
    return {row["id"]: LoadedFollowUp(_follow_up_of(row), _content_of(row)) for row in rows}


def _content_of(row: Row) -> Content | None:
    if row["body"] is None or row["contact"] is None or row["facts"] is None:
        return None
    return Content(
        body=bytes(row["body"]), locale=row["locale"], contact=bytes(row["contact"]), facts=bytes(row["facts"])
    )


async def sealed_facts(db: Transaction, ids: Sequence[FollowUpId]) -> dict[FollowUpId, bytes]:
    """Return the sealed facts of follow-ups that still have them."""
    rows = await db.fetch(follow_ups, "id", ids, columns=("id", "facts"))
    return {row["id"]: bytes(row["facts"]) for row in rows if row["facts"] is not None}


async def running_of_merchant(db: Transaction, merchant: MerchantId) -> list[FollowUpId]:
    """Return the follow-ups of a merchant that have not ended. Scans the table; for closings only."""
    table = follow_ups.c
    unfinished = sa.select(table.id).where(table.merchant_id == merchant, table.state.in_(sorted(RUNNING)))
    return [row["id"] for row in await db.rows(unfinished)]


async def note_waits(db: Transaction, waits: Iterable[tuple[FollowUpId, str, datetime, str | None]]) -> None:
    """Store why and until when the sender waits with released follow-ups: id, reason, until, detail."""
    names = ("id", "reason", "waits_until", "waits_detail")
    await db.change(follow_ups, [dict(zip(names, wait, strict=True)) for wait in waits])


async def save_transitions(uow: UnitOfWork, changes: Sequence[Change]) -> None:
    """Write follow-ups after a transition, with their timers, and answer their releases; each table once."""
    old_timers, new_timers, answered, rows, ends = [], [], [], [], []
    for before, after, timer_is_gone in changes:
        if (before.timer_at, before.state) != (after.timer_at, after.state):
            if before.timer_at is not None and not timer_is_gone:
                old_timers.append(before)
            if after.timer_at is not None:
                new_timers.append(after)
        if before.state is FollowUpState.RELEASED and after.state is not FollowUpState.RELEASED:
            answered.append(before.id)
        row = _changing_columns(after, uow.now)
        # `ended_at` is written only where it changes, since it alone is in an index.
        if before.state in ENDS or after.state in ENDS:
            ends.append({**row, "ended_at": uow.now if after.state in ENDS else None})
        else:
            rows.append(row)
    count_pending(uow, ((before, before.state, after.state) for before, after, _ in changes))
    await _delete_timers(uow.db, old_timers)
    await uow.db.change(follow_ups, rows)
    await uow.db.change(follow_ups, ends)
    await insert_timers(uow.db, new_timers)
    await uow.db.delete(in_flight, "follow_up_id", answered)


async def save_waits(db: Transaction, waiting: Sequence[FollowUp]) -> None:
    """Write the timer and the reason of follow-ups whose state does not change; they have no timer row now."""
    await db.change(
        follow_ups,
        [
            {"id": follow_up.id, "timer_at": follow_up.timer_at, "reason": follow_up.lifecycle.reason}
            for follow_up in waiting
        ],
    )
    await insert_timers(db, waiting)


async def give_timers(db: Transaction, waiting: Sequence[FollowUp], at: datetime) -> None:
    """Give pending follow-ups a timer at an instant, in place of the one they have, and no reason to wait."""
    await _delete_timers(db, waiting)
    ready = [each._replace(timer_at=at, lifecycle=each.lifecycle._replace(reason=None)) for each in waiting]
    await save_waits(db, ready)


async def save_moves(uow: UnitOfWork, moved: Sequence[FollowUp], old_timers: Iterable[FollowUp] = ()) -> None:
    """Write the due times, timers and history of pending follow-ups that are due later now.

    Args:
        uow: the open unit.
        moved: as they are now.
        old_timers: those of them that still have a timer row, as they were before.
    """
    await _delete_timers(uow.db, old_timers)
    rows = []
    for follow_up in moved:
        rows.append(
            {
                "id": follow_up.id,
                "first_due_at": follow_up.first_due_at,
                "due_at": follow_up.due_at,
                "due_local": local_time(follow_up.first_due_at, ZoneInfo(follow_up.time_zone)),
                "expires_at": follow_up.expires_at,
                "timer_at": follow_up.timer_at,
                "reason": follow_up.lifecycle.reason,
                "changes": follow_up.changes,
                "updated_at": uow.now,
            }
        )
        add_history(uow, follow_up, POSTPONED)
    await uow.db.change(follow_ups, rows)
    await insert_timers(uow.db, moved)


def add_history(uow: UnitOfWork, follow_up: FollowUp, happening: str) -> None:
    """Store the state a follow-up is in now, and what moved it there."""
    row = {
        "follow_up_id": follow_up.id,
        "number": follow_up.changes,
        "at": uow.now,
        "state": follow_up.state,
        "happening": happening,
        "reason": follow_up.lifecycle.reason,
        "release": follow_up.lifecycle.release,
    }
    uow.insert_later(state_changes, row)


async def insert_timers(db: Transaction, waiting: Iterable[FollowUp | SweptFollowUp]) -> None:
    """Insert the timer of each of these follow-ups that has one."""
    await db.insert_new(timers, [_timer_row(follow_up) for follow_up in waiting if follow_up.timer_at is not None])


async def insert_first_timers(db: Transaction, planned: Iterable[FollowUp]) -> None:
    """Insert the timers of follow-ups that were planned in this unit; none of them can exist yet."""
    await db.insert(timers, [_timer_row(follow_up) for follow_up in planned if follow_up.timer_at is not None])


def _timer_row(follow_up: FollowUp | SweptFollowUp) -> Mapping[str, Any]:
    """Return the row of a follow-up's timer: a follow-up has at most one."""
    due_at, kind = follow_up.timer_at, TIMER_KINDS[follow_up.state]
    return {"partition": follow_up.partition, "due_at": due_at, "follow_up_id": follow_up.id, "kind": kind}


async def _delete_timers(db: Transaction, found: Iterable[FollowUp]) -> None:
    """Delete the timer of each of these follow-ups, by index probes."""
    keys = sorted(
        (follow_up.partition, follow_up.timer_at, follow_up.id) for follow_up in found if follow_up.timer_at is not None
    )
    await db.delete_keys(timers, [{"partition": number, "due_at": at, "follow_up_id": key} for number, at, key in keys])


def count_pending(uow: UnitOfWork, changed: Iterable[tuple[FollowUp, FollowUpState | None, FollowUpState]]) -> None:
    """Count follow-ups that were planned, or went from one state to another, towards their merchants' quotas.

    A row for each merchant, flow and partition, so that mostly one replica changes it. The rows are changed last in
    their unit, so that their locks are held briefly.
    """
    changes: Counter[tuple[MerchantId, int, str]] = Counter()
    for follow_up, before, after in changed:
        if change := int(after in OPEN) - int(before in OPEN):
            changes[follow_up.merchant_id, follow_up.partition, follow_up.flow] += change
    for (merchant, partition, flow), change in changes.items():
        key = {"merchant_id": merchant, "partition": partition, "flow": flow}
        uow.add_later(pending_counts, key, "texts", change)


async def pending_of(db: Transaction, merchants: Iterable[MerchantId]) -> Counter[MerchantId]:
    """Return how many follow-ups of each merchant are pending or released, without the changes of this unit."""
    found: Counter[MerchantId] = Counter()
    for row in await db.fetch(pending_counts, "merchant_id", sorted(set(merchants))):
        found[MerchantId(row["merchant_id"])] += row["texts"]
    return found


def local_time(at: datetime, zone: ZoneInfo) -> str:
    """Return an instant as the local time of a zone, to the second, without offset or zone."""
    return at.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds")


def _changing_columns(follow_up: FollowUp, now: datetime) -> dict[str, Any]:
    """Return the columns that a transition may change."""
    lifecycle = follow_up.lifecycle
    return {
        "id": follow_up.id,
        "state": lifecycle.state,
        "reason": lifecycle.reason,
        "release": lifecycle.release,
        "is_too_late": lifecycle.is_too_late,
        "unwanted_as": lifecycle.unwanted_as,
        "unwanted_reason": lifecycle.unwanted_reason,
        "proofs": {attempt: int(proof) for attempt, proof in lifecycle.proofs.items()},
        "changes": follow_up.changes,
        "due_at": follow_up.due_at,
        "timer_at": follow_up.timer_at,
        "accepted_at": follow_up.accepted_at,
        "updated_at": now,
    }
