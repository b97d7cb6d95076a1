"""Shopify's customers: which number a document holds, and the customer's consent to texts.

    X-Shopify-Topic: customers_marketing_consent/update

    {"customer_id": 207119551, "phone": "+12125550123",
     "sms_marketing_consent": {"state": "subscribed", "opt_in_level": "single_opt_in",
                               "consent_updated_at": "2026-11-30T15:00:00-05:00",
                               "consent_collected_from": "SHOPIFY"}}

Source: webhooks section 1, consent states and phone choice.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from services.ingest.domain.parsed_deliveries import (
    CollectionPoint,
    ConsentClaim,
    Identifier,
    ParsedDelivery,
    ShopSettings,
    TriggerDraft,
)
from services.ingest.domain.people import PhoneCandidate, choose_phone
from services.ingest.sources.adapter import DeliveryContext
from services.ingest.sources.json_object import InvalidField, JSONObject
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
"""The consent act of each of Shopify's consent states; `not_subscribed` and `invalid` mean none."""
LEVELS = MappingProxyType({"single_opt_in": ConsentLevel.EXPRESS, "confirmed_opt_in": ConsentLevel.EXPRESS})
"""The level of each opt-in. Neither says which disclosure was shown, and written consent in the sense of 47 CFR
64.1200(f)(9) needs certain words; so a Shopify opt-in is express consent (compliance sections 3, 4.1), unless it was
collected at the shop's own checkout and the merchant's file holds the disclosure shown there."""
COLLECTED_AT_CHECKOUT = "SHOPIFY"
"""`consent_collected_from` of a consent that Shopify's own forms collected; ``OTHER`` is any other origin."""

NOTHING = JSONObject({})

ObjectReader: TypeAlias = Callable[[JSONObject, DeliveryContext], ParsedDelivery]


def changed_customer(customer: JSONObject, at: DeliveryContext) -> ParsedDelivery:
    """Read customers/create and customers/update: the data of a customer changed."""
    changed_at, customer_id = customer.instant("updated_at"), customer.text("id")
    trigger = (
        TriggerDraft(
            kind=TriggerKind.CUSTOMER_UPDATED,
            key=f"customer-{customer_id}/{changed_at.isoformat()}",
            occurred_at=changed_at,
            facts=known(tags=customer.text("tags")),
        )
        if changed_at and customer_id
        else None
    )
    address = customer.child("default_address")
    parsed = ParsedDelivery(
        contact=contact_of(at.shop, customer=customer, billing=address),
        customer=customer_id,
        identifiers=customer_identifiers(customer_id),
        triggers=(trigger,) if trigger else (),
        as_of=as_of(customer, at),
    )
    return _with_account_number(with_consent_state(parsed, customer, at), customer, at)


def changed_consent(change: JSONObject, at: DeliveryContext) -> ParsedDelivery:
    """Read customers_marketing_consent/update, which is about texts."""
    customer_id = change.text("customer_id") or change.text("id")
    contact = contact_of(at.shop, customer=change)
    if customer_id is None and contact is None:
        raise InvalidField("customer_id", "is missing, and so is a usable number")
    parsed = ParsedDelivery(contact, customer_id, customer_identifiers(customer_id))
    return _with_account_number(with_consent_state(parsed, change, at, is_joined=customer_id is not None), change, at)


def as_of(document: JSONObject, at: DeliveryContext) -> datetime:
    """Return when an order, cart or customer was last updated; the time of receipt if it does not say."""
    return min(document.instant("updated_at") or at.received_at, at.received_at)


def _with_account_number(parsed: ParsedDelivery, customer: JSONObject, at: DeliveryContext) -> ParsedDelivery:
    """Add the number in the customer's account, if the document shows it: consent ends when its number is removed."""
    if parsed.customer is None or not customer.has_key("phone"):
        return parsed
    country = customer.child("default_address").text("country_code")
    own = consent_contact(at.shop, customer.text("phone"), PhoneProvenance.CUSTOMER, country)
    granted = next((each for each in parsed.claims if each.act is ConsentAct.GRANTED and each.contact), None)
    return replace(parsed, place=CollectionPoint(f"customer-{parsed.customer}", as_of(customer, at), granted, own))


def customer_identifiers(customer_id: str | None) -> tuple[Identifier, ...]:
    """Return the identifier of a customer, if the document names one."""
    return (Identifier("customer", customer_id),) if customer_id else ()


def privacy(right: PrivacyRight) -> ObjectReader:
    """Return the parser of a privacy topic, which every Shopify app must support."""

    def read(request: JSONObject, at: DeliveryContext) -> ParsedDelivery:
        customer = request.child("customer")
        customer_id = customer.text("id")
        orders = dict.fromkeys((*request.ids("orders_to_redact"), *request.ids("orders_requested")))
        return ParsedDelivery(
            contact=contact_of(at.shop, customer=customer),
            customer=customer_id,
            identifiers=(
                *customer_identifiers(customer_id),
                *(Identifier("subject", f"order-{order}") for order in orders),
            ),
            rights=(right,),
        )

    return read


def contact_of(
    shop: ShopSettings,
    *,
    customer: JSONObject = NOTHING,
    order: JSONObject = NOTHING,
    billing: JSONObject = NOTHING,
    shipping: JSONObject = NOTHING,
    other_phone: str | None = None,
) -> Contact | None:
    """Return the contact: the first usable number of customer, order, billing address and shipping address.

    Args:
        shop: its country applies to numbers without a country code if no address names one.
        customer: the document's customer.
        order: the order or checkout.
        billing: the billing address.
        shipping: the shipping address; its number may be another person's.
        other_phone: a further number of the order.
    """
    home = customer.child("default_address")
    country = next(filter(None, (place.text("country_code") for place in (billing, shipping, home))), None)
    chosen = choose_phone(
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


def consent_contact(
    shop: ShopSettings, raw: str | None, provenance: PhoneProvenance, country: str | None
) -> Contact | None:
    """Return the person whose number a consent names, if the number is usable."""
    chosen = choose_phone((PhoneCandidate(raw, provenance, country),), shop.country)
    return Contact.model_construct(phone=chosen.number, provenance=provenance, country=country) if chosen else None


def with_consent_state(
    parsed: ParsedDelivery, customer: JSONObject, at: DeliveryContext, *, is_joined: bool = False
) -> ParsedDelivery:
    """Add the customer's consent to texts, if the document shows it.

    It concerns the customer's own number. Without one, consent is ignored unless the person can be found by customer
    id (`is_joined`), and a withdrawal counts for the person of the document.
    """
    consent = customer.child("sms_marketing_consent")
    act = ACTS.get((consent.text("state") or "").lower())
    if act is None:
        return parsed
    country = customer.child("default_address").text("country_code")
    own = consent_contact(at.shop, customer.text("phone"), PhoneProvenance.CUSTOMER, country)
    if own is None and not is_joined and act is not ConsentAct.REVOKED:
        return parsed
    changed_at = consent.instant("consent_updated_at")
    if act is not ConsentAct.REVOKED and consent.has_noted("consent_updated_at"):
        return parsed  # consent of an unknown date may be older than its withdrawal; a withdrawal always counts
    captured_at = min(changed_at, at.received_at) if changed_at else None
    level, wording = _level(consent, act, captured_at, at.shop)
    claim = ConsentClaim(
        scope=ConsentScope.MARKETING,
        act=act,
        level=level,
        captured_at=captured_at,
        reported_at=changed_at or at.received_at,
        method="platform",
        source=NAME,
        evidence=known(
            state=consent.text("state"),
            opt_in_level=consent.text("opt_in_level"),
            consent_collected_from=consent.text("consent_collected_from"),
            disclosure=wording,
        ),
        contact=own,
        covers_former_numbers=act is ConsentAct.REVOKED,
        key=f"customer-{parsed.customer}",
    )
    return replace(parsed, claims=(*parsed.claims, claim))


def _level(
    consent: JSONObject, act: ConsentAct, captured_at: datetime | None, shop: ShopSettings
) -> tuple[ConsentLevel, str | None]:
    """Return the level of an opt-in, and the disclosure that justifies it if one is known to have been shown."""
    level = LEVELS.get((consent.text("opt_in_level") or "").lower(), ConsentLevel.UNKNOWN)
    at_checkout = (consent.text("consent_collected_from") or "").upper() == COLLECTED_AT_CHECKOUT
    if act not in {ConsentAct.GRANTED, ConsentAct.PENDING} or level is ConsentLevel.UNKNOWN or not at_checkout:
        return level, None
    return shop.checkbox_consent(captured_at)


def known(**facts: str | None) -> dict[str, Any]:
    """Return the facts that have a value: a template's `default` replaces an absent fact, not a null."""
    return {name: value for name, value in facts.items() if value is not None}
