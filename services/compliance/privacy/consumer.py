"""Events of requests by right: passed on, answered and certified; a person, or everybody at a shop, is forgotten.

Forgetting deletes sealed data; chains and proofs without identity stay.

Source: GDPR article 17; design section 6, privacy; compliance section 7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.compliance import store
from services.compliance.ledger import claims
from services.compliance.preferences import store as preferences
from services.compliance.privacy import store as requests
from services.compliance.privacy.store import Request
from services.compliance.tables import audit_tables
from shared import ids, rights
from shared.bus.router import Router
from shared.db import audit_store
from shared.db.system_tables import SystemTables
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import (
    ConsentAct,
    ConsentReported,
    ConsentScope,
    MerchantClosed,
    PrivacyRequested,
    PrivacyRight,
    RecipientErased,
    SuppressionCause,
)
from shared.events.follow_up import FollowUpDue
from shared.events.privacy import PrivacyErased, PrivacyExported
from shared.ids import EventId, RecipientId
from shared.privacy import Sealer

RIGHTS_KINDS: Final = (PrivacyRequested, RecipientErased, PrivacyErased, PrivacyExported)
"""What requests by right consist of."""


def register(router: Router, system_tables: SystemTables, sealer: Sealer) -> None:
    """Add the handlers of requests by right to a router."""
    exports = rights.Exports(system_tables, sealer, requests.held)

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


@dataclass(frozen=True, slots=True)
class Erasure:
    """Blanks what compliance holds and certifies it; doing so twice is the same as once."""

    system_tables: SystemTables

    async def forget_people(self, events: Sequence[RecipientErased], uow: UnitOfWork) -> None:
        """Blank the evidence of erased people, suppress their numbers, and certify what was blanked.

        A parked due follow-up is deleted: the scheduler cancels it. Verdicts and cap slots name a person only by a
        keyed hash and stay: they are the proof of what was sent.
        """
        blanked = {event.event_id: await self._blank(event.recipient_id, uow) for event in events}
        marks = {event.recipient_id: (event.merchant_id, event.occurred_at) for event in events}
        await store.mark_erased(uow.db, marks)
        await claims.record([_suppression(event) for event in events], uow)
        await store.blank_evidence(uow.db, [event.recipient_id for event in events])
        for event in events:
            rights.certify(uow, self.system_tables, event, blanked[event.event_id])

    async def forget_shop(self, event: MerchantClosed, uow: UnitOfWork) -> None:
        """Blank the evidence of everybody at a shop that asked for it. Rare, and costs a full scan."""
        if event.reason != rights.SHOP_ERASURE:
            return
        everybody = RecipientId(event.recipient_id)
        request = Request(
            event.event_id, event.merchant_id, everybody, PrivacyRight.ERASURE, rights.SHOP_ERASURE, event.occurred_at
        )
        await requests.remember(uow.db, [request])
        rows = {
            "compliance_consent_ledger": await store.blank_evidence_of_shop(uow.db, event.merchant_id),
            "compliance_export_parts": await requests.drop_exports_of_shop(uow.db, event.merchant_id),
            **await audit_store.blank_reasons(uow.db, audit_tables, event.merchant_id),
            self.system_tables.parked.name: await store.drop_parked_of_shop(uow.db, event.merchant_id),
        }
        rights.certify(uow, self.system_tables, event, rows)

    async def _blank(self, recipient: RecipientId, uow: UnitOfWork) -> dict[str, int]:
        """Delete what is held besides the ledger; return how many rows are blanked, by table."""
        return {
            "compliance_consent_ledger": await store.evident_entries(uow.db, recipient),
            "compliance_export_parts": await requests.drop_exports(uow.db, recipient),
            "compliance_preferences": await preferences.forget(uow.db, recipient),
            **await audit_store.blank_person(uow.db, audit_tables, recipient),
            self.system_tables.parked.name: await rights.strip_parked(
                uow.db, self.system_tables, recipient, drop=(FollowUpDue,)
            ),
        }


def _suppression(event: RecipientErased) -> ConsentReported:
    """Return the claim that suppresses an erased person's number; it holds nothing about the person but that."""
    return ConsentReported(
        event_id=EventId(ids.derived("consent.reported", "erasure", event.event_id, at=event.occurred_at)),
        merchant_id=event.merchant_id,
        recipient_id=event.recipient_id,
        occurred_at=event.occurred_at,
        correlation_id=event.correlation_id,
        scope=ConsentScope.ALL,
        act=ConsentAct.REVOKED,
        captured_at=event.occurred_at,
        method="erasure",
        source="erasure",
        cause=SuppressionCause.ERASED,
    )
