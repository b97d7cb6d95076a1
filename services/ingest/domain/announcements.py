"""The events that a delivery becomes.

Events are built with validation: pydantic validates one in half the time that `model_construct` takes.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.ingest.domain.parsed_deliveries import CollectionPoint, ConsentClaim, ParsedDelivery, TriggerDraft
from shared import aad, ids
from shared.aad import AssociatedData
from shared.events.consent import (
    ConsentAct,
    ConsentLevel,
    ConsentReported,
    ConsentScope,
    MerchantClosed,
    PrivacyRequested,
    PrivacyRight,
    as_claimed,
)
from shared.events.envelope import Event, Sealed
from shared.events.trigger import NUMBER_CHANGED, ORDER_EDITED, PhoneProvenance, TriggerKind, TriggerReceived
from shared.ids import EventId, MerchantId, RecipientId

WHOLE_MERCHANT = RecipientId(UUID(int=0))
"""The recipient of an event about a whole merchant."""
_CONTRACTS = frozenset({TriggerKind.PURCHASE, TriggerKind.BOOKING})
"""Triggers about which a person who gave a number expects texts: such a text needs no other consent."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """A person as events carry one: pseudonymous id, encrypted contact, and where the number came from."""

    recipient_id: RecipientId
    contact: Sealed
    provenance: PhoneProvenance

    def row(self) -> dict[str, Any]:
        """Return the columns that store a person."""
        return {"recipient_id": self.recipient_id, "contact": self.contact, "provenance": self.provenance.value}


@dataclass(frozen=True, slots=True)
class UnsealedClaim:
    """The personal data of a consent claim; `addressee` if it concerns another person than the delivery does."""

    addressee: Addressee | None
    evidence: bytes | None
    seal: Callable[[AssociatedData, bytes], Sealed]
    """Encrypts the evidence for the claim's event, whose id depends on the person."""

    def sealed_for(self, claim_id: EventId) -> Sealed | None:
        """Return the evidence encrypted for the claim's event."""
        return None if self.evidence is None else self.seal(aad.evidence(claim_id), self.evidence)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a delivery came from."""

    merchant_id: MerchantId
    source: str
    delivery_id: UUID
    """A new id; also the correlation id of every event that follows from the delivery."""
    received_at: datetime
    key_id: str | None = None
    """The API key it came with; None for a webhook."""


def announcements(
    origin: Origin,
    parsed: ParsedDelivery,
    addressee: Addressee | None,
    facts: tuple[Sealed, ...],
    claims: tuple[UnsealedClaim, ...],
    others: Sequence[Addressee] = (),
    number_change_facts: tuple[Sealed, ...] = (),
    moved: Collection[str] = (),
) -> list[Event]:
    """Return the events of a delivery; what concerns an unknown person is left out.

    Args:
        origin: where the delivery came from.
        parsed: its content.
        addressee: the person it concerns, if known.
        facts: the encrypted facts of each trigger.
        claims: the personal data of each claim; its evidence is encrypted here.
        others: the other people its identifiers ever led to, if the delivery covers former numbers.
        number_change_facts: the encrypted facts of each trigger that is repeated for a new number.
        moved: subjects whose number this delivery changes: their triggers are repeated for the new number.
    """
    events: list[Event] = []
    if parsed.closes is not None:
        events.append(_closed(origin, parsed.closes))
    reports = [
        _report(origin, claim, opened, whose)
        for claim, opened in zip(parsed.claims, claims, strict=True)
        if (whose := opened.addressee or addressee) is not None and not _is_grant_for_shipping_number(claim, whose)
    ]
    events += reports
    events += [
        _report(origin, claim, opened, other)
        for claim, opened in zip(parsed.claims, claims, strict=True)
        if claim.covers_former_numbers
        for other in others
    ]
    if addressee is not None:
        repeated = [
            (trigger, sealed_facts)
            for trigger, sealed_facts in zip(parsed.on_number_change, number_change_facts, strict=bool(moved))
            if trigger.subject in moved
        ]
        triggers = (*parsed.triggers, *(trigger for trigger, _ in repeated))
        contracts = [_contract_consent(origin, one, addressee) for one in triggers if one.kind in _CONTRACTS]
        events += contracts
        mine = tuple(one.event_id for one in (*reports, *contracts) if one.recipient_id == addressee.recipient_id)
        events += [
            _trigger(origin, parsed, trigger, sealed_facts, addressee, mine)
            for trigger, sealed_facts in zip(parsed.triggers, facts, strict=True)
        ]
        events += [
            _trigger(origin, parsed, trigger, sealed_facts, addressee, mine, is_repeat=True)
            for trigger, sealed_facts in repeated
        ]
        events += [_right(origin, right, whose) for right in parsed.rights for whose in (addressee, *others)]
    return events


def trigger_id(origin: Origin, trigger: TriggerDraft, whose: Addressee | None = None) -> EventId:
    """Return the id of a trigger, which is the same whichever delivery reports it.

    Args:
        origin: where the delivery came from.
        trigger: what happened.
        whose: the person for whom it is repeated after a number change; None for the first report.
    """
    at = trigger.anchored_at or trigger.occurred_at
    key = (origin.merchant_id, origin.source, trigger.key, *((whose.recipient_id,) if whose else ()))
    return EventId(ids.derived("trigger.received", *key, at=at))


def number_changed(origin: Origin, subject: str, before: Addressee) -> TriggerReceived:
    """Return the event, addressed to a subject's former person, that the subject has another number now."""
    key = (origin.merchant_id, subject, before.recipient_id, origin.delivery_id)
    return _about_subject(origin, NUMBER_CHANGED, key, subject, before)


def order_edited(origin: Origin, subject: str, minor: int, currency: str, whose: Addressee) -> TriggerReceived:
    """Return the event with the difference between an order's new total and the one published before."""
    key = (origin.merchant_id, subject, origin.delivery_id)
    return _about_subject(origin, ORDER_EDITED, key, subject, whose, minor, currency)


def _about_subject(
    origin: Origin,
    kind: str,
    key: tuple[object, ...],
    subject: str,
    whose: Addressee,
    minor: int | None = None,
    currency: str | None = None,
) -> TriggerReceived:
    """Return an event that a platform does not report: it follows from what earlier deliveries said of a subject."""
    return TriggerReceived(
        event_id=EventId(ids.derived("trigger.received", kind, *key, at=origin.received_at)),
        merchant_id=origin.merchant_id,
        recipient_id=whose.recipient_id,
        occurred_at=origin.received_at,
        correlation_id=str(origin.delivery_id),
        kind=kind,
        source=origin.source,
        subject=subject,
        amount_minor=minor,
        currency=currency,
        contact=whose.contact,
        facts=b"",
    )


def consent_withdrawn_at(origin: Origin, place: CollectionPoint, before: Addressee) -> ConsentReported:
    """Return the withdrawal of consent for a number that was removed from the place where the consent was given."""
    claim = ConsentClaim(
        scope=ConsentScope.MARKETING,
        act=ConsentAct.REVOKED,
        level=ConsentLevel.UNKNOWN,
        captured_at=min(place.changed_at, origin.received_at),
        method="checkout" if place.name.startswith("checkout") else "platform",
        source=origin.source,
        reported_at=place.changed_at,
    )
    return _report(origin, claim, None, before)


def _trigger(
    origin: Origin,
    parsed: ParsedDelivery,
    trigger: TriggerDraft,
    facts: Sealed,
    addressee: Addressee,
    reports: tuple[EventId, ...],
    *,
    is_repeat: bool = False,
) -> TriggerReceived:
    return TriggerReceived(
        event_id=trigger_id(origin, trigger, addressee if is_repeat else None),
        merchant_id=origin.merchant_id,
        recipient_id=addressee.recipient_id,
        occurred_at=trigger.occurred_at,
        correlation_id=str(origin.delivery_id),
        kind=trigger.kind,
        source=origin.source,
        subject=trigger.subject,
        customer=parsed.customer,
        amount_minor=trigger.amount_minor,
        currency=trigger.currency,
        test=trigger.is_test,
        contact=addressee.contact,
        facts=facts,
        consent_reports=reports,
        asked_by=origin.key_id,
    )


def _report(origin: Origin, claim: ConsentClaim, opened: UnsealedClaim | None, whose: Addressee) -> ConsentReported:
    at = claim.captured_at or claim.reported_at
    known_by = claim.captured_at.isoformat() if claim.captured_at else claim.key
    key = (origin.merchant_id, whose.recipient_id, origin.source, known_by, claim.scope, claim.act)
    method, source = as_claimed(claim.method, claim.source)
    claim_id = EventId(ids.derived("consent.reported", *key, at=at))
    return ConsentReported(
        event_id=claim_id,
        merchant_id=origin.merchant_id,
        recipient_id=whose.recipient_id,
        occurred_at=at,
        correlation_id=str(origin.delivery_id),
        scope=claim.scope,
        act=claim.act,
        level=claim.level,
        captured_at=claim.captured_at,
        method=method,
        source=source,
        disclosure_sha256=claim.disclosure_sha256,
        contact=whose.contact,
        evidence=opened.sealed_for(claim_id) if opened else None,
    )


def _contract_consent(origin: Origin, trigger: TriggerDraft, addressee: Addressee) -> ConsentReported:
    """Return the consent that a purchase or booking implies: to service texts about it, not to marketing.

    Source: compliance section 2, transactional texts rest on consent or contract.
    """
    at = trigger.anchored_at or trigger.occurred_at
    key = (origin.merchant_id, addressee.recipient_id, origin.source, trigger.key, ConsentLevel.CONTRACT)
    return ConsentReported(
        event_id=EventId(ids.derived("consent.reported", *key, at=at)),
        merchant_id=origin.merchant_id,
        recipient_id=addressee.recipient_id,
        occurred_at=at,
        correlation_id=str(origin.delivery_id),
        scope=ConsentScope.INFORMATIONAL,
        act=ConsentAct.GRANTED,
        level=ConsentLevel.CONTRACT,
        captured_at=at,
        method="checkout",
        source=origin.source,
        contact=addressee.contact,
    )


def _is_grant_for_shipping_number(claim: ConsentClaim, whose: Addressee) -> bool:
    """Return whether a claim would count a person to whom a gift is shipped as having consented."""
    return whose.provenance is PhoneProvenance.SHIPPING and claim.act is not ConsentAct.REVOKED


def _right(origin: Origin, right: PrivacyRight, addressee: Addressee) -> PrivacyRequested:
    key = (origin.merchant_id, addressee.recipient_id, right, origin.delivery_id)
    return PrivacyRequested(
        event_id=EventId(ids.derived("privacy.requested", *key, at=origin.received_at)),
        merchant_id=origin.merchant_id,
        recipient_id=addressee.recipient_id,
        occurred_at=origin.received_at,
        correlation_id=str(origin.delivery_id),
        right=right,
        source=origin.source,
    )


def _closed(origin: Origin, reason: str) -> MerchantClosed:
    key = (origin.merchant_id, reason, origin.delivery_id)
    return MerchantClosed(
        event_id=EventId(ids.derived("merchant.closed", *key, at=origin.received_at)),
        merchant_id=origin.merchant_id,
        recipient_id=WHOLE_MERCHANT,
        occurred_at=origin.received_at,
        correlation_id=str(origin.delivery_id),
        reason=reason,
    )
