"""An invented person and an invented event, on which texts are shown before anybody gets them (pure)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.scheduler.runs.facts import History, recipient_names
from services.scheduler.runs.plan import names_of
from shared.config.directory import Merchant
from shared.config.example_facts import AMOUNT_MINOR, SUBJECT, currency_of, fact, facts_of
from shared.config.flow import Flow
from shared.events.trigger import Contact, PhoneProvenance
from shared.phone import E164

_NUMBER: Final = E164("+12025550123")
_FIRST_NAME: Final = "Maria"
_OF_TYPE: Final[Mapping[str, Any]] = {
    "string": "example",
    "int": 3,
    "double": 4.5,
    "bool": True,
    "list": ["one", "two"],
    "map": {},
}
"""A value of each type that a flow may declare."""
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
    return {
        "subject": SUBJECT,
        "customer": "c-77",
        "amount_minor": AMOUNT_MINOR,
        "currency": currency_of(country),
        **facts_of(kind, now, zone),
        **{name: _declared(name, kind, now, zone) for name, kind in flow.facts.items()},
        "kind": kind,
        "source": "example",
        "test": False,
        "occurred_at": now.isoformat(),
    }


def _declared(name: str, kind: str, now: datetime, zone: ZoneInfo) -> Any:
    """Return a value of a declared fact; a text is guessed by its name."""
    return fact(name, now, zone) if kind == "string" else _OF_TYPE[kind]
