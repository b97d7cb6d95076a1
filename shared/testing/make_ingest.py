"""Deliveries as platforms send them, and a merchant to send them to."""

import base64
import hmac
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from shared.http.auth import key_sha256

SECRET = "shpss_made_up"  # noqa: S105 - for tests
OLD_SECRET = "shpss_made_up_before"  # noqa: S105 - for tests
STANDARD_SECRET = "whsec_" + base64.b64encode(b"a made-up key of some length").decode()
API_KEY = "fu_made_up"
PHONE = "+12125550123"
ORDER_ID = 9_007_199_254_740_993
"""2^53 + 1: becomes another order's when read as a float."""

_MERCHANT = """\
merchant: {name}
brand: Acme Coffee
country: US
contact: help@acme.example
sources:
  shopify: {{secrets: [{{file: {folder}/new}}, {{file: {folder}/old}}]}}
  standard-webhooks: {{secrets: [{{file: {folder}/standard}}]}}
api_keys:
  - {{id: backend, sha256: "{key}", scopes: ["events:write", "operations:read", "operations:write", "audit:read"]}}
"""


def merchants_folder(folder: Path, *names: str) -> Path:
    """Write merchant files that know the secrets above; each merchant's API key is `api_key(name)`."""
    secrets = folder / "secrets"
    secrets.mkdir()
    for name, secret in (("new", SECRET), ("old", OLD_SECRET), ("standard", STANDARD_SECRET)):
        (secrets / name).write_text(secret, encoding="utf-8")
    for name in names or ("acme",):
        own = folder / "merchants" / name
        own.mkdir(parents=True)
        text = _MERCHANT.format(name=name, folder=secrets, key=key_sha256(api_key(name)))
        (own / "merchant.yaml").write_text(text, encoding="utf-8")
    return folder / "merchants"


def api_key(merchant: str = "acme") -> str:
    """Return the API key of a merchant in `merchants_folder`."""
    return f"{API_KEY}_{merchant}"


def shopify_order(**changes: Any) -> dict[str, Any]:
    """Return an order; `changes` replace top-level members."""
    return {
        "id": ORDER_ID,
        "name": "#1001",
        "created_at": "2026-12-01T11:59:00-05:00",
        "currency": "USD",
        "total_price": "49.00",
        "financial_status": "paid",
        "test": False,
        "cancelled_at": None,
        "customer_locale": "en-US",
        "phone": None,
        "checkout_token": "b1946ac9",
        "customer": {"id": 207_119_551, "first_name": "Ana", "last_name": "Ruiz", "phone": PHONE},
        "billing_address": {"country_code": "US", "province_code": "NY", "zip": "10001", "phone": None},
        "shipping_address": None,
        "line_items": [{"title": "Beans 1 kg", "sku": "B1", "quantity": 1, "price": "49.00"}],
        "discount_codes": [{"code": "HELLO", "amount": "5.00"}],
        "order_status_url": "https://acme.example/o/1001",
        "refunds": [],
    } | changes


def shopify_refund(**changes: Any) -> dict[str, Any]:
    """Return a refund of the order above."""
    return {
        "id": 509_562_969,
        "order_id": ORDER_ID,
        "created_at": "2026-12-01T12:30:00-05:00",
        "note": "broken cup",
        "transactions": [{"kind": "refund", "status": "success", "amount": "12.50", "currency": "USD"}],
    } | changes


def shopify_headers(body: bytes, topic: str, *, event_id: str = "event-1", **changes: str) -> dict[str, str]:
    """Return the headers of a delivery signed with the current secret; `changes` use underscores for hyphens."""
    return {
        "content-type": "application/json",
        "x-shopify-topic": topic,
        "x-shopify-hmac-sha256": shopify_signature(body, SECRET),
        "x-shopify-shop-domain": "acme.myshopify.com",
        "x-shopify-event-id": event_id,
        "x-shopify-webhook-id": f"webhook-of-{topic}-{event_id}",
    } | {name.replace("_", "-"): value for name, value in changes.items()}


def shopify_signature(body: bytes, secret: str) -> str:
    """Return what Shopify puts into its signature header."""
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def standard_headers(body: bytes, at: datetime, *, delivery_id: str = "msg_1") -> dict[str, str]:
    """Return the headers of a Standard Webhooks delivery signed at an instant."""
    timestamp = str(int(at.timestamp()))
    key = base64.b64decode(STANDARD_SECRET.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"{delivery_id}.{timestamp}.".encode() + body, "sha256")).decode()
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,bm90IHRoaXMgb25l v1,{signature}",
    }


def event(**changes: Any) -> dict[str, Any]:
    """Return an event of `POST /v1/events`."""
    return {
        "id": "evt-1",
        "kind": "purchase",
        "occurred_at": "2026-12-01T16:59:00Z",
        "subject": "order-1001",
        "recipient": {"phone": PHONE, "first_name": "Ana", "country": "US", "state": "NY"},
        "amount": {"minor": 4900, "currency": "USD"},
        "facts": {"order_name": "#1001"},
    } | changes


def body_of(document: Any) -> bytes:
    """Return a document as a platform would write it."""
    return json.dumps(document).encode()
