"""Factories for the scheduler: a merchants folder, and events about its customers, sealed as ingest seals them."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from shared import aad, ids
from shared.config.directory import MerchantDirectory
from shared.events.engagement import ReplyClass, ReplyReceived
from shared.events.trigger import Contact, TriggerReceived
from shared.http.auth import KEY_PREFIX, key_sha256
from shared.ids import EventId, MerchantId, RecipientId
from shared.phone import E164
from shared.privacy import Sealer
from shared.testing import make

MERCHANT = MerchantId(make.MERCHANT)
OTHER_MERCHANT = MerchantId("globex")
PHONE = "+12125550123"
SENDER_NUMBER = make.SENDER_NUMBER
KEYS = {MERCHANT: f"{KEY_PREFIX}acme", OTHER_MERCHANT: f"{KEY_PREFIX}globex"}
"""API keys with every scope of the scheduler."""

THANK_YOU = """
flow: order-thank-you
description: Thank the buyer, ask for a review later.
on: purchase
when: trigger.amount_minor >= 2000 && !trigger.test
enter: {once_per: trigger.subject}
cancel_on:
  - {on: refund, when: event.subject == trigger.subject}
steps:
  - wait: 1h
  - text: thanks
    purpose: transactional
    expire_after: 12h
    body:
      en: "Thanks {{ recipient.first_name | default: 'so much' }}! Order {{ trigger.order_name }}"
      es: "¡Gracias! Pedido {{ trigger.order_name }}"
  - wait: {days: 3, then_at: "10:00"}
  - text: review
    purpose: marketing
    expire_after: 3d
    body: {en: "How is the coffee?"}
"""
CART = """
flow: cart
on: checkout_started
enter: {every: 1d}
cancel_on:
  - {on: purchase}
steps:
  - wait: 30m
  - text: reminder
    purpose: marketing
    expire_after: 1d
    body: "You left something behind."
"""


def merchants(
    folder: Path, flows: Mapping[str, str] | None = None, *, parts_per_second: float = 100, more: str = ""
) -> MerchantDirectory:
    """Write a folder with two merchants, the first with these flows (file name to text), and return it read."""
    chosen = {"order-thank-you": THANK_YOU, "cart": CART} if flows is None else flows
    _write(folder / MERCHANT, MERCHANT, SENDER_NUMBER, chosen, parts_per_second, more)
    _write(folder / OTHER_MERCHANT, OTHER_MERCHANT, "+12025550199", {}, parts_per_second, "")
    return MerchantDirectory.load(folder, {})


def _write(
    folder: Path, merchant: str, number: str, flows: Mapping[str, str], parts_per_second: float, more: str
) -> None:
    (folder / "flows").mkdir(parents=True, exist_ok=True)
    (folder / "merchant.yaml").write_text(
        f"""merchant: {merchant}
brand: {merchant.title()} Coffee
locale: en-US
country: US
time_zone: America/New_York
contact: "help@{merchant}.example"
providers: {{main: {{kind: simulated}}}}
numbers:
  - {{number: "{number}", provider: main, kind: long_code, parts_per_second: {parts_per_second}}}
api_keys:
  - id: all
    sha256: "{key_sha256(f"{KEY_PREFIX}{merchant}")}"
    scopes: ["follow-ups:write", "follow-ups:read", "flows:read", "flows:write", "controls:write", "controls:read",
      "messages:read"]
{more}""",
        encoding="utf-8",
    )
    for name, text in flows.items():
        (folder / "flows" / f"{name}.yaml").write_text(text, encoding="utf-8")


def recipient(sealer: Sealer, phone: str = PHONE, merchant: MerchantId = MERCHANT) -> RecipientId:
    """Return who this phone is to this merchant."""
    return sealer.recipient_id(merchant, E164(phone))


def trigger(
    sealer: Sealer,
    at: datetime,
    kind: str = "purchase",
    *,
    subject: str = "order-1",
    phone: str = PHONE,
    facts: Mapping[str, Any] | None = None,
    contact: Mapping[str, Any] | None = None,
    **changes: Any,
) -> TriggerReceived:
    """Return the event that ingest publishes for a trigger; the same arguments make the same event."""
    merchant = changes.pop("merchant_id", MERCHANT)
    particulars = Contact.model_validate({"phone": phone, "first_name": "Ana", **(contact or {})})
    event_id = changes.get("event_id", EventId(ids.derived("trigger.received", merchant, kind, subject, phone, at=at)))
    person = changes.get("recipient_id", recipient(sealer, phone, merchant))
    values: dict[str, Any] = {
        "event_id": event_id,
        "merchant_id": merchant,
        "recipient_id": person,
        "occurred_at": at,
        "correlation_id": f"c-{subject}",
        "kind": kind,
        "subject": subject,
        "customer": None,
        "contact": sealer.seal(merchant, aad.contact(person), particulars.model_dump_json().encode()),
        "facts": sealer.seal(
            merchant, aad.trigger_facts(event_id), orjson.dumps({"order_name": "#1001", **(facts or {})})
        ),
    }
    return make.event(TriggerReceived, **{**values, **changes})


def reply(
    sealer: Sealer, at: datetime, reply_class: ReplyClass, *, phone: str = PHONE, **changes: Any
) -> ReplyReceived:
    """Return the event that the sender publishes for an inbound text."""
    person = recipient(sealer, phone)
    values: dict[str, Any] = {
        "event_id": EventId(ids.derived("reply.received", phone, reply_class, at=at)),
        "recipient_id": person,
        "occurred_at": at,
        "reply_class": reply_class,
        "contact": sealer.seal(MERCHANT, aad.contact(person), Contact(phone=phone).model_dump_json().encode()),
    }
    return make.event(ReplyReceived, **{**values, **changes})
