"""What the demo's shop and its customer can do, through public HTTP calls alone, and moving its clock forward."""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import orjson

from shared.clock import SystemClock, read_offset, write_offset

MERCHANT = "acme"
SENDER_NUMBER = "+12025550100"
_LINK = re.compile(r"https?://\S+/r/\w+")
BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets that the demo's shop and Followup share; new for each run."""

    shopify: str
    twilio: str
    api_key: str

    @classmethod
    def new(cls) -> "Secrets":
        """Return fresh secrets."""
        return cls(secrets.token_hex(16), secrets.token_hex(16), f"fu_{secrets.token_urlsafe(32)}")

    def environment(self) -> dict[str, str]:
        """Return the environment variables that merchant.yaml names."""
        return {"ACME_SHOPIFY_SECRET": self.shopify, "ACME_TWILIO_TOKEN": self.twilio}


class DemoActions:
    """Acts as the shop, its customer and a developer, and reads the public HTTP API."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        shop_secrets: Secrets,
        clock_file: Path,
        phone: str,
        clock: SystemClock | None = None,
    ) -> None:
        """Act on a demo whose processes follow the clock file; `clock` is this process's own, if it runs them."""
        self._clock = clock
        self.client = client
        self.secrets = shop_secrets
        self.clock_file = clock_file
        self.phone = phone
        self.order_id = secrets.randbelow(9 * 10**12) + 10**12
        """Shopify's order ids exceed 32 bits."""
        self._customer_id = self.order_id + 7

    async def place_order(self, *, number: int, minor: int, at: datetime) -> httpx2.Response:
        """Post a signed Shopify `orders/create`, as Shopify does."""
        order_id = self.order_id + number
        customer = {"id": self._customer_id, "first_name": "Ana", "last_name": "Rivera", "phone": self.phone}
        address = {"country_code": "US", "province_code": "NY", "zip": "10001"}
        order = {
            "id": order_id,
            "name": f"#{1000 + number}",
            "created_at": at.isoformat(),
            "processed_at": at.isoformat(),
            "currency": "USD",
            "total_price": f"{minor // 100}.{minor % 100:02d}",
            "financial_status": "paid",
            "test": False,
            "customer_locale": "en-US",
            "phone": self.phone,
            "customer": customer,
            "shipping_address": address,
            "billing_address": address,
            "line_items": [{"id": order_id + 1, "title": "Beans 1 kg", "quantity": 2, "price": "24.50"}],
            "order_status_url": f"https://acme.example/orders/{order_id}",
        }
        body = orjson.dumps(order)
        signature = base64.b64encode(hmac.digest(self.secrets.shopify.encode(), body, hashlib.sha256)).decode()
        return await self.client.post(
            f"/v1/webhooks/shopify/{MERCHANT}",
            content=body,
            headers={
                "Content-Type": "application/json",
                "X-Shopify-Topic": "orders/create",
                "X-Shopify-Hmac-Sha256": signature,
                "X-Shopify-Shop-Domain": "acme-coffee.myshopify.com",
                "X-Shopify-Event-Id": f"event-{order_id}",
                "X-Shopify-Webhook-Id": secrets.token_hex(16),
                "X-Shopify-Triggered-At": at.isoformat(),
                "X-Shopify-API-Version": "2026-10",
            },
        )

    def jump(self, by: timedelta) -> None:
        """Move the demo's clock forward; the services only see that it is later."""
        offset = read_offset(self.clock_file) + by
        if self._clock is not None:
            self._clock.move(offset)
        else:
            write_offset(self.clock_file, offset)

    async def texts_received(self) -> list[dict[str, Any]]:
        """Return the texts that the virtual phone received from the shop, oldest first."""
        answer = await self.client.get(f"/simulator/phones/{self.phone}.json")
        texts = answer.json().get("texts", []) if answer.is_success else []
        return [text for text in texts if text["to"] == self.phone]

    async def tap_link(self, text: str) -> httpx2.Response | None:
        """Open the short link of a text, as a phone's browser does."""
        found = _LINK.search(text)
        if found is None:
            return None
        return await self.client.get(found.group(), headers={"User-Agent": BROWSER}, follow_redirects=False)

    async def reply(self, text: str) -> httpx2.Response:
        """Send a reply from the virtual phone."""
        return await self.client.post(f"/simulator/phones/{self.phone}/replies", json={"text": text})

    async def enqueue(self, text: str, at: datetime) -> httpx2.Response:
        """Request one more text through the API, as a developer would."""
        return await self.client.post(
            "/v1/follow-ups",
            json={
                "to": self.phone,
                "purpose": "transactional",
                "text": text,
                "due_at": at.isoformat(),
                "if_past": "send",
                "recipient": {"first_name": "Ana", "country": "US", "state": "NY"},
            },
            headers={**self.authorization, "Idempotency-Key": f"after-stop-{self.order_id}"},
        )

    async def read(self, path: str) -> Any:
        """Return the JSON of a public GET; None on an error status."""
        answer = await self.client.get(path, headers=self.authorization)
        return answer.json() if answer.is_success else None

    async def ask(self, path: str, body: dict[str, Any]) -> Any:
        """Return the JSON of a public POST that changes nothing; None on an error status."""
        answer = await self.client.post(path, json=body, headers=self.authorization)
        return answer.json() if answer.is_success else None

    @property
    def authorization(self) -> dict[str, str]:
        """The demo's API key as a header."""
        return {"Authorization": f"Bearer {self.secrets.api_key}"}
