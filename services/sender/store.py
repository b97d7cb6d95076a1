"""Rows of dispatches and attempts, and the values they stand for."""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from services.sender.queue.dispatches import Attempt, AttemptSnapshot, Dispatch
from services.sender.queue.states import AttemptState, DispatchState, is_concluded
from services.sender.receipts.status_lattice import ProviderStatus, joined
from services.sender.replies.send_permission import SendPermission
from services.sender.sending.intent_decision import IntentRecipient, Underway
from services.sender.tables import (
    QUEUED,
    attempts,
    dispatches,
    in_flight,
    receipts,
    recipients,
)
from shared.db.transaction import Lock, Row, Transaction
from shared.events.consent import SuppressionCause
from shared.events.follow_up import Purpose, ResendPolicy
from shared.ids import AttemptId, EnrollmentId, FollowUpId, MerchantId, RecipientId

_TEXT_KEY_BYTES: Final = 16
_DISPATCH_COLUMNS: Final = Dispatch._fields
_ATTEMPT_COLUMNS: Final = Attempt._fields
_HEARD: Final = ("status", "parts", "provider_message_id", "error_class", "code", "reason", "ask_at")
_STAGE: Final = ("state", "accepted_at", "concluded_at")
_heard, _stage = attrgetter(*_HEARD), attrgetter(*_STAGE)
_MARKS: Final = ("release", "state", "attempts", "cancelled")
NO_CONTENT: Final[Mapping[str, None]] = {"body": None, "contact": None, "facts": None}
_HELD = dispatches.c.partition.in_(sa.bindparam("partitions", expanding=True))
READY = (
    sa.select(dispatches.c.sender_number)
    .where(QUEUED, dispatches.c.ready_at <= sa.bindparam("now"), _HELD)
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
        _HELD,
    )
    .order_by(dispatches.c.priority, dispatches.c.ready_at)
    .limit(sa.bindparam("most"))
)


async def ready_numbers(db: Transaction, partitions: Collection[int], now: datetime) -> list[str]:
    """Return the sender numbers with something to do for the people of these partitions."""
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
    """Return the next queued dispatches of a number with their content: by purpose, then the oldest.

    Args:
        db: a reading transaction; claiming takes nothing, the intent does.
        sender_number: whose queue.
        partitions: whose texts.
        now: those that became ready by then.
        most: how many.
        last_priority: purposes behind this one stay.
        valid_until: only clearances that end by then; far ahead for all of them.
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
    """Return the dispatch a row stands for; a tombstone without a number reads as one with an empty one."""
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


def attempt_of(row: Mapping[str, Any]) -> Attempt:
    """Return the attempt a row stands for."""
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


def person_of(row: Mapping[str, Any] | None) -> IntentRecipient:
    """Return what is known of a person; one nobody wrote down yet may be written to."""
    if row is None:
        return IntentRecipient()
    return IntentRecipient(
        suppressed=SuppressionCause(row["suppressed"]) if row["suppressed"] else None,
        marketing_suppressed=row["marketing_suppressed"],
        informational_suppressed=row["informational_suppressed"],
        needs_review=row["needs_review"],
    )


def new_person(merchant_id: MerchantId, recipient_id: RecipientId) -> dict[str, Any]:
    """Return the row of a person we hear of for the first time."""
    return {
        "recipient_id": recipient_id,
        "merchant_id": merchant_id,
        "suppressed": None,
        "marketing_suppressed": False,
        "informational_suppressed": False,
        "keyword_seq": 0,
        "consent_epoch": 0,
        "needs_review": False,
        "erased_at": None,
        "last_follow_up_id": None,
        "last_sender_number": None,
        "last_intent_at": None,
        "in_flight_at_stop": 0,
        "text_key": new_text_key(),
    }


def new_text_key() -> bytes:
    """Return a key for the hashes of one person's texts."""
    return secrets.token_bytes(_TEXT_KEY_BYTES)


def standing_of(row: Mapping[str, Any]) -> SendPermission:
    """Return the standing a person's row holds."""
    return SendPermission(
        suppressed=SuppressionCause(row["suppressed"]) if row["suppressed"] else None,
        marketing_suppressed=row["marketing_suppressed"],
        informational_suppressed=row["informational_suppressed"],
        keyword_seq=row["keyword_seq"],
        epoch=row["consent_epoch"],
        needs_review=row["needs_review"],
    )


def standing_columns(standing: SendPermission) -> dict[str, Any]:
    """Return a standing as the columns of a person's row."""
    return {
        "suppressed": standing.suppressed,
        "marketing_suppressed": standing.marketing_suppressed,
        "informational_suppressed": standing.informational_suppressed,
        "keyword_seq": standing.keyword_seq,
        "consent_epoch": standing.epoch,
        "needs_review": standing.needs_review,
    }


def _in_order(ids: Collection[Any]) -> list[Any]:
    """Return ids in their order, compared by their numbers: UUIDs compare themselves ten times as slowly."""
    return sorted(ids, key=attrgetter("int"))


async def find_dispatches(
    db: Transaction, follow_up_ids: Collection[Any], *, lock: Lock | None = None
) -> dict[Any, Dispatch]:
    """Return dispatches by follow-up, without their templates."""
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


async def attempts_made_by(db: Transaction, who: UUID, attempt_ids: Collection[AttemptId]) -> set[AttemptId]:
    """Return which of these attempts exist and were written by this run of a process."""
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
    """Return the highest status of each attempt: what its row says, or a callback that changed nothing but is kept."""
    highest = {one.id: one.status for one in tried.values()}
    columns = ("attempt_id", "provider_message_id", "status")
    for row in await db.fetch(receipts, "attempt_id", sorted(tried), columns=columns):
        if row["provider_message_id"] == tried[row["attempt_id"]].provider_message_id:
            highest[row["attempt_id"]] = joined(highest[row["attempt_id"]], _status_of(row["status"]))
    return highest


async def as_claimed(db: Transaction, claimed: Collection[Dispatch]) -> set[FollowUpId]:
    """Lock dispatches, and return those that are as they were read: whoever changes one changes one of its marks."""
    read = {each.follow_up_id: each for each in claimed}
    rows = await db.fetch(dispatches, "follow_up_id", sorted(read), lock="update", columns=("follow_up_id", *_MARKS))
    return {
        row["follow_up_id"]
        for row in rows
        if all(row[name] == getattr(read[row["follow_up_id"]], name) for name in _MARKS)
    }


async def find_people(
    db: Transaction, recipient_ids: Collection[RecipientId], *, lock: Lock | None = None
) -> dict[RecipientId, dict[str, Any]]:
    """Return the rows of people, changeable copies."""
    rows = await db.fetch(recipients, "recipient_id", sorted(set(recipient_ids)), lock=lock)
    return {row["recipient_id"]: dict(row) for row in rows}


async def held_people(
    db: Transaction,
    merchants: Mapping[RecipientId, MerchantId],
    stranger: Callable[[MerchantId, RecipientId], dict[str, Any]] | None = None,
) -> dict[RecipientId, dict[str, Any]]:
    """Return the rows of these people, locked until the commit; who had none has one from here on.

    Without a row there is nothing to lock: of two units that heard of a stranger at the same moment, the later one
    would write over the other's opt-out. Rows are added before any is locked, both in order.

    Args:
        db: the unit's.
        merchants: who, and whose.
        stranger: what is written of one without a row; `new_person` unless something is known already.
    """
    known = await db.fetch(recipients, "recipient_id", sorted(merchants), columns=("recipient_id",))
    missing = sorted(merchants.keys() - {row["recipient_id"] for row in known})
    rows = [(stranger or new_person)(merchants[each], each) for each in missing]
    is_new = await db.insert_new(recipients, rows)
    added = {row["recipient_id"]: row for row, new in zip(rows, is_new, strict=True) if new}
    return added | await find_people(db, merchants.keys() - added.keys(), lock="update")


async def find_underway(db: Transaction, recipient_ids: Collection[RecipientId]) -> dict[RecipientId, list[Underway]]:
    """Return the attempts without a conclusion, by person."""
    found: dict[RecipientId, list[Underway]] = {}
    for row in await db.fetch(in_flight, "recipient_id", sorted(set(recipient_ids))):
        one = Underway(row["attempt_id"], AttemptState(row["state"]), bytes(row["body_sha256"]))
        found.setdefault(row["recipient_id"], []).append(one)
    return found


async def save_attempts(db: Transaction, changed: Sequence[tuple[Attempt, Attempt]]) -> None:
    """Write attempts that changed (before, after), each only over the state it was read in.

    Of those that stay at their stage, as after most receipts, it is not written: an index need not be kept for it.

    Raises:
        RuntimeError: a row changed under its lock, which cannot be.
    """
    moved, stayed = [], []
    for before, after in sorted(changed, key=lambda pair: pair[1].id.int):
        row = {"id": after.id, "was_state": before.state, **dict(zip(_HEARD, _heard(after), strict=True))}
        if (stage := _stage(after)) == _stage(before):
            stayed.append(row)
        else:
            moved.append({**row, **dict(zip(_STAGE, stage, strict=True))})
    for rows in (moved, stayed):
        if not all(await db.change(attempts, rows, was=("state",))):
            raise RuntimeError("an attempt changed while it was locked")


async def save_dispatches(db: Transaction, changed: Sequence[tuple[Dispatch, Attempt | None]], now: datetime) -> None:
    """Write dispatches that changed, and blank the content of those that need no call and no listing any more."""
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
    """Return whether the text may have to be rendered, or its person's number asked after, once more."""
    if dispatch.state is DispatchState.UNKNOWN:
        return attempt is None or not is_concluded(attempt.state)
    return dispatch.state in {DispatchState.QUEUED, DispatchState.INTENT}


async def contact_of(db: Transaction, follow_up_id: FollowUpId) -> bytes | None:
    """Return the sealed contact of a dispatch, while it is needed."""
    rows = await db.fetch(dispatches, "follow_up_id", [follow_up_id], columns=("contact",))
    return bytes(rows[0]["contact"]) if rows and rows[0]["contact"] is not None else None
