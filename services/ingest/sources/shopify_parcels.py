"""Shopify's parcels: shipped, trackable, and the states their carriers report.

    {"id": 255858046, "order_id": 820982911946154508, "status": "success", "created_at": "2026-11-30T16:00:00-05:00",
     "updated_at": "2026-12-01T09:00:00-05:00", "shipment_status": "out_for_delivery", "tracking_company": "UPS",
     "tracking_number": "1Z2345", "tracking_url": "https://www.ups.com/track?tracknum=1Z2345"}

A parcel is reported as shipped once, and once more if an update adds its tracking. Each state of the carrier is
reported once; a label that was bought or printed, or an announced parcel, is not reported.

Source: webhooks section 1 (fulfillments/create, fulfillments/update); FulfillmentStatus and FulfillmentEventStatus of
Shopify's API.
"""

from functools import partial
from types import MappingProxyType
from typing import Any

from services.ingest.domain.parsed_deliveries import TriggerDraft
from services.ingest.sources.json_object import JSONObject
from services.ingest.sources.shopify_people import known
from shared.events.trigger import TriggerKind

SHIPPED = frozenset({"success"})
"""A fulfilment that is pending or open has not left the shop; a cancelled or failed one never will."""
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
"""The trigger of each carrier state (`shipment_status`)."""


def parcel_of(
    parcel: JSONObject, subject: str, *, is_test: bool, order_facts: dict[str, Any]
) -> tuple[TriggerDraft, ...]:
    """Return the triggers of a parcel.

    Args:
        parcel: the fulfilment.
        subject: of its order.
        is_test: whether the order is one.
        order_facts: the facts of the order, if known.
    """
    if parcel.text("status") not in SHIPPED:
        return ()
    created_at = parcel.required_instant("created_at")
    changed_at = parcel.instant("updated_at") or created_at
    key = f"fulfillment-{parcel.required('id')}"
    tracking = _tracking(parcel)
    draft = partial(TriggerDraft, subject=subject, is_test=is_test, facts=order_facts | tracking)
    found = [draft(TriggerKind.FULFILMENT, key, created_at)]
    update = partial(draft, occurred_at=changed_at, anchored_at=created_at)
    if tracking:
        found.append(update(TriggerKind.FULFILMENT, f"{key}/tracking", superseded_by=key))
    said = CARRIER.get((parcel.text("shipment_status") or "").lower())
    if said is not None:
        word = "delivered" if said is TriggerKind.DELIVERY else said.value
        found.append(update(said, f"{key}/{word}"))
    return tuple(found)


def _tracking(parcel: JSONObject) -> dict[str, Any]:
    """Return the tracking of a parcel: its first URL and number, if it has several."""
    return known(
        tracking_url=parcel.text("tracking_url") or _first(parcel, "tracking_urls"),
        tracking_number=parcel.text("tracking_number") or _first(parcel, "tracking_numbers"),
        tracking_company=parcel.text("tracking_company"),
    )


def _first(parcel: JSONObject, name: str) -> str | None:
    return next(filter(None, parcel.ids(name)), None) if name in parcel else None
