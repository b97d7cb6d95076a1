"""What an event could say: values for facts, shown where a flow is tried before anything has happened (pure)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from shared.config.vocabulary import FACTS
from shared.events.trigger import TriggerKind

SUBJECT: Final = "1042"
AMOUNT_MINOR: Final = 4900
_OTHER_WORDS: Final = "example"
_CURRENCY_OF: Final[Mapping[str, str]] = {
    **dict.fromkeys(("AT", "BE", "DE", "ES", "FI", "FR", "GR", "IE", "IT", "LU", "NL", "PT"), "EUR"),
    "GB": "GBP",
    "CA": "CAD",
    "AU": "AUD",
    "NZ": "NZD",
    "MX": "MXN",
    "BR": "BRL",
    "JP": "JPY",
    "CH": "CHF",
}
_WORDS: Final[Mapping[str, Any]] = {
    "items": ["Ethiopia Yirgacheffe", "paper filters"],
    "skus": ["ETH-250", "FILTER-100"],
    "discount_codes": ["WELCOME10"],
    "tags": ["regular"],
    "order_name": "#1042",
    "financial_status": "paid",
    "landing_site": "/",
    "checkout_token": "c0ffee",
    "source_name": "web",
    "requires_shipping": True,
    "topic": "opening hours",
    "tracking_company": "UPS",
    "tracking_number": "1Z9990000000000000",
    "reason": "changed my mind",
    "booking_name": "Table for two",
    "place": "Main Street 5",
    "plan": "monthly",
    "points": 120,
    "tier": "gold",
    "survey": "visit",
    "score": 9,
    "comment": "lovely",
}
"""What a fact of a trigger could be; one that ends in `_url` is an address, one in `_at` a time tomorrow."""


def currency_of(country: str | None) -> str:
    """Return the currency of a country; the US dollar where none is known."""
    return _CURRENCY_OF.get(country or "", "USD")


def facts_of(kind: str, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Return each fact that an event of a kind may state; a shop's own kinds state none."""
    names = FACTS[TriggerKind(kind)] if kind in tuple(TriggerKind) else frozenset()
    return {name: fact(name, now, zone) for name in sorted(names)}


def fact(name: str, now: datetime, zone: ZoneInfo) -> Any:
    """Return what a fact could be; one whose name is not known is a word."""
    if name.endswith("_url"):
        return f"https://shop.example/{name.removesuffix('_url').replace('_', '-')}/{SUBJECT}"
    if name.endswith("_at"):
        return (now.astimezone(zone) + timedelta(days=1)).replace(minute=0, second=0, microsecond=0).isoformat()
    return _WORDS.get(name, _OTHER_WORDS)
