"""Shopify's customers: whose number a document holds, and what it says of their consent to texts.

    X-Shopify-Topic: customers_marketing_consent/update

    {"customer_id": 207119551, "phone": "+12125550123",
     "sms_marketing_consent": {"state": "subscribed", "opt_in_level": "single_opt_in",
                               "consent_updated_at": "2026-11-30T15:00:00-05:00",
                               "consent_collected_from": "SHOPIFY"}}

Source: webhooks section 1, consent states and phone choice.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from services.ingest.domain.parsed_deliveries import Claim, Join, ParsedDelivery, PermissionPlace, Shop, TriggerDraft
from services.ingest.domain.people import PhoneCandidate, chosen_phone
from services.ingest.fields import Fields, Misshapen
from services.ingest.sources.adapter import DeliveryContext
from shared import normalize
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope, PrivacyRight
from shared.events.trigger import Contact, PhoneProvenance, TriggerKind

NAME = "shopify"
ACTS = MappingProxyType(
    {
        "subscribed": ConsentAct.GRANTED,
        "pending": ConsentAct.PENDING,
        "unsubscribed": ConsentAct.REVOKED,
        "redacted": ConsentAct.REVOKED,
    }
)
"""Shopify's consent states in our words; `not_subscribed` and `invalid` claim nothing."""
LEVELS = MappingProxyType({"single_opt_in": ConsentLevel.EXPRESS, "confirmed_opt_in": ConsentLevel.EXPRESS})
"""How strong an opt-in is. Neither level says which wording was shown, and written consent in the sense of 47 CFR
64.1200(f)(9) needs certain words; so a Shopify opt-in is express consent (compliance sections 3, 4.1), unless it was
collected at the shop's own checkout and the merchant's file holds the words that stand there."""
COLLECTED_AT_CHECKOUT = "SHOPIFY"
"""`consent_collected_from` of a consent that Shopify's own forms took; ``OTHER`` came from somewhere else."""

NOTHING = Fields({})

FieldsReader: TypeAlias = Callable[[Fields, DeliveryContext], ParsedDelivery]


def changed_customer(customer: Fields, at: DeliveryContext) -> ParsedDelivery:
    """Read customers/create and customers/update: what is known of somebody changed."""
    changed_at, customer_id = customer.instant("updated_at"), customer.text("id")
    happening = (
        TriggerDraft(
            kind=TriggerKind.CUSTOMER_UPDATED,
            key=f"customer-{customer_id}/{changed_at.isoformat()}",
            occurred_at=changed_at,
            facts=known(tags=customer.text("tags")),
        )
        if changed_at and customer_id
        else None
    )
    address = customer.fields("default_address")
    reading = ParsedDelivery(
        contact=contact_of(at.shop, customer=customer, billing=address),
        customer=customer_id,
        joins=_customer_join(customer_id),
        happenings=(happening,) if happening else (),
        as_of=_changed_at(customer, at),
    )
    return _on_the_account(with_consent_state(reading, customer, at), customer, at)


def changed_consent(change: Fields, at: DeliveryContext) -> ParsedDelivery:
    """Read customers_marketing_consent/update, which is about texts."""
    customer_id = change.text("customer_id") or change.text("id")
    contact = contact_of(at.shop, customer=change)
    if customer_id is None and contact is None:
        raise Misshapen("customer_id", "names nobody, and neither does the number")
    reading = ParsedDelivery(
        contact=contact,
        customer=customer_id,
        joins=_customer_join(customer_id),
    )
    return _on_the_account(with_consent_state(reading, change, at, is_joined=customer_id is not None), change, at)


def _changed_at(customer: Fields, at: DeliveryContext) -> datetime:
    """Return when a customer came to be as they are told of; now, where nobody says."""
    return min(customer.instant("updated_at") or at.received_at, at.received_at)


def _on_the_account(reading: ParsedDelivery, customer: Fields, at: DeliveryContext) -> ParsedDelivery:
    """Add which number stands in the customer's account, where that is told: a permission goes when its number does."""
    if reading.customer is None or not customer.tells("phone"):
        return reading
    country = customer.fields("default_address").text("country_code")
    own = claimant(at.shop, customer.text("phone"), PhoneProvenance.CUSTOMER, country)
    granted = next((each for each in reading.claims if each.act is ConsentAct.GRANTED and each.contact), None)
    return replace(
        reading, place=PermissionPlace(f"customer-{reading.customer}", _changed_at(customer, at), granted, own)
    )


def _customer_join(customer_id: str | None) -> tuple[Join, ...]:
    return (Join("customer", customer_id),) if customer_id else ()


def privacy(right: PrivacyRight) -> FieldsReader:
    """Return the reader of a privacy topic that every app must take."""

    def read(request: Fields, at: DeliveryContext) -> ParsedDelivery:
        customer = request.fields("customer")
        customer_id = customer.text("id")
        orders = dict.fromkeys((*request.ids("orders_to_redact"), *request.ids("orders_requested")))
        return ParsedDelivery(
            contact=contact_of(at.shop, customer=customer),
            customer=customer_id,
            joins=(*_customer_join(customer_id), *(Join("subject", f"order-{order}") for order in orders)),
            rights=(right,),
        )

    return read


def contact_of(
    shop: Shop,
    *,
    customer: Fields = NOTHING,
    order: Fields = NOTHING,
    billing: Fields = NOTHING,
    shipping: Fields = NOTHING,
    other_phone: str | None = None,
) -> Contact | None:
    """Return whom to write to: customer's, order's, billing's, then shipping's number, the first usable one.

    Args:
        shop: its country reads numbers without a prefix where no address names one.
        customer: the document's customer.
        order: the order or checkout.
        billing: the billing address.
        shipping: the shipping address; its number may be another person's.
        other_phone: a further number of the order.
    """
    home = customer.fields("default_address")
    country = next(filter(None, (place.text("country_code") for place in (billing, shipping, home))), None)
    chosen = chosen_phone(
        (
            PhoneCandidate(customer.text("phone"), PhoneProvenance.CUSTOMER, country),
            PhoneCandidate(order.text("phone"), PhoneProvenance.ORDER, country),
            PhoneCandidate(other_phone, PhoneProvenance.ORDER, country),
            PhoneCandidate(billing.text("phone"), PhoneProvenance.BILLING, billing.text("country_code") or country),
            PhoneCandidate(shipping.text("phone"), PhoneProvenance.SHIPPING, shipping.text("country_code") or country),
        ),
        shop.country,
    )
    if chosen is None:
        return None
    is_shipping = chosen.provenance is PhoneProvenance.SHIPPING
    places = (shipping,) if is_shipping else (billing, home, shipping)
    place = next((place for place in places if "country_code" in place), billing)
    person = shipping if is_shipping else customer if "first_name" in customer else billing
    return Contact.model_construct(
        phone=chosen.number,
        provenance=chosen.provenance,
        first_name=normalize.name(person.text("first_name")),
        last_name=normalize.name(person.text("last_name")),
        locale=order.text("customer_locale"),
        country=place.text("country_code"),
        state=place.text("province_code"),
        postal_code=place.text("zip"),
        time_zone=None,
    )


def claimant(shop: Shop, raw: str | None, provenance: PhoneProvenance, country: str | None) -> Contact | None:
    """Return the person whom a consent with a number of its own is about, if the number is usable."""
    chosen = chosen_phone((PhoneCandidate(raw, provenance, country),), shop.country)
    return Contact.model_construct(phone=chosen.number, provenance=provenance, country=country) if chosen else None


def with_consent_state(
    reading: ParsedDelivery, customer: Fields, at: DeliveryContext, *, is_joined: bool = False
) -> ParsedDelivery:
    """Add the customer's consent to texts, where the document tells it.

    It is about the customer's own number: without one, a permission is taken for nobody, unless the person is to be
    found as a customer (`is_joined`). A withdrawal counts for whoever the document is about.
    """
    consent = customer.fields("sms_marketing_consent")
    act = ACTS.get((consent.text("state") or "").lower())
    if act is None:
        return reading
    country = customer.fields("default_address").text("country_code")
    own = claimant(at.shop, customer.text("phone"), PhoneProvenance.CUSTOMER, country)
    if own is None and not is_joined and act is not ConsentAct.REVOKED:
        return reading
    changed_at = consent.instant("consent_updated_at")
    if act is not ConsentAct.REVOKED and consent.has_noted("consent_updated_at"):
        return (
            reading  # a permission of nobody knows when might be older than what ended it; a withdrawal always counts
        )
    captured_at = min(changed_at, at.received_at) if changed_at else None
    level, wording = _level(consent, act, captured_at, at.shop)
    claim = Claim(
        scope=ConsentScope.MARKETING,
        act=act,
        level=level,
        captured_at=captured_at,
        told_at=changed_at or at.received_at,
        method="platform",
        source=NAME,
        disclosure_sha256=sha256_of(wording),
        evidence=known(
            state=consent.text("state"),
            opt_in_level=consent.text("opt_in_level"),
            consent_collected_from=consent.text("consent_collected_from"),
            disclosure=wording,
        ),
        contact=own,
        reaches_everybody=act is ConsentAct.REVOKED,
        key=f"customer-{reading.customer}",
    )
    return replace(reading, claims=(*reading.claims, claim))


def _level(
    consent: Fields, act: ConsentAct, captured_at: datetime | None, shop: Shop
) -> tuple[ConsentLevel, str | None]:
    """Return how strong an opt-in is, and the wording that makes it so, where its box is known to have shown one."""
    level = LEVELS.get((consent.text("opt_in_level") or "").lower(), ConsentLevel.UNKNOWN)
    at_checkout = (consent.text("consent_collected_from") or "").upper() == COLLECTED_AT_CHECKOUT
    if act not in {ConsentAct.GRANTED, ConsentAct.PENDING} or level is ConsentLevel.UNKNOWN or not at_checkout:
        return level, None
    return shop.ticked(captured_at)


def sha256_of(wording: str | None) -> str | None:
    """Return the hash of a wording as it was shown; None of none."""
    return None if wording is None else hashlib.sha256(wording.encode()).hexdigest()


def known(**facts: str | None) -> dict[str, Any]:
    """Return the facts that have a value: a template's `default` stands in for an absent one, not for a null."""
    return {name: value for name, value in facts.items() if value is not None}
