"""What the shop, its customers and its support do in the history, through public HTTP calls alone."""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import httpx2
import orjson

from services.demo.actions import BROWSER, MERCHANT, Secrets
from services.demo.history.people import Agreement, Customer
from services.simulator.faults import FaultKind, FaultPlan, FaultRule
from services.simulator.wire import SIGNATURE_HEADER, sign

SHOP_ADDRESS: Final = "https://acme.example"
DISCLOSURE: Final = (
    "I agree to receive automated marketing texts from Acme Coffee at the number I give. Consent is not a condition of "
    "purchase. Msg frequency varies. Reply STOP to opt out."
)
_LINK: Final = re.compile(r"https?://\S+/r/\w+")
_ITEMS: Final = ("House blend 1 kg", "Ethiopia Guji 500 g", "Decaf 500 g", "Espresso No. 4 1 kg", "Moka pot")
_FIRST_ORDER: Final = 5_900_000_000_000
_MOST_AT_ONCE: Final = 100
_STRANGER: Final = "+12125550199"
_SHORT_CODE: Final = "72645"
_ACCOUNT: Final = "AC00000000000000000000000000000000"
"""As in the shop's merchant.yaml."""


class ShopRefused(Exception):
    """The application refused what the history did; the message says what and why."""


class ShopLife:
    """Acts as the shop's platform, its customers and its support."""

    def __init__(self, client: httpx2.AsyncClient, secrets: Secrets, sender_number: str) -> None:
        self._client = client
        self._secrets = secrets
        self._sender_number = sender_number

    # ---- the shop's platform

    async def order(self, customer: Customer, number: int, minor: int, at: datetime, checkout: int | None) -> None:
        """Post a paid order; one that began as a checkout completes it."""
        body = {
            **self._order_of(number),
            "name": f"#{2000 + number}",
            "created_at": at.isoformat(),
            "processed_at": at.isoformat(),
            "currency": "USD",
            "total_price": _amount(minor),
            "financial_status": "paid",
            "test": False,
            "customer_locale": customer.locale,
            "line_items": [{"title": _ITEMS[number % len(_ITEMS)], "quantity": 1, "price": _amount(minor)}],
            "order_status_url": f"{SHOP_ADDRESS}/orders/{number}",
            **_who(customer),
        }
        if checkout is not None:
            body["checkout_token"] = _token(checkout)
        await self._webhook("orders/create", body, f"order-{number}", at)

    async def cart(self, customer: Customer, number: int, minor: int, at: datetime) -> None:
        """Post a checkout that was begun."""
        body = {
            "token": _token(number),
            "created_at": at.isoformat(),
            "updated_at": at.isoformat(),
            "completed_at": None,
            "currency": "USD",
            "total_price": _amount(minor),
            "abandoned_checkout_url": f"{SHOP_ADDRESS}/checkouts/{_token(number)}",
            "line_items": [{"title": _ITEMS[number % len(_ITEMS)]}],
            **_who(customer),
        }
        await self._webhook("checkouts/create", body, f"checkout-{number}", at)

    async def parcel(self, number: int, shipped_at: datetime, at: datetime, *, is_delivered: bool) -> None:
        """Post a parcel that was handed to the carrier, or delivered."""
        body = {
            "id": _FIRST_ORDER + number + 3,
            "order_id": _FIRST_ORDER + number,
            "status": "success",
            "created_at": shipped_at.isoformat(),
            "updated_at": at.isoformat(),
            "tracking_company": "UPS",
            "tracking_number": f"1Z{number:08}",
            "tracking_url": f"https://parcels.example/track/1Z{number:08}",
            "shipment_status": "delivered" if is_delivered else None,
        }
        topic = "fulfillments/update" if is_delivered else "fulfillments/create"
        await self._webhook(topic, body, f"{topic}-{number}", at)

    async def refund(self, number: int, minor: int, at: datetime) -> None:
        """Post a refund of an order, or of a part of it."""
        paid = {"kind": "refund", "status": "success", "amount": _amount(minor), "currency": "USD"}
        body = {
            "id": _FIRST_ORDER + number + 5,
            "order_id": _FIRST_ORDER + number,
            "created_at": at.isoformat(),
            "transactions": [paid],
        }
        await self._webhook("refunds/create", body, f"refund-{number}", at)

    async def erase(self, customer: Customer, at: datetime) -> None:
        """Forward a customer's wish to be forgotten."""
        who = {"id": customer.shop_id, "phone": customer.phone}
        body = {"shop_domain": "acme-coffee.myshopify.com", "customer": who, "orders_to_redact": []}
        await self._webhook("customers/redact", body, f"redact-{customer.place}", at)

    async def custom(self, kind: str, customer: Customer, at: datetime) -> None:
        """Report an event of the shop's own."""
        event = {
            "id": f"{kind}-{customer.place}",
            "kind": kind,
            "occurred_at": at.isoformat(),
            "customer": str(customer.shop_id),
            "recipient": _recipient(customer),
            "facts": {"shop_url": f"{SHOP_ADDRESS}/shop"},
        }
        await self._post("/v1/events", event)

    async def consent(self, customer: Customer, at: datetime) -> None:
        """Record what a customer ticked at the shop's own form."""
        await self._post("/v1/consents", _consent(customer, at))

    async def import_consents(self, people: Sequence[Customer], before: datetime) -> None:
        """Import what was collected before; rows without evidence are refused, withdrawals are taken as they are."""
        rows: list[dict[str, Any]] = []
        for customer in people:
            at = before - timedelta(days=20 + 3 * customer.place % 290, hours=customer.place % 11)
            if customer.standing is not Agreement.NONE:
                rows.append({**_consent(customer, at), "event": "imported"})
            if customer.place % 29 == 3:  # noqa: PLR2004 - a few opted out long ago
                rows.append({"to": customer.phone, "scope": "all", "event": "revoked"})
            if customer.place % 31 == 5:  # noqa: PLR2004 - and of a few no evidence was kept
                rows.append({"to": customer.phone, "scope": "marketing", "event": "imported", "level": "pewc"})
        await self._post("/v1/consents/imports", {"rows": rows})

    # ---- customers

    async def open_link(self, text: str, *, is_robot: bool) -> None:
        """Open the link of a text, as a person's browser or as a preview does."""
        found = _LINK.search(text)
        if found is not None:
            headers = {"User-Agent": BROWSER, **({"Purpose": "prefetch"} if is_robot else {})}
            await self._client.get(found.group(), headers=headers, follow_redirects=False)

    async def write(self, phone: str, words: str) -> None:
        """Let somebody write to the number that wrote to them last."""
        await self._post(f"/simulator/phones/{phone}/replies", {"text": words})

    async def write_as_stranger(self, words: str) -> None:
        """Let somebody write whom the shop has never written to."""
        await self._post(f"/simulator/phones/{_STRANGER}/replies", {"text": words, "to": self._sender_number})

    async def write_from_short_code(self, words: str) -> None:
        """Let the provider bring a text that no phone sent: it belongs to nobody the shop knows."""
        url = str(self._client.base_url.join(f"/v1/providers/main/{MERCHANT}/replies"))
        form = {
            "MessageSid": f"SM{hashlib.sha256(words.encode()).hexdigest()[:32]}",
            "AccountSid": _ACCOUNT,
            "From": _SHORT_CODE,
            "To": self._sender_number,
            "Body": words,
            "NumMedia": "0",
        }
        _require(
            await self._client.post(url, data=form, headers={SIGNATURE_HEADER: sign(url, form, self._secrets.twilio)})
        )

    async def texts_received(self) -> list[dict[str, Any]]:
        """Return the newest texts that the provider took: more than are sent between two stops of the clock."""
        answer = await self._client.get("/simulator/texts", params={"limit": _MOST_AT_ONCE})
        return [text for text in answer.json()["texts"] if text["direction"] == "outbound-api"]

    # ---- support

    async def answer(self, customer: Customer, words: str) -> None:
        """Answer what a customer wrote; the application may say no."""
        body = {"to": customer.phone, "purpose": "conversation", "text": words}
        await self._client.post("/v1/follow-ups", json=body, headers=self._authorization)

    async def recipient_id(self, customer: Customer) -> str:
        """Return the id under which the application knows a customer."""
        return str((await self._post("/v1/recipients/standing", {"to": customer.phone}))["recipient_id"])

    async def handle(self, recipient_id: str, action: str, body: dict[str, Any]) -> None:
        """Read, assign, decide or close a conversation; one that has changed meanwhile stays as it is."""
        path = f"/v1/conversations/{recipient_id}/{action}"
        await self._client.post(path, json=body, headers=self._authorization)

    async def control(self, action: str, flow: str, why: str) -> None:
        """Pause or resume a flow."""
        await self._post("/v1/controls", {"action": action, "scope": {"flow": flow}, "reason": why})

    # ---- the provider

    async def misbehave(self, rules: Sequence[FaultRule], seed: int) -> None:
        """Let the provider fail for some phones."""
        plan = FaultPlan(seed=seed, rules=tuple(rules)).model_dump(mode="json", exclude_defaults=True)
        answer = await self._client.put("/simulator/faults", json=plan)
        _require(answer)

    async def _webhook(self, topic: str, body: dict[str, Any], name: str, at: datetime) -> None:
        content = orjson.dumps(body)
        signature = base64.b64encode(hmac.digest(self._secrets.shopify.encode(), content, hashlib.sha256)).decode()
        answer = await self._client.post(
            f"/v1/webhooks/shopify/{MERCHANT}",
            content=content,
            headers={
                "Content-Type": "application/json",
                "X-Shopify-Topic": topic,
                "X-Shopify-Hmac-Sha256": signature,
                "X-Shopify-Shop-Domain": "acme-coffee.myshopify.com",
                "X-Shopify-Event-Id": f"history-{name}",
                "X-Shopify-Webhook-Id": f"history-hook-{name}",
                "X-Shopify-Triggered-At": at.isoformat(),
                "X-Shopify-API-Version": "2026-10",
            },
        )
        _require(answer)

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = await self._client.post(path, json=body, headers=self._authorization)
        _require(answer)
        return answer.json()

    @staticmethod
    def _order_of(number: int) -> dict[str, Any]:
        return {"id": _FIRST_ORDER + number}

    @property
    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secrets.api_key}"}


def faults(people: Sequence[Customer]) -> list[FaultRule]:
    """Return what goes wrong at the provider, and for whom: the same people always."""
    codes = (30003, 30005, 30006, 30007, 30008)
    """Switched off, unknown, a landline, filtered by the carrier, no reason given."""
    rules = [
        FaultRule(kind=FaultKind.UNDELIVERED, to=person.phone, code=codes[place % len(codes)])
        for place, person in enumerate(people[11::23][:12])
    ]
    rules += [FaultRule(kind=FaultKind.REFUSE, to=person.phone, code=21211) for person in people[17::61][:3]]
    rules += [FaultRule(kind=FaultKind.THROTTLE, to=person.phone, next=1) for person in people[5::37][:5]]
    rules += [FaultRule(kind=FaultKind.ACCEPTED_THEN_500, to=person.phone, next=1) for person in people[7::43][:4]]
    rules += [FaultRule(kind=FaultKind.RECEIPTS_LOST, to=person.phone, next=2) for person in people[9::41][:5]]
    return rules


def _require(answer: httpx2.Response) -> None:
    """Raise if the application refused.

    Raises:
        ShopRefused: it did.
    """
    if not answer.is_success:
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise ShopRefused(f"{asked}: {answer.status_code} {answer.text[:300]}")


def _consent(customer: Customer, at: datetime) -> dict[str, Any]:
    return {
        "to": customer.phone,
        "scope": "marketing",
        "level": customer.standing.value,
        "captured_at": at.isoformat(),
        "method": "checkout",
        "disclosure": DISCLOSURE,
        "source": f"{SHOP_ADDRESS}/checkout",
    }


def _who(customer: Customer) -> dict[str, Any]:
    """Return the fields of a Shopify document that say whose it is."""
    address = {
        "country_code": customer.country,
        "province_code": customer.state,
        "zip": customer.postal_code,
        "phone": customer.phone,
    }
    person = {
        "id": customer.shop_id,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "phone": customer.phone,
    }
    return {"phone": customer.phone, "customer": person, "billing_address": address, "shipping_address": address}


def _recipient(customer: Customer) -> dict[str, Any]:
    known = {
        "phone": customer.phone,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "locale": customer.locale,
        "country": customer.country,
        "state": customer.state,
        "postal_code": customer.postal_code,
    }
    return {name: value for name, value in known.items() if value is not None}


def _token(number: int) -> str:
    return hashlib.sha256(f"cart {number}".encode()).hexdigest()[:32]


def _amount(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"
