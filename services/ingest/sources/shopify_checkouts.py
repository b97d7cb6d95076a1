"""Shopify's checkouts: started, completed, and the checkbox for texts beside the number.

    {"token": "b1946ac92492d2347c6235b4d2611184", "created_at": "2026-11-30T15:00:00-05:00",
     "updated_at": "2026-11-30T15:01:00-05:00", "completed_at": null, "phone": "+12125550123",
     "sms_marketing_phone": "+12125550123", "buyer_accepts_sms_marketing": true, "total_price": "49.00",
     "currency": "USD", "abandoned_checkout_url": "https://acme.example/c/1", "line_items": [{"title": "Beans 1 kg"}]}

Source: webhooks section 1 (checkouts/create, checkouts/update).
"""

from dataclasses import replace
from datetime import datetime

from services.ingest.domain.parsed_deliveries import CollectionPoint, ConsentClaim, ParsedDelivery, TriggerDraft
from services.ingest.sources.adapter import DeliveryContext
from services.ingest.sources.json_object import JSONObject
from services.ingest.sources.shopify_orders import about_order, as_of, cart_facts
from services.ingest.sources.shopify_people import NAME, consent_contact, known, sha256_of
from shared.events.consent import ConsentAct, ConsentScope
from shared.events.trigger import PhoneProvenance, TriggerKind


def checkout(document: JSONObject, at: DeliveryContext) -> ParsedDelivery:
    """Read checkouts/create and checkouts/update: started, and completed once `completed_at` is set."""
    token = document.required("token")
    subject, begun_at, currency = (
        f"checkout-{token}",
        document.required_instant("created_at"),
        document.text("currency"),
    )
    is_completed = "completed_at" in document and not document.is_blank("completed_at")
    completed_at = (document.instant("completed_at") or as_of(document, at)) if is_completed else None
    trigger = TriggerDraft(
        kind=TriggerKind.CHECKOUT_COMPLETED if completed_at else TriggerKind.CHECKOUT_STARTED,
        key=f"{subject}/{'completed' if completed_at else 'started'}",
        occurred_at=completed_at or begun_at,
        subject=subject,
        amount_minor=document.minor("total_price", currency),
        currency=currency,
        facts=known(checkout_url=document.text("abandoned_checkout_url")) | cart_facts(document),
        anchored_at=begun_at if completed_at else None,
    )
    parsed = about_order(document, at, (trigger,), subject=subject, other_phone=document.text("sms_marketing_phone"))
    claim = _checkbox_claim(document, at, completed_at or begun_at)
    place = CollectionPoint(subject, as_of(document, at), claim)
    return replace(
        parsed,
        claims=(*parsed.claims, *((claim,) if claim else ())),
        place=place,
        on_number_change=() if is_completed else (trigger,),
    )


def _checkbox_claim(document: JSONObject, at: DeliveryContext, ticked_at: datetime) -> ConsentClaim | None:
    """Return the consent that the checkbox for texts (`buyer_accepts_sms_marketing`) gives; None if it is clear.

    It has the date of the checkout, the earliest it can have been ticked, so that it never overrides a later
    withdrawal; completing the checkout confirms it. Clearing the checkbox, or correcting the number beside it,
    withdraws it. It is express consent, or the level that the merchant's file gives its disclosure.
    `buyer_accepts_marketing` is about e-mail and is not used.
    """
    raw = document.text("sms_marketing_phone")
    own = consent_contact(at.shop, raw, PhoneProvenance.ORDER, document.child("billing_address").text("country_code"))
    if not document.flag("buyer_accepts_sms_marketing") or (raw and own is None):
        return None
    captured_at = min(ticked_at, at.received_at)
    level, wording = at.shop.checkbox_consent(captured_at)
    return ConsentClaim(
        scope=ConsentScope.MARKETING,
        act=ConsentAct.GRANTED,
        level=level,
        captured_at=captured_at,
        reported_at=ticked_at,
        method="checkout",
        source=NAME,
        disclosure_sha256=sha256_of(wording),
        evidence=known(disclosure=wording),
        contact=own,
    )
