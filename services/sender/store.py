"""Rows of dispatches and attempts as values, and every statement that is not one capability's own."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from services.sender.queue.dispatches import Attempt, AttemptSnapshot, Dispatch, NewAttempt, SealedContent
from services.sender.queue.states import AttemptState, DispatchState, is_concluded
from services.sender.receipts.status_lattice import ProviderStatus, highest_status
from services.sender.reconciliation.decision import FIRST_LOOK
from services.sender.sending.intent_decision import OpenAttempt
from services.sender.tables import (
    QUEUED,
    attempts,
    closed_merchants,
    dispatches,
    in_flight,
    receipts,
)
from shared.db.transaction import Lock, Row, Transaction
from shared.events.follow_up import Purpose, ResendPolicy
from shared.ids import AttemptId, EnrollmentId, FollowUpId, MerchantId, RecipientId

_DISPATCH_COLUMNS: Final = Dispatch._fields
_ATTEMPT_COLUMNS: Final = Attempt._fields
_REPORTED: Final = ("status", "parts", "provider_message_id", "error_class", "code", "reason", "ask_at")
_PROGRESS: Final = ("state", "accepted_at", "concluded_at")
_reported, _progress = attrgetter(*_REPORTED), attrgetter(*_PROGRESS)
_INTENT_COLUMNS: Final = tuple(name for name in Attempt._fields if name not in Attempt._field_defaults)
_CHANGE_MARKERS: Final = ("release", "state", "attempts", "cancelled")
NO_CONTENT: Final[Mapping[str, None]] = {"body": None, "contact": None, "facts": None}
_DATABASE_TIME = sa.text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8) AS seconds")
_IN_PARTITIONS = dispatches.c.partition.in_(sa.bindparam("partitions", expanding=True))
READY = (
    sa.select(dispatches.c.sender_number)
    .where(QUEUED, dispatches.c.ready_at <= sa.bindparam("now"), _IN_PARTITIONS)
    .distinct()
    .order_by(dispatches.c.sender_number)
)
CLAIM = (
    sa.select(dispatches)
    .where(
        QUEUED,
        dispatches.c.sender_number == sa.bindparam("sender_number"),
        dispatches.c.ready_at <= sa.bindparam("now"),
        dispatches.c.priority <= sa.bindparam("last_priority"),
        dispatches.c.valid_until <= sa.bindparam("valid_until"),
        _IN_PARTITIONS,
    )
    .order_by(dispatches.c.priority, dispatches.c.ready_at)
    .limit(sa.bindparam("most"))
)


async def ready_numbers(db: Transaction, partitions: Collection[int], now: datetime) -> list[str]:
    """Return the sender numbers that have a ready dispatch for people of these partitions."""
    if not partitions:
        return []
    rows = await db.rows(READY, {"now": now, "partitions": sorted(partitions)})
    return [row["sender_number"] for row in rows]


async def claim(
    db: Transaction,
    sender_number: str,
    partitions: Collection[int],
    now: datetime,
    *,
    most: int,
    last_priority: int,
    valid_until: datetime,
) -> list[Row]:
    """Return the next queued dispatches of a number with their content: by purpose, then the oldest first.

    Only those of purposes up to `last_priority` whose clearances end by `valid_until`; claiming locks nothing, the
    intent does.
    """
    return await db.rows(
        CLAIM,
        {
            "sender_number": sender_number,
            "partitions": sorted(partitions),
            "now": now,
            "most": most,
            "last_priority": last_priority,
            "valid_until": valid_until,
        },
    )


def dispatch_of(row: Mapping[str, Any]) -> Dispatch:
    """Return the dispatch a row holds; the number of a tombstone, which has none, is empty."""
    return Dispatch(
        follow_up_id=FollowUpId(row["follow_up_id"]),
        merchant_id=MerchantId(row["merchant_id"]),
        recipient_id=RecipientId(row["recipient_id"]),
        enrollment_id=EnrollmentId(row["enrollment_id"]),
        flow=row["flow"],
        flow_version=row["flow_version"],
        step=row["step"],
        purpose=Purpose(row["purpose"]),
        release=row["release"],
        correlation_id=row["correlation_id"],
        state=DispatchState(row["state"]),
        sender_number=row["sender_number"] or "",
        provider=row["provider"],
        first_queued_at=row["first_queued_at"],
        first_due_at=row["first_due_at"] or row["first_queued_at"],
        ready_at=row["ready_at"],
        valid_until=row["valid_until"] or row["first_queued_at"],
        window_closes_at=row["window_closes_at"],
        expires_at=row["expires_at"],
        resend=ResendPolicy(row["resend"]),
        click_days=row["click_days"],
        delivered_hours=row["delivered_hours"],
        attempts=row["attempts"],
        retry_at=row["retry_at"],
        reason=row["reason"],
        cancelled=row["cancelled"],
    )


def sealed_content_of(row: Mapping[str, Any]) -> SealedContent:
    """Return the content that a claimed row holds."""
    return SealedContent(row["body"], row["contact"], row["facts"], row["locale"], row["first_contact"])


def attempt_of(row: Mapping[str, Any]) -> Attempt:
    """Return the attempt a row holds."""
    return Attempt(
        id=AttemptId(row["id"]),
        follow_up_id=FollowUpId(row["follow_up_id"]),
        merchant_id=MerchantId(row["merchant_id"]),
        recipient_id=RecipientId(row["recipient_id"]),
        n=row["n"],
        release=row["release"],
        provider=row["provider"],
        sender_number=row["sender_number"],
        body_sha256=bytes(row["body_sha256"]),
        parts=row["parts"],
        state=AttemptState(row["state"]),
        intent_at=row["intent_at"],
        deadline=row["deadline"],
        status=_status_of(row["status"]),
        provider_message_id=row["provider_message_id"],
        error_class=row["error_class"],
        code=row["code"],
        reason=row["reason"],
        accepted_at=row["accepted_at"],
        concluded_at=row["concluded_at"],
        after_follow_up_id=row["after_follow_up_id"],
        ask_at=row["ask_at"],
    )


def _status_of(word: str | None) -> ProviderStatus | None:
    return ProviderStatus(word) if word else None


def _in_order(ids: Collection[Any]) -> list[Any]:
    """Return ids in order, compared by their integers: comparing UUIDs is ten times as slow."""
    return sorted(ids, key=attrgetter("int"))


async def find_dispatches(
    db: Transaction, follow_up_ids: Collection[Any], *, lock: Lock | None = None
) -> dict[Any, Dispatch]:
    """Return dispatches by follow-up, without their content."""
    rows = await db.fetch(
        dispatches, "follow_up_id", _in_order(set(follow_up_ids)), lock=lock, columns=_DISPATCH_COLUMNS
    )
    return {row["follow_up_id"]: dispatch_of(row) for row in rows}


async def dispatches_of(db: Transaction, recipient_id: RecipientId, *, since: datetime) -> dict[FollowUpId, Dispatch]:
    """Return a person's dispatches that changed since an instant."""
    rows = await db.rows(
        sa.select(dispatches).where(dispatches.c.recipient_id == recipient_id, dispatches.c.changed_at >= since)
    )
    return {row["follow_up_id"]: dispatch_of(row) for row in rows}


async def find_attempts(
    db: Transaction, attempt_ids: Collection[Any], *, lock: Lock | None = None
) -> dict[Any, Attempt]:
    """Return attempts by id."""
    rows = await db.fetch(attempts, "id", _in_order(set(attempt_ids)), lock=lock, columns=_ATTEMPT_COLUMNS)
    return {row["id"]: attempt_of(row) for row in rows}


async def sealed_texts(db: Transaction, attempt_ids: Collection[AttemptId]) -> dict[UUID, bytes | None]:
    """Return the sealed text of each attempt; None where it is no longer kept."""
    rows = await db.fetch(attempts, "id", sorted(attempt_ids), columns=("id", "text"))
    kept = {row["id"]: None if row["text"] is None else bytes(row["text"]) for row in rows}
    return {key: kept.get(key) for key in attempt_ids}


async def attempts_made_by(db: Transaction, who: UUID, attempt_ids: Collection[AttemptId]) -> set[AttemptId]:
    """Return which of these attempts exist and were written by the process run `who`."""
    rows = await db.fetch(attempts, "id", sorted(attempt_ids), columns=("id", "made_by"))
    return {AttemptId(row["id"]) for row in rows if row["made_by"] == who}


async def snapshots(db: Transaction, attempt_ids: Collection[AttemptId]) -> dict[AttemptId, AttemptSnapshot]:
    """Return how far attempts have come, without locking them."""
    columns = ("id", "follow_up_id", "state", "status", "provider_message_id")
    rows = await db.fetch(attempts, "id", _in_order(attempt_ids), columns=columns)
    return {
        row["id"]: AttemptSnapshot(
            row["follow_up_id"], AttemptState(row["state"]), _status_of(row["status"]), row["provider_message_id"]
        )
        for row in rows
    }


async def statuses_of(db: Transaction, tried: Mapping[AttemptId, Attempt]) -> dict[AttemptId, ProviderStatus | None]:
    """Return the highest status of each attempt, from its row or from a stored callback that did not change the row."""
    highest = {one.id: one.status for one in tried.values()}
    columns = ("attempt_id", "provider_message_id", "status")
    for row in await db.fetch(receipts, "attempt_id", sorted(tried), columns=columns):
        if row["provider_message_id"] == tried[row["attempt_id"]].provider_message_id:
            highest[row["attempt_id"]] = highest_status(highest[row["attempt_id"]], _status_of(row["status"]))
    return highest


async def lock_unchanged(db: Transaction, claimed: Collection[Dispatch]) -> set[FollowUpId]:
    """Lock dispatches and return those unchanged since they were read: every change alters a change marker."""
    read = {each.follow_up_id: each for each in claimed}
    rows = await db.fetch(
        dispatches, "follow_up_id", sorted(read), lock="update", columns=("follow_up_id", *_CHANGE_MARKERS)
    )
    return {
        row["follow_up_id"]
        for row in rows
        if all(row[name] == getattr(read[row["follow_up_id"]], name) for name in _CHANGE_MARKERS)
    }


async def find_open_attempts(
    db: Transaction, recipient_ids: Collection[RecipientId]
) -> dict[RecipientId, list[OpenAttempt]]:
    """Return the attempts without a conclusion, by person."""
    found: dict[RecipientId, list[OpenAttempt]] = {}
    for row in await db.fetch(in_flight, "recipient_id", sorted(set(recipient_ids))):
        one = OpenAttempt(row["attempt_id"], AttemptState(row["state"]), bytes(row["body_sha256"]))
        found.setdefault(row["recipient_id"], []).append(one)
    return found


async def next_look_at(db: Transaction, attempt_id: AttemptId) -> datetime | None:
    """Return when the provider is asked next about a call without an answer; None where it is concluded."""
    rows = await db.fetch(in_flight, "attempt_id", [attempt_id])
    return rows[0]["look_at"] if rows else None


async def insert_attempts(db: Transaction, added: Sequence[NewAttempt], made_by: UUID) -> Sequence[bool]:
    """Insert intents and add them to the reconciler's work list.

    Returns:
        For each, whether it was inserted: the database refuses a second live attempt of one follow-up.
    """
    rows = [
        {
            **dict(zip(_INTENT_COLUMNS, attempt, strict=False)),
            "after_follow_up_id": attempt.after_follow_up_id,
            "encoding": encoding,
            "text": text,
            "made_by": made_by,
        }
        for attempt, encoding, text in added
    ]
    is_new = await db.insert_new(attempts, rows)
    await db.insert_new(
        in_flight,
        [
            {
                "attempt_id": each.id,
                "recipient_id": each.recipient_id,
                "follow_up_id": each.follow_up_id,
                "body_sha256": each.body_sha256,
                "state": each.state,
                "deadline": each.deadline,
                "look_at": each.deadline,
            }
            for (each, *_), new in zip(added, is_new, strict=True)
            if new
        ],
    )
    return is_new


async def save_attempts(db: Transaction, changed: Sequence[tuple[Attempt, Attempt]]) -> None:
    """Write attempts that changed (before, after), each only over the state it was read in.

    Where state and times stay the same, as after most receipts, they are not written: no index has to change.

    Raises:
        RuntimeError: a row changed although it was locked.
    """
    moved, stayed = [], []
    for before, after in sorted(changed, key=lambda pair: pair[1].id.int):
        row = {"id": after.id, "was_state": before.state, **dict(zip(_REPORTED, _reported(after), strict=True))}
        if (stage := _progress(after)) == _progress(before):
            stayed.append(row)
        else:
            moved.append({**row, **dict(zip(_PROGRESS, stage, strict=True))})
    for rows in (moved, stayed):
        if not all(await db.change(attempts, rows, was=("state",))):
            raise RuntimeError("an attempt changed while it was locked")


async def save_dispatches(db: Transaction, changed: Sequence[tuple[Dispatch, Attempt | None]], now: datetime) -> None:
    """Write dispatches that changed, and blank the content of those that need no further call or listing."""
    kept, blanked = [], []
    for dispatch, attempt in sorted(changed, key=lambda pair: pair[0].follow_up_id.int):
        row = {
            "follow_up_id": dispatch.follow_up_id,
            "state": dispatch.state,
            "reason": dispatch.reason,
            "ready_at": dispatch.ready_at,
            "retry_at": dispatch.retry_at,
            "provider": dispatch.provider,
            "attempts": dispatch.attempts,
            "changed_at": now,
        }
        if _needs_content(dispatch, attempt):
            kept.append(row)
        else:
            blanked.append({**row, **NO_CONTENT})
    await db.change(dispatches, kept)
    await db.change(dispatches, blanked)


def _needs_content(dispatch: Dispatch, attempt: Attempt | None) -> bool:
    """Return whether the text may have to be rendered, or listed at the provider, once more."""
    if dispatch.state is DispatchState.UNKNOWN:
        return attempt is None or not is_concluded(attempt.state)
    return dispatch.state in {DispatchState.QUEUED, DispatchState.INTENT}


async def contact_of(db: Transaction, follow_up_id: FollowUpId) -> bytes | None:
    """Return the sealed contact of a dispatch, while it is needed."""
    rows = await db.fetch(dispatches, "follow_up_id", [follow_up_id], columns=("contact",))
    return bytes(rows[0]["contact"]) if rows and rows[0]["contact"] is not None else None


async def save_in_flight(db: Transaction, changed: Sequence[tuple[Attempt, Attempt]], now: datetime) -> None:
    """Update the reconciler's work list after attempts changed state (before, after)."""
    concluded = sorted(after.id for _, after in changed if is_concluded(after.state))
    unknown = [after.id for _, after in changed if after.state is AttemptState.UNKNOWN]
    await db.delete(in_flight, "attempt_id", concluded)
    await db.change(
        in_flight,
        [{"attempt_id": each, "state": AttemptState.UNKNOWN, "look_at": now + FIRST_LOOK} for each in unknown],
    )


async def attempt_ids_of(db: Transaction, recipient_id: RecipientId) -> list[AttemptId]:
    """Return the ids of every call made for a person: derived, so no index is needed."""
    found = [dispatch_of(row) for row in await db.fetch(dispatches, "recipient_id", [recipient_id])]
    return [each.attempt_id(n) for each in found for n in range(1, each.attempts + 1)]


async def closed_among(db: Transaction, merchant_ids: Collection[str]) -> set[MerchantId]:
    """Return which of these merchants have closed."""
    rows = await db.fetch(closed_merchants, "merchant_id", sorted(set(merchant_ids)))
    return {MerchantId(row["merchant_id"]) for row in rows}


async def database_time(db: Transaction) -> datetime:
    """Return the time of PostgreSQL's own clock."""
    [row] = await db.rows(_DATABASE_TIME)
    return datetime.fromtimestamp(row["seconds"], UTC)
