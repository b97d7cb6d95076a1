"""Shopify's parcels: that one was sent, that it can be followed, and what its carrier says of it.

    {"id": 255858046, "order_id": 820982911946154508, "status": "success", "created_at": "2026-11-30T16:00:00-05:00",
     "updated_at": "2026-12-01T09:00:00-05:00", "shipment_status": "out_for_delivery", "tracking_company": "UPS",
     "tracking_number": "1Z2345", "tracking_url": "https://www.ups.com/track?tracknum=1Z2345"}

A parcel is told as sent once, and once more when its tracking first appears by an update. Each word of the carrier is
told once; that a label was bought or printed, or the parcel announced, is no news to the buyer.

Source: webhooks section 1 (fulfillments/create, fulfillments/update); FulfillmentStatus and FulfillmentEventStatus of
Shopify's API.
"""

from types import MappingProxyType
from typing import Any

from services.ingest.domain.parsed_deliveries import TriggerDraft
from services.ingest.fields import Fields
from services.ingest.sources.shopify_people import known
from shared.events.trigger import TriggerKind

SHIPPED = frozenset({"success"})
"""A fulfilment that is pending or open has not left the shop; cancelled, error and failure never will."""
CARRIER = MappingProxyType(
    {
        "in_transit": TriggerKind.IN_TRANSIT,
        "out_for_delivery": TriggerKind.OUT_FOR_DELIVERY,
        "ready_for_pickup": TriggerKind.READY_FOR_PICKUP,
        "attempted_delivery": TriggerKind.DELIVERY_ATTEMPTED,
        "failure": TriggerKind.DELIVERY_FAILED,
        "delivered": TriggerKind.DELIVERY,
    }
)
"""What a carrier says (`shipment_status`) in our words."""


def parcel_of(parcel: Fields, subject: str, *, is_test: bool, order_facts: dict[str, Any]) -> tuple[TriggerDraft, ...]:
    """Return what is known of a parcel.

    Args:
        parcel: the fulfilment.
        subject: of its order.
        is_test: whether the order is one.
        order_facts: what is known of the order.
    """
    if parcel.text("status") not in SHIPPED:
        return ()
    created_at = parcel.required_instant("created_at")
    changed_at = parcel.instant("updated_at") or created_at
    key = f"fulfillment-{parcel.required('id')}"
    tracking = _tracking(parcel)
    facts = order_facts | tracking
    found = [TriggerDraft(TriggerKind.FULFILMENT, key, created_at, subject, is_test=is_test, facts=facts)]
    if tracking:
        followed = TriggerDraft(
            TriggerKind.FULFILMENT,
            f"{key}/tracking",
            changed_at,
            subject,
            is_test=is_test,
            facts=facts,
            anchored_at=created_at,
            unless=key,
        )
        found.append(followed)
    said = CARRIER.get((parcel.text("shipment_status") or "").lower())
    if said is not None:
        word = "delivered" if said is TriggerKind.DELIVERY else said.value
        found.append(
            TriggerDraft(
                said, f"{key}/{word}", changed_at, subject, is_test=is_test, facts=facts, anchored_at=created_at
            )
        )
    return tuple(found)


def _tracking(parcel: Fields) -> dict[str, Any]:
    """Return how a parcel can be followed: its first address and number, where it has several."""
    return known(
        tracking_url=parcel.text("tracking_url") or _first(parcel, "tracking_urls"),
        tracking_number=parcel.text("tracking_number") or _first(parcel, "tracking_numbers"),
        tracking_company=parcel.text("tracking_company"),
    )


def _first(parcel: Fields, name: str) -> str | None:
    return next(filter(None, parcel.ids(name)), None) if name in parcel else None
