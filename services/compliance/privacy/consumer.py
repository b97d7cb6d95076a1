"""Events of requests by right: requests are entered and passed on, the answers of all services collected."""

from collections.abc import Sequence
from typing import Final

from services.compliance import store
from services.compliance.privacy import holdings_store
from services.compliance.privacy import store as requests
from services.compliance.privacy.erasure import Erasure
from shared import ids
from shared.bus.router import Router
from shared.db.system_tables import SystemTables
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import PrivacyRequested, PrivacyRight, RecipientErased
from shared.events.privacy import PrivacyErased, PrivacyExported
from shared.ids import EventId
from shared.privacy import Sealer
from shared.rights import Exports

RIGHTS_KINDS: Final = (PrivacyRequested, RecipientErased, PrivacyErased, PrivacyExported)
"""What requests by right consist of."""


def register(router: Router, system_tables: SystemTables, sealer: Sealer) -> None:
    """Add the handlers of requests by right to a router."""
    exports = Exports(system_tables, sealer, holdings_store.held)

    @router.on(PrivacyRequested)
    async def requested(events: Sequence[PrivacyRequested], uow: UnitOfWork) -> None:
        """Enter requests; an erasure goes out to every service, a copy is answered with what compliance holds."""
        await requests.remember(uow.db, [requests.request_of(event) for event in events])
        for event in events:
            if event.right is PrivacyRight.ERASURE:
                uow.publish(_erased(event))
        await exports.answer(events, uow)

    router.on(RecipientErased)(Erasure(system_tables).forget_people)
    router.on(PrivacyErased)(certified)
    router.on(PrivacyExported)(handed_over)


async def certified(events: Sequence[PrivacyErased], uow: UnitOfWork) -> None:
    """Keep what each service says it blanked."""
    await requests.certify(uow.db, events)


async def handed_over(events: Sequence[PrivacyExported], uow: UnitOfWork) -> None:
    """Keep what each service handed over, unless the person was forgotten after asking for it."""
    erased = await store.erased(uow.db, [event.recipient_id for event in events])
    requested_at = await requests.requested_at(uow.db, [event.request_id for event in events])

    def is_wanted(event: PrivacyExported) -> bool:
        erased_at = erased.get(event.recipient_id)
        return erased_at is None or requested_at.get(event.request_id, event.occurred_at) > erased_at

    await requests.keep(uow.db, [event for event in events if is_wanted(event)])


def _erased(request: PrivacyRequested) -> RecipientErased:
    """Return the event that has every service erase a person."""
    return RecipientErased(
        event_id=EventId(ids.derived(RecipientErased.type, request.event_id, at=request.occurred_at)),
        merchant_id=request.merchant_id,
        recipient_id=request.recipient_id,
        occurred_at=request.occurred_at,
        correlation_id=request.correlation_id,
        request_id=request.event_id,
    )
