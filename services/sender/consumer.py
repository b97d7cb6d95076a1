"""The sender's entry point for events: follow-ups cleared or cancelled, consent changes, erasures, purchases."""

from collections.abc import Callable, Sequence
from typing import Final

from services.sender import recipient_store, store
from services.sender.controls.handlers import ControlHandlers
from services.sender.conversations import store as conversation_store
from services.sender.engagement.attribution.consumer import attribute
from services.sender.privacy import SenderPrivacy
from services.sender.queue import store as queue_store
from services.sender.queue.dispatches import Dispatch
from services.sender.queue.states import DispatchState
from services.sender.recipient_store import SenderRecipient, new_recipient
from services.sender.replies.send_permission import after_consent_change
from shared.bus.router import Router
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentChanged, MerchantClosed, PrivacyRequested, RecipientErased
from shared.events.control import ControlChanged
from shared.events.follow_up import FollowUpCancelled, FollowUpCleared, FollowUpEvent, FollowUpExpired
from shared.events.trigger import TriggerReceived
from shared.ids import MerchantId, RecipientId

_UNDER_WAY: Final = frozenset({DispatchState.INTENT, DispatchState.UNKNOWN})


def create_router(queue: "QueueHandlers", privacy: SenderPrivacy, controls: ControlHandlers) -> Router:
    """Return the handler of each event type, and of parked dispatches."""
    router = Router()
    router.on(FollowUpCleared)(queue.queue_cleared)
    router.on(FollowUpCancelled, FollowUpExpired)(queue.cancel)
    router.on(ConsentChanged)(apply_consent_changes)
    router.on(RecipientErased)(privacy.erase)
    router.on(MerchantClosed)(privacy.close_merchants)
    router.on(ControlChanged)(controls.take)
    router.on(PrivacyRequested)(privacy.export)
    router.on(TriggerReceived)(attribute)
    router.works[queue_store.PARKED_AS] = queue_store.make_ready_again
    return router


class QueueHandlers:
    """Handlers of what enters and leaves the queue."""

    def __init__(self, on_queued: Callable[[], None], partitions: int) -> None:
        """Create the handlers; `on_queued` is called, from any thread, when there may be something to send."""
        self._on_queued = on_queued
        self._partitions = partitions

    async def queue_cleared(self, events: Sequence[FollowUpCleared], uow: UnitOfWork) -> None:
        """Queue each follow-up once: a higher release requeues what lapsed, anything else changes nothing."""
        known = await store.find_dispatches(uow.db, [event.follow_up_id for event in events], lock="update")
        people = await recipient_store.find_recipients(uow.db, [event.recipient_id for event in events])
        new = [event for event in events if event.follow_up_id not in known]
        again = [event for event in events if _may_requeue(known.get(event.follow_up_id), event)]
        erased = {event.follow_up_id for event in events if _is_erased(people.get(event.recipient_id), event)}
        await recipient_store.add_recipients(
            uow.db, [new_recipient(e.merchant_id, e.recipient_id) for e in events if e.recipient_id not in people]
        )
        await queue_store.insert_cleared(new, uow, partitions=self._partitions, erased=erased)
        await queue_store.requeue_cleared(again, uow, erased=erased)
        if new or again:
            uow.after_commit(self._on_queued)

    async def cancel(self, events: Sequence[FollowUpEvent], uow: UnitOfWork) -> None:
        """Take cancelled and expired follow-ups out of the queue; one that was never cleared leaves a tombstone."""
        known = await store.find_dispatches(uow.db, [event.follow_up_id for event in events], lock="update")
        waiting, under_way, not_cleared = [], [], []
        for event in events:
            dispatch = known.get(event.follow_up_id)
            if dispatch is None:
                not_cleared.append(event)
            elif dispatch.state in _UNDER_WAY:
                under_way.append(event.follow_up_id)
            elif _is_waiting(dispatch):
                waiting.append(event)
        await queue_store.insert_tombstones(not_cleared, uow, partitions=self._partitions)
        await queue_store.mark_cancelled(under_way, uow)
        await queue_store.cancel_waiting(waiting, uow)


async def apply_consent_changes(events: Sequence[ConsentChanged], uow: UnitOfWork) -> None:
    """Suppress at once; lift a suppression only where the ledger knows every keyword of the person."""
    change_of = {event.recipient_id: event for event in events}

    def create(merchant_id: MerchantId, recipient_id: RecipientId) -> SenderRecipient:
        return changed(new_recipient(merchant_id, recipient_id))

    def changed(recipient: SenderRecipient) -> SenderRecipient:
        change = change_of[recipient.recipient_id]
        return recipient._replace(permission=after_consent_change(recipient.permission, change))

    people = await recipient_store.lock_recipients(
        uow.db, {key: event.merchant_id for key, event in change_of.items()}, create
    )
    after = [(before, changed(before)) for before in people.values()]
    await recipient_store.save_recipients(uow.db, [now for before, now in after if now != before])
    decided = [now for before, now in after if before.permission.needs_review and not now.permission.needs_review]
    await conversation_store.note_decided(uow.db, [person.recipient_id for person in decided])


def _is_erased(recipient: SenderRecipient | None, event: FollowUpCleared) -> bool:
    """Return whether the person was erased after this was cleared."""
    return recipient is not None and recipient.erased_at is not None and event.occurred_at <= recipient.erased_at


def _may_requeue(dispatch: Dispatch | None, event: FollowUpCleared) -> bool:
    """Return whether a clearance puts a known dispatch back into the queue."""
    if dispatch is None or event.release <= dispatch.release or dispatch.cancelled:
        return False
    return dispatch.state is DispatchState.LAPSED or _waits_for_retry(dispatch)


def _is_waiting(dispatch: Dispatch) -> bool:
    return dispatch.state in {DispatchState.QUEUED, DispatchState.LAPSED} or _waits_for_retry(dispatch)


def _waits_for_retry(dispatch: Dispatch) -> bool:
    return dispatch.state is DispatchState.FAILED and dispatch.retry_at is not None
