"""The sender's event door: what was cleared or cancelled, who must not be written to, what was bought."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from services.sender import erasure, exports, store
from services.sender.engagement.attribution import consumer as attribution
from services.sender.queue.dispatches import Dispatch, priority_of
from services.sender.queue.states import DispatchState
from services.sender.replies.send_permission import after_change
from services.sender.tables import dispatches, recipients, system_tables
from shared import rights
from shared.bus.partitioning import partition_of
from shared.bus.router import Router
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentChanged, MerchantClosed, PrivacyRequested, RecipientErased
from shared.events.follow_up import (
    FollowUpCancelled,
    FollowUpCleared,
    FollowUpEvent,
    FollowUpExpired,
    SendPolicy,
)
from shared.ids import MerchantId, RecipientId
from shared.privacy import Sealer

_UNDER_WAY: Final = frozenset({DispatchState.INTENT, DispatchState.UNKNOWN})


def router(on_queued: Callable[[], None], sealer: Sealer, partitions: int) -> Router:
    """Return the handlers; `on_queued` is called, from any thread, when there may be something to send."""
    door = Router()
    door.on(FollowUpCleared)(partial(queue, on_queued=on_queued, partitions=partitions))
    door.on(FollowUpCancelled, FollowUpExpired)(partial(cancel, partitions=partitions))
    door.on(ConsentChanged)(apply_standing)
    door.on(RecipientErased)(erasure.forget)
    door.on(MerchantClosed)(erasure.close)
    door.on(PrivacyRequested)(rights.Exports(system_tables, sealer, exports.held).answer)
    attribution.register(door)
    return door


async def queue(
    events: Sequence[FollowUpCleared], uow: UnitOfWork, *, on_queued: Callable[[], None], partitions: int
) -> None:
    """Queue what was cleared, once: a higher release takes up what lapsed, anything else changes nothing."""
    known = await store.find_dispatches(uow.db, [event.follow_up_id for event in events], lock="update")
    people = await store.find_people(uow.db, [event.recipient_id for event in events])
    new = [event for event in events if event.follow_up_id not in known]
    again = [event for event in events if _takes_up(known.get(event.follow_up_id), event)]
    await uow.db.insert_new(
        recipients,
        [store.new_person(e.merchant_id, e.recipient_id) for e in events if e.recipient_id not in people],
    )
    await uow.db.insert_new(
        dispatches,
        [
            {**_identity(e, partitions), **_clearance(e, uow, erased=_is_erased(people.get(e.recipient_id), e))}
            for e in new
        ],
    )
    await uow.db.change(
        dispatches, [_clearance(e, uow, erased=_is_erased(people.get(e.recipient_id), e)) for e in again]
    )
    if new or again:
        on_queued()


async def cancel(events: Sequence[FollowUpEvent], uow: UnitOfWork, *, partitions: int) -> None:
    """Take what is no longer wanted out of the queue; what was never cleared leaves a tombstone."""
    known = await store.find_dispatches(uow.db, [event.follow_up_id for event in events], lock="update")
    waiting, under_way, unheard = [], [], []
    for event in events:
        dispatch = known.get(event.follow_up_id)
        if dispatch is None:
            unheard.append({**_identity(event, partitions), **_tombstone(event, uow)})
        elif dispatch.state in _UNDER_WAY:
            under_way.append({"follow_up_id": event.follow_up_id, "cancelled": True, "changed_at": uow.now})
        elif _is_waiting(dispatch):
            waiting.append({**_cancelled(event, uow), **store.NO_CONTENT})
    await uow.db.insert_new(dispatches, unheard)
    await uow.db.change(dispatches, under_way)
    await uow.db.change(dispatches, waiting)


async def apply_standing(events: Sequence[ConsentChanged], uow: UnitOfWork) -> None:
    """Suppress at once; lift only what the ledger lifts in full knowledge of our keywords."""
    told = {event.recipient_id: event for event in events}

    def stranger(merchant_id: MerchantId, recipient_id: RecipientId) -> dict[str, Any]:
        person = store.new_person(merchant_id, recipient_id)
        return person | store.standing_columns(after_change(store.standing_of(person), told[recipient_id]))

    people = await store.held_people(uow.db, {key: event.merchant_id for key, event in told.items()}, stranger)
    changed = []
    for event in events:
        person = people[event.recipient_id]
        before = store.standing_of(person)
        if (after := after_change(before, event)) != before:
            changed.append({**person, **store.standing_columns(after)})
    await uow.db.upsert(recipients, sorted(changed, key=lambda row: row["recipient_id"]))


def _is_erased(person: Mapping[str, Any] | None, event: FollowUpCleared) -> bool:
    """Return whether the person asked to be forgotten after this was cleared."""
    return person is not None and person["erased_at"] is not None and event.occurred_at <= person["erased_at"]


def _takes_up(dispatch: Dispatch | None, event: FollowUpCleared) -> bool:
    """Return whether a clearance puts a known dispatch back into the queue."""
    if dispatch is None or event.release <= dispatch.release or dispatch.cancelled:
        return False
    return dispatch.state is DispatchState.LAPSED or (
        dispatch.state is DispatchState.FAILED and dispatch.retry_at is not None
    )


def _is_waiting(dispatch: Dispatch) -> bool:
    return dispatch.state in {DispatchState.QUEUED, DispatchState.LAPSED} or (
        dispatch.state is DispatchState.FAILED and dispatch.retry_at is not None
    )


def _clearance(event: FollowUpCleared, uow: UnitOfWork, *, erased: bool) -> dict[str, Any]:
    """Return what a clearance says, as columns."""
    content = event.content
    return {
        "follow_up_id": event.follow_up_id,
        "release": event.release,
        "state": DispatchState.QUEUED,
        "reason": None,
        "sender_number": event.sender_number,
        "ready_at": uow.now,
        "valid_until": event.valid_until,
        "window_closes_at": event.window_closes_at,
        "expires_at": event.expires_at,
        "locale": content.locale,
        "body": None if erased else content.body,
        "contact": None if erased else content.contact,
        "facts": None if erased else content.facts,
        "first_contact": event.first_contact,
        "resend": event.policy.resend,
        "click_days": event.policy.click_days,
        "delivered_hours": event.policy.delivered_hours,
        "retry_at": None,
        "changed_at": uow.now,
    }


def _tombstone(event: FollowUpEvent, uow: UnitOfWork) -> dict[str, Any]:
    """Return the row that keeps a late clearance from being sent."""
    policy = SendPolicy()
    return {
        **_cancelled(event, uow),
        "release": event.release,
        "sender_number": None,
        "ready_at": uow.now,
        "first_contact": False,
        "resend": policy.resend,
        "click_days": policy.click_days,
        "delivered_hours": policy.delivered_hours,
    }


def _cancelled(event: FollowUpEvent, uow: UnitOfWork) -> dict[str, Any]:
    return {
        "follow_up_id": event.follow_up_id,
        "state": DispatchState.CANCELLED,
        "reason": event.type.removeprefix("follow-up."),
        "cancelled": True,
        "changed_at": uow.now,
    }


def _identity(event: FollowUpEvent, partitions: int) -> dict[str, Any]:
    """Return what never changes of a dispatch; the first clearance dates the ids of its attempts."""
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
