"""The names conditions and templates may read: what every trigger has, what its kind adds, what a flow declares."""

from collections.abc import Iterable

from shared.events.trigger import TriggerKind

RECIPIENT_FIELDS = frozenset({"first_name", "last_name", "locale", "country", "state", "postal_code", "time_zone"})
HISTORY_FIELDS = frozenset({"orders", "texts_7d", "texts_30d", "last_order_at", "total_spent_minor"})
TRIGGER_FIELDS = frozenset({"kind", "subject", "customer", "source", "amount_minor", "currency", "test", "occurred_at"})
"""What every trigger has, whatever its kind."""

_GOODS = {"items", "skus", "discount_codes"}
_ORDER = _GOODS | {
    *("order_name", "order_status_url", "review_url", "financial_status", "landing_site", "checkout_token"),
    *("source_name", "tags", "requires_shipping"),
}
_CART = _GOODS | {"checkout_url", "cart_url", "requires_shipping"}
_PARCEL = {"tracking_url", "tracking_company", "tracking_number"}
FACTS = {
    TriggerKind.PURCHASE: frozenset(_ORDER),
    TriggerKind.INQUIRY: frozenset({"topic", "page_url"}),
    TriggerKind.CHECKOUT_STARTED: frozenset(_CART),
    TriggerKind.CHECKOUT_COMPLETED: frozenset(_CART | _ORDER),
    **dict.fromkeys(
        (
            *(TriggerKind.FULFILMENT, TriggerKind.IN_TRANSIT, TriggerKind.OUT_FOR_DELIVERY),
            *(TriggerKind.READY_FOR_PICKUP, TriggerKind.DELIVERY_ATTEMPTED, TriggerKind.DELIVERY_FAILED),
            TriggerKind.DELIVERY,
        ),
        frozenset(_ORDER | _PARCEL),
    ),
    TriggerKind.REFUND: frozenset(_ORDER | {"reason"}),
    TriggerKind.CANCELLATION: frozenset(_ORDER | {"reason", "booking_name"}),
    TriggerKind.BOOKING: frozenset({"booking_name", "booking_url", "starts_at", "place"}),
    TriggerKind.CUSTOMER_UPDATED: frozenset({"tags"}),
    TriggerKind.SUBSCRIPTION_CANCEL_STARTED: frozenset({"reason", "plan", "manage_url"}),
    TriggerKind.LOYALTY_CHANGED: frozenset({"points", "tier"}),
    TriggerKind.SURVEY_ANSWERED: frozenset({"survey", "score", "comment"}),
}
"""What triggers of a kind carry beyond that, where their source knows it; a custom kind has only declared facts."""

SOURCES = frozenset(
    {"shopify", "woocommerce", "bigcommerce", "stripe", "hubspot", "standard-webhooks", "cloudevents", "adobe-commerce"}
    | {"chargebee", "userpilot", "wesupply", "salesforce"}
)
"""Sources that a merchant file may name."""
SOURCES_BUILT = frozenset({"shopify", "standard-webhooks"})
"""Those of them whose deliveries this version reads."""
PROVIDERS_BUILT = frozenset({"twilio", "simulated"})
"""Kinds of provider that this version sends through."""
SCOPES = (
    "follow-ups:read",
    "follow-ups:write",
    "flows:read",
    "flows:write",
    "controls:read",
    "controls:write",
    "events:write",
    "consents:read",
    "consents:write",
    "rights:read",
    "rights:write",
    "gate:read",
    "holds:read",
    "holds:write",
    "decisions:read",
    "dispatches:read",
    "operations:read",
    "operations:write",
    "replies:read",
    "replies:write",
    "messages:read",
    "recipients:reveal",
    "metrics:read",
    "audit:read",
    "notifications:read",
    "notifications:write",
)
"""The scopes of keys: one for each thing a holder may do."""


def fields_of(root: str, kind: str, declared: Iterable[str]) -> frozenset[str]:
    """Return the fields of ``trigger``, ``event``, ``recipient`` or ``history``.

    Those of a trigger or event depend on its kind, and on what the flow declares under ``facts:``.
    """
    match root:
        case "recipient":
            return RECIPIENT_FIELDS
        case "history":
            return HISTORY_FIELDS
        case _:
            known = FACTS[TriggerKind(kind)] if kind in tuple(TriggerKind) else frozenset()
            return TRIGGER_FIELDS | known | frozenset(declared)
