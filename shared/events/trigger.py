"""Triggers: what happened at the shop, in platform-neutral terms."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from shared import aad
from shared.aad import AssociatedData
from shared.events.envelope import Event, Sealed, event
from shared.events.topics import Topic
from shared.ids import EventId

MOST_MINOR = 10**16
"""The largest amount of one order, in minor units: hundreds of them still add up within 64 bits."""


class TriggerKind(StrEnum):
    """Built-in kinds; any other is ``custom.<name>`` (formats, `POST /v1/events`)."""

    PURCHASE = "purchase"
    INQUIRY = "inquiry"
    CHECKOUT_STARTED = "checkout_started"
    CHECKOUT_COMPLETED = "checkout_completed"
    FULFILMENT = "fulfilment"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    READY_FOR_PICKUP = "ready_for_pickup"
    DELIVERY_ATTEMPTED = "delivery_attempted"
    DELIVERY_FAILED = "delivery_failed"
    DELIVERY = "delivery"
    REFUND = "refund"
    CANCELLATION = "cancellation"
    BOOKING = "booking"
    CUSTOMER_UPDATED = "customer_updated"
    SUBSCRIPTION_CANCEL_STARTED = "subscription_cancel_started"
    LOYALTY_CHANGED = "loyalty_changed"
    SURVEY_ANSWERED = "survey_answered"


ORDER_DELETED = "order_deleted"
"""An order is there no more."""
NUMBER_CHANGED = "number_changed"
"""An order or cart has another number now than the one of this person."""
ORDER_EDITED = "order_edited"
"""An order's total was corrected up, or (below zero) down: `amount_minor` is the difference."""
ENDING_KINDS = frozenset({ORDER_DELETED, NUMBER_CHANGED})
"""Kinds that only ingest publishes, and no flow begins with: every waiting text to this recipient about the subject is
cancelled, whatever its flow says."""


class PhoneProvenance(StrEnum):
    """Where a number came from; a shipping number may be another person's: never marketing (webhooks section 1)."""

    CUSTOMER = "customer"
    ORDER = "order"
    BILLING = "billing"
    SHIPPING = "shipping"
    API = "api"
    SUBJECT = "subject"
    """Joined through a subject or customer that ingest already knew."""


class Contact(BaseModel):
    """A person's particulars; exists unsealed only inside one function, rests sealed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    phone: str
    """E.164."""
    provenance: PhoneProvenance = PhoneProvenance.API
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    """BCP 47."""
    country: str | None = None
    """ISO 3166-1 alpha-2."""
    state: str | None = None
    """ISO 3166-2 subdivision without the country."""
    postal_code: str | None = None
    time_zone: str | None = None
    """IANA name."""


@event(Topic.TRIGGERS, "trigger.received")
class TriggerReceived(Event):
    """A purchase, inquiry or other thing happened at the shop."""

    kind: str
    """A `TriggerKind`, or ``custom.<name>``."""
    source: str
    """``shopify``, ``api``, …"""
    subject: str | None = None
    """The order, cart or booking it is about."""
    customer: str | None = None
    """The shop's own id of the customer."""
    amount_minor: int | None = None
    currency: str | None = None
    """ISO 4217."""
    test: bool = False
    contact: Sealed
    """A `Contact`."""
    facts: Sealed
    """A JSON object: what templates and conditions may read."""
    consent_reports: tuple[EventId, ...] = ()
    """The `consent.reported` events of the same delivery: the gate waits for the ledger to hold them."""
    asked_by: str | None = None
    """The id of the merchant's API key that reported it; None for a platform's webhook."""

    def associated_data(self) -> dict[str, AssociatedData]:
        """Return where contact and facts belong."""
        return {**super().associated_data(), "facts": aad.trigger_facts(self.event_id)}
