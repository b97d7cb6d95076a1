"""The event door of rights: requests are entered and passed on, answers of all services collected."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from services.compliance import store, tables
from services.compliance.preferences.store import forget as forget_preferences
from services.compliance.privacy import erasure
from services.compliance.privacy import store as rights_store
from services.compliance.privacy.holdings import held
from services.compliance.privacy.store import Request
from services.compliance.tables import ledger, system_tables
from shared import ids, rights
from shared.bus.router import Router
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import MerchantClosed, PrivacyRequested, PrivacyRight, RecipientErased
from shared.events.follow_up import FollowUpDue
from shared.events.privacy import PrivacyErased, PrivacyExported
from shared.ids import EventId, RecipientId
from shared.privacy import Sealer

RIGHTS_KINDS: Final = (PrivacyRequested, RecipientErased, PrivacyErased, PrivacyExported)
"""What requests by right consist of."""


@dataclass(frozen=True, slots=True)
class RightsHandlers:
    """The handlers."""

    sealer: Sealer

    def register(self, door: Router) -> None:
        """Give the event door the handlers of rights."""
        door.on(PrivacyRequested)(self.requested)
        door.on(RecipientErased)(forget)
        door.on(PrivacyErased)(certified)
        door.on(PrivacyExported)(handed_over)

    async def requested(self, requests: Sequence[PrivacyRequested], uow: UnitOfWork) -> None:
        """Enter requests; an erasure goes out to every service, a copy is answered with what compliance holds."""
        await rights_store.remember(uow.db, [rights_store.request_of(request) for request in requests])
        for request in requests:
            if request.right is PrivacyRight.ERASURE:
                uow.publish(_erased(request))
            else:
                tables_held = await held(uow.db, request.recipient_id, request.merchant_id, self.sealer)
                rights.hand_over(uow, system_tables, request, tables_held, self.sealer)


async def forget(events: Sequence[RecipientErased], uow: UnitOfWork) -> None:
    """Blank the evidence of erased people, suppress them, and say so; twice is the same as once.

    A due text that is parked goes: the scheduler cancels it. Verdicts and cap slots hold no identity and stay.
    """
    counts = {event.event_id: await _blank(event.recipient_id, uow) for event in events}
    await erasure.forget(events, uow)
    for event in events:
        rights.certify(uow, system_tables, event, counts[event.event_id])


async def forget_shop(event: MerchantClosed, uow: UnitOfWork) -> None:
    """Blank the evidence of everybody at a shop that asked for it. Rare, and costs a full scan."""
    if event.reason != rights.SHOP_ERASURE:
        return
    nobody = RecipientId(event.recipient_id)
    asked = Request(
        event.event_id, event.merchant_id, nobody, PrivacyRight.ERASURE, rights.SHOP_ERASURE, event.occurred_at
    )
    await rights_store.remember(uow.db, [asked])
    full = sa.and_(ledger.c.merchant_id == event.merchant_id, ledger.c.evidence.is_not(None))
    parked = system_tables.parked
    rows = {
        ledger.name: await uow.db.execute(sa.update(ledger).where(full).values(evidence=None)),
        "compliance_export_parts": await rights_store.drop_exports_of_shop(uow.db, event.merchant_id),
        parked.name: await uow.db.execute(sa.delete(parked).where(parked.c.merchant_id == event.merchant_id)),
    }
    rights.certify(uow, system_tables, event, rows)


async def certified(events: Sequence[PrivacyErased], uow: UnitOfWork) -> None:
    """Keep what each service says it blanked."""
    await rights_store.certify(uow.db, events)


async def handed_over(events: Sequence[PrivacyExported], uow: UnitOfWork) -> None:
    """Keep what each service handed over, unless the person was forgotten meanwhile."""
    gone = await store.erased(uow.db, [event.recipient_id for event in events])
    asked = await rights_store.requested_at(uow.db, [event.request_id for event in events])

    def is_welcome(event: PrivacyExported) -> bool:
        forgotten_at = gone.get(event.recipient_id)
        return forgotten_at is None or asked.get(event.request_id, event.occurred_at) > forgotten_at

    await rights_store.keep(uow.db, [event for event in events if is_welcome(event)])


async def _blank(recipient: RecipientId, uow: UnitOfWork) -> dict[str, int]:
    entries = await uow.db.fetch(ledger, "recipient_id", [recipient], columns=("evidence",))
    return {
        tables.ledger.name: sum(1 for row in entries if row["evidence"] is not None),
        "compliance_export_parts": await rights_store.drop_exports(uow.db, recipient),
        "compliance_preferences": await forget_preferences(uow.db, recipient),
        system_tables.parked.name: await rights.strip_parked(uow.db, system_tables, recipient, drop=(FollowUpDue,)),
    }


def _erased(request: PrivacyRequested) -> RecipientErased:
    """Return the word that goes out to every service."""
    return RecipientErased(
        event_id=EventId(ids.derived(RecipientErased.type, request.event_id, at=request.occurred_at)),
        merchant_id=request.merchant_id,
        recipient_id=request.recipient_id,
        occurred_at=request.occurred_at,
        correlation_id=request.correlation_id,
        request_id=request.event_id,
    )
