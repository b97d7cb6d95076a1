"""The event door of compliance: claims enter the ledger, due follow-ups are judged, slots age or come back."""

from collections.abc import Sequence
from typing import Final

from services.compliance import instruments, store
from services.compliance.caps import slots
from services.compliance.caps.slots import Slot
from services.compliance.gate.service import GateService, judge
from services.compliance.ledger import claims
from services.compliance.privacy.consumer import RIGHTS_KINDS, RightsHandlers, forget_shop
from shared.bus.router import Router
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentReported, MerchantClosed
from shared.events.dispatch import DispatchAccepted, DispatchFailed, DispatchUnknown
from shared.events.engagement import ReplyReceived
from shared.events.envelope import Event
from shared.events.follow_up import FollowUpCancelled, FollowUpDue, FollowUpEvent, FollowUpExpired, FollowUpLapsed

KINDS: Final[tuple[type[Event], ...]] = (
    FollowUpDue,
    FollowUpLapsed,
    FollowUpCancelled,
    FollowUpExpired,
    DispatchAccepted,
    DispatchFailed,
    DispatchUnknown,
    ReplyReceived,
    ConsentReported,
    MerchantClosed,
    *RIGHTS_KINDS,
)
"""Everything compliance reads."""


def router(service: GateService, rights: RightsHandlers) -> Router:
    """Return the handlers of compliance."""
    door = Router()

    @door.on(FollowUpDue)
    async def due(dues: Sequence[FollowUpDue], uow: UnitOfWork) -> None:
        """Judge due follow-ups; a repeat is not judged again."""
        await judge(service, dues, uow)

    door.on(ConsentReported)(enter)
    door.on(FollowUpLapsed)(lapsed)
    door.on(FollowUpCancelled, FollowUpExpired)(ended)
    door.on(DispatchFailed)(failed)

    @door.on(DispatchAccepted)
    async def taken(events: Sequence[DispatchAccepted], uow: UnitOfWork) -> None:
        """Let slots age from acceptance, and add what the texts cost to the day."""
        await accepted(events, uow)
        await service.limits.spend(uow, events)

    @door.on(DispatchUnknown)
    async def maybe_taken(events: Sequence[DispatchUnknown], uow: UnitOfWork) -> None:
        """Keep slots of texts that may exist, and count them as paid for."""
        await unknown(events, uow)
        await service.limits.spend(uow, events)

    door.on(ReplyReceived)(replied)
    rights.register(door)
    door.on(MerchantClosed)(close)
    return door


async def enter(reports: Sequence[ConsentReported], uow: UnitOfWork) -> None:
    """Enter claims into the ledger; a repeat is the same entry."""
    await claims.record(reports, uow)


async def lapsed(events: Sequence[FollowUpLapsed], uow: UnitOfWork) -> None:
    """Return the slots of clearances that ran out, unless the text was released again since."""
    returned = await slots.give_back(uow.db, {event.follow_up_id: event.release for event in events})
    instruments.SLOTS_RETURNED.labels("not_sent").inc(returned)


async def ended(events: Sequence[FollowUpEvent], uow: UnitOfWork) -> None:
    """Return the slots of texts nobody wants any more; where one went all the same, its acceptance takes it back."""
    returned = await slots.give_back(uow.db, {event.follow_up_id: None for event in events})
    instruments.SLOTS_RETURNED.labels("not_sent").inc(returned)


async def accepted(events: Sequence[DispatchAccepted], uow: UnitOfWork) -> None:
    """Let slots age from acceptance, and remember that these people were texted."""
    people = await store.held_people(uow.db, {event.recipient_id: event.merchant_id for event in events}, uow.now)
    await slots.take(uow.db, [Slot.of(event, event.occurred_at, event.occurred_at) for event in events])
    first = {event.recipient_id: event.occurred_at for event in events if people[event.recipient_id].texted_at is None}
    await store.note_first_texts(uow.db, first)


async def failed(events: Sequence[DispatchFailed], uow: UnitOfWork) -> None:
    """Return the slots of texts the provider never took; one it took counts as sent."""
    refused = {event.follow_up_id: event.release for event in events if not event.accepted}
    instruments.SLOTS_RETURNED.labels("refused").inc(await slots.give_back(uow.db, refused))


async def unknown(events: Sequence[DispatchUnknown], uow: UnitOfWork) -> None:
    """Keep the slots of texts that may exist, even where a cancellation had returned them."""
    await slots.take(uow.db, [Slot.of(event, event.occurred_at) for event in events])


async def replied(replies: Sequence[ReplyReceived], uow: UnitOfWork) -> None:
    """Remember who wrote, and hold marketing to people whose reply nobody could read for sure, unless it is settled."""
    unclear = {reply.recipient_id: reply for reply in replies if reply.needs_review}
    people = await store.held_people(uow.db, {reply.recipient_id: reply.merchant_id for reply in replies}, uow.now)
    await store.note_first_words(
        uow.db,
        {
            reply.recipient_id: reply.occurred_at
            for reply in replies
            if (person := people[reply.recipient_id]).texted_at is None and person.wrote_at is None
        },
    )
    chains = await store.entries(uow.db, list(unclear))
    await store.note_reviews(
        uow.db,
        {
            key: max(reply.occurred_at, people[key].review_since or reply.occurred_at)
            for key, reply in unclear.items()
            if not any(claims.settles(each.entry, reply.occurred_at) for each in chains.get(key, ()))
        },
    )


async def close(events: Sequence[MerchantClosed], uow: UnitOfWork) -> None:
    """Let nothing of these shops go any more."""
    for event in events:
        await store.close_merchant(uow.db, event.merchant_id, event.reason, event.occurred_at)
        await forget_shop(event, uow)
