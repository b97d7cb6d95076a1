"""Writes to the queue of dispatches: what was cleared, cancelled, or taken out because it cannot be read."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from services.sender import store
from services.sender.queue.dispatches import priority_of
from services.sender.queue.states import DispatchState
from services.sender.tables import dispatches, system_tables
from shared.bus import parked
from shared.bus.partitioning import partition_of
from shared.db.unit_of_work import UnitOfWork
from shared.events.follow_up import FollowUpCleared, FollowUpEvent, SendPolicy
from shared.ids import FollowUpId, MerchantId

PARKED_AS: Final = "sender.text"
"""Stands in a parked row where an event has its type."""
_NOT_READY: Final = timedelta(days=3650)


async def insert_cleared(
    events: Sequence[FollowUpCleared], uow: UnitOfWork, *, partitions: int, erased: Collection[FollowUpId]
) -> None:
    """Queue follow-ups that are cleared for the first time; those of `erased` without their content."""
    await uow.db.insert_new(
        dispatches, [{**_identity(event, partitions), **_clearance(event, uow.now, erased)} for event in events]
    )


async def requeue_cleared(
    events: Sequence[FollowUpCleared], uow: UnitOfWork, *, erased: Collection[FollowUpId]
) -> None:
    """Put known dispatches back into the queue under a new clearance; those of `erased` without their content."""
    await uow.db.change(dispatches, [_clearance(event, uow.now, erased) for event in events])


async def insert_tombstones(events: Sequence[FollowUpEvent], uow: UnitOfWork, *, partitions: int) -> None:
    """Record that follow-ups were called off before they were cleared: a late clearance then changes nothing."""
    policy = SendPolicy()
    tombstone = {
        "sender_number": None,
        "ready_at": uow.now,
        "first_contact": False,
        "resend": policy.resend,
        "click_days": policy.click_days,
        "delivered_hours": policy.delivered_hours,
    }
    await uow.db.insert_new(
        dispatches,
        [
            {**_identity(event, partitions), **_cancelled(event, uow.now), **tombstone, "release": event.release}
            for event in events
        ],
    )


async def mark_cancelled(follow_up_ids: Sequence[FollowUpId], uow: UnitOfWork) -> None:
    """Mark dispatches whose call is under way: they are not tried again."""
    await uow.db.change(
        dispatches, [{"follow_up_id": each, "cancelled": True, "changed_at": uow.now} for each in follow_up_ids]
    )


async def cancel_waiting(events: Sequence[FollowUpEvent], uow: UnitOfWork) -> None:
    """Take waiting dispatches out of the queue and blank their content."""
    await uow.db.change(dispatches, [{**_cancelled(event, uow.now), **store.NO_CONTENT} for event in events])


async def park_dispatch(follow_up_id: FollowUpId, reason: str, uow: UnitOfWork) -> MerchantId:
    """Keep a dispatch that fails out of the queue, park it for `followup redrive`, and return its merchant."""
    columns = ("recipient_id", "merchant_id")
    [row] = await uow.db.fetch(dispatches, "follow_up_id", [follow_up_id], lock="update", columns=columns)
    await uow.db.change(dispatches, [{"follow_up_id": follow_up_id, "ready_at": uow.now + _NOT_READY}])
    body = orjson.dumps({"follow_up_id": str(follow_up_id)})
    await parked.set_aside(uow, system_tables, PARKED_AS, row, body, reason)
    return MerchantId(row["merchant_id"])


async def make_ready_again(body: bytes, uow: UnitOfWork) -> None:
    """Make a parked dispatch ready again; raises where it still cannot be read."""
    follow_up_id = FollowUpId(UUID(orjson.loads(body)["follow_up_id"]))
    for row in await uow.db.fetch(dispatches, "follow_up_id", [follow_up_id], lock="update"):
        store.dispatch_of(row)
        await uow.db.change(dispatches, [{"follow_up_id": follow_up_id, "ready_at": uow.now}])


def _clearance(event: FollowUpCleared, now: datetime, erased: Collection[FollowUpId]) -> dict[str, Any]:
    """Return a clearance as columns."""
    content = event.content
    is_erased = event.follow_up_id in erased
    return {
        "follow_up_id": event.follow_up_id,
        "release": event.release,
        "state": DispatchState.QUEUED,
        "reason": None,
        "sender_number": event.sender_number,
        "ready_at": now,
        "valid_until": event.valid_until,
        "window_closes_at": event.window_closes_at,
        "expires_at": event.expires_at,
        "locale": content.locale,
        "body": None if is_erased else content.body,
        "contact": None if is_erased else content.contact,
        "facts": None if is_erased else content.facts,
        "first_contact": event.first_contact,
        "resend": event.policy.resend,
        "click_days": event.policy.click_days,
        "delivered_hours": event.policy.delivered_hours,
        "retry_at": None,
        "changed_at": now,
    }


def _cancelled(event: FollowUpEvent, now: datetime) -> dict[str, Any]:
    return {
        "follow_up_id": event.follow_up_id,
        "state": DispatchState.CANCELLED,
        "reason": event.type.removeprefix("follow-up."),
        "cancelled": True,
        "changed_at": now,
    }


def _identity(event: FollowUpEvent, partitions: int) -> dict[str, Any]:
    """Return the columns of a dispatch that never change; the first clearance dates the ids of its attempts."""
    return {
        "follow_up_id": event.follow_up_id,
        "merchant_id": event.merchant_id,
        "recipient_id": event.recipient_id,
        "partition": partition_of(event.recipient_id, partitions),
        "enrollment_id": event.enrollment_id,
        "flow": event.flow,
        "flow_version": event.flow_version,
        "step": event.step,
        "purpose": event.purpose,
        "correlation_id": event.correlation_id,
        "provider": None,
        "priority": priority_of(event.purpose),
        "first_queued_at": event.occurred_at,
        "first_due_at": event.first_due_at if isinstance(event, FollowUpCleared) else None,
        "attempts": 0,
        "cancelled": False,
    }
