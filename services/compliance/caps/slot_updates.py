"""Cap slots and the day's spending, kept up to date with what becomes of follow-ups after the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.compliance import instruments
from services.compliance import store as recipients
from services.compliance.caps import store
from services.compliance.caps.limit_service import LimitService
from services.compliance.caps.store import Slot
from shared.bus.router import Router
from shared.db.unit_of_work import UnitOfWork
from shared.events.dispatch import DispatchAccepted, DispatchFailed, DispatchUnknown
from shared.events.follow_up import FollowUpCancelled, FollowUpEvent, FollowUpExpired, FollowUpLapsed


@dataclass(frozen=True, slots=True)
class SlotUpdates:
    """Handlers of the events after a verdict."""

    limits: LimitService

    def register(self, router: Router) -> None:
        """Add the handlers to a router."""
        router.on(FollowUpLapsed)(self.lapsed)
        router.on(FollowUpCancelled, FollowUpExpired)(self.ended)
        router.on(DispatchAccepted)(self.accepted)
        router.on(DispatchFailed)(self.failed)
        router.on(DispatchUnknown)(self.unknown)

    async def lapsed(self, events: Sequence[FollowUpLapsed], uow: UnitOfWork) -> None:
        """Return the slots of clearances that ran out, unless the follow-up was released again since."""
        returned = await store.give_back(uow.db, {event.follow_up_id: event.release for event in events})
        instruments.SLOTS_RETURNED.labels("not_sent").inc(returned)

    async def ended(self, events: Sequence[FollowUpEvent], uow: UnitOfWork) -> None:
        """Return the slots of cancelled and expired follow-ups.

        If one was sent anyway, its acceptance reserves the slot again.
        """
        returned = await store.give_back(uow.db, {event.follow_up_id: None for event in events})
        instruments.SLOTS_RETURNED.labels("not_sent").inc(returned)

    async def accepted(self, events: Sequence[DispatchAccepted], uow: UnitOfWork) -> None:
        """Let slots age from acceptance, remember who was texted first, and add the costs to the day's spending."""
        people = await recipients.lock_people(
            uow.db, {event.recipient_id: event.merchant_id for event in events}, uow.now
        )
        await store.take(uow.db, [Slot.of(event, event.occurred_at, event.occurred_at) for event in events])
        first = {
            event.recipient_id: event.occurred_at for event in events if people[event.recipient_id].texted_at is None
        }
        await recipients.note(uow.db, "texted_at", first)
        await self.limits.spend(uow, events)

    async def failed(self, events: Sequence[DispatchFailed], uow: UnitOfWork) -> None:
        """Return the slots of texts the provider never took; one it took counts as sent."""
        refused = {event.follow_up_id: event.release for event in events if not event.accepted}
        instruments.SLOTS_RETURNED.labels("refused").inc(await store.give_back(uow.db, refused))

    async def unknown(self, events: Sequence[DispatchUnknown], uow: UnitOfWork) -> None:
        """Keep the slots of texts that may have been sent, also after a cancellation, and count their cost."""
        await store.take(uow.db, [Slot.of(event, event.occurred_at) for event in events])
        await self.limits.spend(uow, events)
