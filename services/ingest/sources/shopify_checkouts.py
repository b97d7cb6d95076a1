"""Shopify's checkouts: begun, completed, and the box for texts beside the number.

    {"token": "b1946ac92492d2347c6235b4d2611184", "created_at": "2026-11-30T15:00:00-05:00",
     "updated_at": "2026-11-30T15:01:00-05:00", "completed_at": null, "phone": "+12125550123",
     "sms_marketing_phone": "+12125550123", "buyer_accepts_sms_marketing": true, "total_price": "49.00",
     "currency": "USD", "abandoned_checkout_url": "https://acme.example/c/1", "line_items": [{"title": "Beans 1 kg"}]}

Source: webhooks section 1 (checkouts/create, checkouts/update).
"""

from dataclasses import replace
from datetime import datetime

from services.ingest.domain.parsed_deliveries import Claim, ParsedDelivery, PermissionPlace, TriggerDraft
from services.ingest.fields import Fields
from services.ingest.sources.adapter import DeliveryContext
from services.ingest.sources.shopify_orders import about_order, as_of, cart_facts
from services.ingest.sources.shopify_people import NAME, claimant, known, sha256_of
from shared.events.consent import ConsentAct, ConsentScope
from shared.events.trigger import PhoneProvenance, TriggerKind


def checkout(document: Fields, at: DeliveryContext) -> ParsedDelivery:
    """Read checkouts/create and checkouts/update: begun, and once `completed_at` is there, completed."""
    token = document.required("token")
    subject, begun_at, currency = (
        f"checkout-{token}",
        document.required_instant("created_at"),
        document.text("currency"),
    )
    is_completed = "completed_at" in document and not document.is_blank("completed_at")
    completed_at = (document.instant("completed_at") or as_of(document, at)) if is_completed else None
    happening = TriggerDraft(
        kind=TriggerKind.CHECKOUT_COMPLETED if completed_at else TriggerKind.CHECKOUT_STARTED,
        key=f"{subject}/{'completed' if completed_at else 'started'}",
        occurred_at=completed_at or begun_at,
        subject=subject,
        amount_minor=document.minor("total_price", currency),
        currency=currency,
        facts=known(checkout_url=document.text("abandoned_checkout_url")) | cart_facts(document),
        anchored_at=begun_at if completed_at else None,
    )
    reading = about_order(document, at, (happening,), subject=subject, other_phone=document.text("sms_marketing_phone"))
    claim = _ticked(document, at, completed_at or begun_at)
    place = PermissionPlace(subject, as_of(document, at), claim)
    return replace(
        reading,
        claims=(*reading.claims, *((claim,) if claim else ())),
        place=place,
        retold=() if is_completed else (happening,),
    )


def _ticked(document: Fields, at: DeliveryContext, ticked_at: datetime) -> Claim | None:
    """Return what the box for texts (`buyer_accepts_sms_marketing`) permits; None where it is empty.

    It is dated as the checkout, the earliest it can have been ticked, so that it never overturns a later withdrawal;
    completing the checkout confirms it. Whoever empties the box, or corrects the number beside it, takes it back. It
    is express consent, or what the merchant's file says the words beside it make it. `buyer_accepts_marketing` is
    about e-mail and claims nothing.
    """
    raw = document.text("sms_marketing_phone")
    own = claimant(at.shop, raw, PhoneProvenance.ORDER, document.fields("billing_address").text("country_code"))
    if not document.flag("buyer_accepts_sms_marketing") or (raw and own is None):
        return None
    captured_at = min(ticked_at, at.received_at)
    level, wording = at.shop.ticked(captured_at)
    return Claim(
        scope=ConsentScope.MARKETING,
        act=ConsentAct.GRANTED,
        level=level,
        captured_at=captured_at,
        told_at=ticked_at,
        method="checkout",
        source=NAME,
        disclosure_sha256=sha256_of(wording),
        evidence=known(disclosure=wording),
        contact=own,
    )
