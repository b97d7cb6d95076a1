"""An invented person and an invented event, on which texts are shown before anybody gets them (pure)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.scheduler.runs.facts import History, recipient_names
from services.scheduler.runs.plan import names_of
from shared.config.directory import Merchant
from shared.config.flow import Flow
from shared.config.vocabulary import FACTS
from shared.events.trigger import Contact, PhoneProvenance, TriggerKind
from shared.phone import E164

_NUMBER: Final = E164("+12025550123")
_FIRST_NAME: Final = "Maria"
_SUBJECT: Final = "1042"
_AMOUNT_MINOR: Final = 4900
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
_OF_TYPE: Final[Mapping[str, Any]] = {
    "string": "example",
    "int": 3,
    "double": 4.5,
    "bool": True,
    "list": ["one", "two"],
    "map": {},
}
"""A value of each type that a flow may declare."""
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


_OF_THE_EVENT: Final = frozenset({"kind", "source", "test", "occurred_at"})
"""What no caller says of a trigger."""


def invented_names(flow: Flow, merchant: Merchant, locale: str, now: datetime) -> dict[str, Any]:
    """Return the names that a template reads, of a person who does not exist."""
    config = merchant.config
    zone = ZoneInfo(config.time_zone)
    contact = Contact(
        phone=_NUMBER,
        provenance=PhoneProvenance.API,
        first_name=_FIRST_NAME,
        last_name="Lopez",
        locale=locale,
        country=config.country or "US",
        state="NY" if config.country in {None, "US"} else None,
        time_zone=config.time_zone,
    )
    history = History(orders=2, total_spent_minor=9800, last_order_at=now - timedelta(days=30))
    trigger = _trigger(flow, config.country, now, zone)
    return names_of(merchant, trigger, recipient_names(contact), history.names(), zone) | {"now": now.isoformat()}


def invented_facts(flow: Flow, merchant: Merchant, now: datetime) -> dict[str, Any]:
    """Return what a caller could give as the trigger of a flow."""
    config = merchant.config
    return {
        name: value
        for name, value in _trigger(flow, config.country, now, ZoneInfo(config.time_zone)).items()
        if name not in _OF_THE_EVENT
    }


def _trigger(flow: Flow, country: str | None, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    kind = str(flow.on)
    facts = FACTS[TriggerKind(kind)] if kind in tuple(TriggerKind) else frozenset()
    return {
        "subject": _SUBJECT,
        "customer": "c-77",
        "amount_minor": _AMOUNT_MINOR,
        "currency": _CURRENCY_OF.get(country or "", "USD"),
        **{name: _value(name, now, zone) for name in sorted(facts)},
        **{name: _declared(name, kind, now, zone) for name, kind in flow.facts.items()},
        "kind": kind,
        "source": "example",
        "test": False,
        "occurred_at": now.isoformat(),
    }


def _value(name: str, now: datetime, zone: ZoneInfo) -> Any:
    if name.endswith("_url"):
        return f"https://shop.example/{name.removesuffix('_url').replace('_', '-')}/{_SUBJECT}"
    if name.endswith("_at"):
        return (now.astimezone(zone) + timedelta(days=1)).replace(minute=0, second=0, microsecond=0).isoformat()
    return _WORDS.get(name, _OF_TYPE["string"])


def _declared(name: str, kind: str, now: datetime, zone: ZoneInfo) -> Any:
    """Return a value of a declared fact; a text is guessed by its name."""
    return _value(name, now, zone) if kind == "string" else _OF_TYPE[kind]
