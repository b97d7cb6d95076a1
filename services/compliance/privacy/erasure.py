"""Forgetting a person: the sealed goes, the chain and the guards stay, and the number is never written to again.

Source: GDPR article 17; design section 6, privacy; compliance section 7.
"""

from collections.abc import Sequence

from services.compliance import store
from services.compliance.ledger import claims
from shared import ids
from shared.db.unit_of_work import UnitOfWork
from shared.events.consent import ConsentAct, ConsentReported, ConsentScope, RecipientErased, SuppressionCause
from shared.ids import EventId


async def forget(events: Sequence[RecipientErased], uow: UnitOfWork) -> None:
    """Blank the evidence of erased people and suppress them; twice is the same as once.

    Verdicts and cap slots name a person only by a keyed hash and stay: they are the proof of what was sent.
    """
    await store.mark_erased(uow.db, {event.recipient_id: (event.merchant_id, event.occurred_at) for event in events})
    await claims.record([_claim(event) for event in events], uow)
    await store.blank_evidence(uow.db, [event.recipient_id for event in events])


def _claim(event: RecipientErased) -> ConsentReported:
    """Return the ledger's own word on an erasure; it holds nothing about the person but the fact."""
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
