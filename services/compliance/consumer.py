"""The entry point of compliance for events: claims enter the ledger, due follow-ups are judged, slots are kept."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from services.compliance import store
from services.compliance.caps.slot_updates import SlotUpdates
from services.compliance.dependencies import ComplianceDependencies
from services.compliance.ledger import claims
from services.compliance.privacy import consumer as privacy
from services.compliance.privacy.consumer import RIGHTS_KINDS, Erasure
from services.compliance.store import RecipientState
from shared.bus.router import Router
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentReported, MerchantClosed
from shared.events.dispatch import DispatchAccepted, DispatchFailed, DispatchUnknown
from shared.events.engagement import ReplyClass, ReplyReceived, ReplyReviewed
from shared.events.envelope import Event
from shared.events.follow_up import FollowUpCancelled, FollowUpDue, FollowUpExpired, FollowUpLapsed
from shared.ids import RecipientId

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
KINDS: Final[tuple[type[Event], ...]] = (
    FollowUpDue,
    FollowUpLapsed,
    FollowUpCancelled,
    FollowUpExpired,
    DispatchAccepted,
    DispatchFailed,
    DispatchUnknown,
    ReplyReceived,
    ReplyReviewed,
    ConsentReported,
    MerchantClosed,
    *RIGHTS_KINDS,
)
"""Everything compliance reads."""


def create_router(deps: ComplianceDependencies) -> Router:
    """Return the handlers of compliance, for exactly the `KINDS`."""
    router = Router()
    router.on(ConsentReported)(enter)
    router.on(FollowUpDue)(deps.gate.judge)
    SlotUpdates(deps.gate.limits).register(router)
    router.on(ReplyReceived)(replied)
    router.on(ReplyReviewed)(reviewed)
    privacy.register(router, deps.system_tables, deps.runtime.sealer)

    @router.on(MerchantClosed)
    async def close(events: Sequence[MerchantClosed], uow: UnitOfWork) -> None:
        """Block everything of these shops from now on, and forget the people of those that asked for it."""
        for event in events:
            await store.close_merchant(uow.db, event.merchant_id, event.reason, event.occurred_at)
            await Erasure(deps.system_tables).forget_shop(event, uow)

    return router


async def enter(reports: Sequence[ConsentReported], uow: UnitOfWork) -> None:
    """Enter claims into the ledger; a repeat is the same entry."""
    await claims.record(reports, uow)


async def replied(replies: Sequence[ReplyReceived], uow: UnitOfWork) -> None:
    """Remember who wrote and when, and hold marketing to people whose ambiguous reply no later entry decides."""
    unclear = {reply.recipient_id: reply for reply in replies if reply.needs_review}
    people = await store.lock_people(uow.db, {reply.recipient_id: reply.merchant_id for reply in replies}, uow.now)
    await store.note(
        uow.db,
        "wrote_at",
        {
            reply.recipient_id: reply.occurred_at
            for reply in replies
            if (person := people[reply.recipient_id]).texted_at is None and person.wrote_at is None
        },
    )
    await store.note(uow.db, "replied_at", _newest(replies, people, uow.now))
    chains = await store.entries(uow.db, list(unclear))
    await store.note(
        uow.db,
        "review_since",
        {
            key: max(reply.occurred_at, people[key].review_since or reply.occurred_at)
            for key, reply in unclear.items()
            if not any(claims.ends_review(link.entry, reply.occurred_at) for link in chains.get(key, ()))
        },
    )


def _newest(
    replies: Sequence[ReplyReceived], people: Mapping[RecipientId, RecipientState], now: datetime
) -> dict[RecipientId, datetime]:
    """Return when people wrote, where that is later than what is known; an opt-out is no reply to be answered.

    A reply of a clock ahead of ours counts from now: no reply may be answered for longer than the rules say.
    """
    newest: dict[RecipientId, datetime] = {}
    for reply in replies:
        at, known = min(reply.occurred_at, now), newest.get(reply.recipient_id, people[reply.recipient_id].replied_at)
        if reply.reply_class is not ReplyClass.OPT_OUT and (known is None or at > known):
            newest[reply.recipient_id] = at
    return newest


async def reviewed(reviews: Sequence[ReplyReviewed], uow: UnitOfWork) -> None:
    """End the hold on people about whose reply somebody decided; a later unclear reply is still undecided."""
    people = await store.lock_people(uow.db, {each.recipient_id: each.merchant_id for each in reviews}, uow.now)
    held = {key: person.review_since for key, person in people.items() if person.review_since is not None}
    ended = {each.recipient_id for each in reviews if held.get(each.recipient_id, _NEVER) <= each.replied_at}
    await store.note(uow.db, "review_since", dict.fromkeys(ended))
