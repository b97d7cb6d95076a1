"""Any input to any endpoint is stored or clearly refused; never a 500, and never an application that hangs."""

import base64
import copy
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import httpx2
import sqlalchemy as sa

from services.demo.actions import DemoActions
from services.demo.environment import RunningDemo
from services.embedded import schemas
from services.ingest.tables import deliveries, quarantine
from shared.aad import delivery_body
from shared.bus import local
from shared.db.transaction import Row
from shared.http.auth import MERCHANT_HEADER
from shared.ids import MerchantId
from shared.testing.waiting import until
from shared.vocabulary.service_names import SERVICES

PROBLEM = "application/problem+json"
TEXT = {"to": "+12125550123", "purpose": "transactional", "text": "Your table is ready."}
EVENT = {
    "id": "evt-1",
    "kind": "purchase",
    "occurred_at": "2026-01-05T15:00:00Z",
    "subject": "order-1",
    "customer": "customer-1",
    "test": False,
    "recipient": {
        "phone": "+12125550123",
        "first_name": "Ana",
        "last_name": "Ruiz",
        "locale": "en-US",
        "country": "US",
        "state": "NY",
        "postal_code": "10001",
        "time_zone": "America/New_York",
    },
    "amount": {"minor": 4900, "currency": "USD"},
    "consent": [
        {
            "scope": "marketing",
            "event": "granted",
            "level": "pewc",
            "captured_at": "2026-01-05T14:59:00Z",
            "method": "checkout",
            "disclosure": "the text shown",
            "source": "https://acme.example/checkout",
        }
    ],
    "facts": {"order_name": "#1001", "order_status_url": "https://acme.example/o/1", "items": ["Beans 1 kg"]},
}
CONSENT = {
    "to": "+12125550123",
    "scope": "marketing",
    "event": "granted",
    "level": "pewc",
    "captured_at": "2026-01-05T14:59:00Z",
    "method": "checkout",
    "disclosure": "the text shown",
    "source": "https://acme.example/checkout",
    "ip": "192.0.2.1",
    "user_agent": "Mozilla/5.0",
    "evidence": {"page": "checkout"},
}


async def rows(shop: RunningDemo, statement: sa.Executable) -> Sequence[Row]:
    return await shop.application.runtime.database.read(lambda db: db.rows(statement))


async def stored(shop: RunningDemo) -> list[int]:
    """Return how many deliveries, quarantined ones and events there are."""
    tables = (deliveries, quarantine, local.event_log)
    counts = [await rows(shop, sa.select(sa.func.count().label("n")).select_from(table)) for table in tables]
    return [count[0]["n"] for count in counts]


async def parked(shop: RunningDemo) -> list[Row]:
    """Return every event that some consumer set aside."""
    tables = [table for schema in schemas() for table in schema.metadata.sorted_tables if table.name.endswith("parked")]
    assert len(tables) == len(SERVICES)
    return [row for table in tables for row in await rows(shop, sa.select(table))]


def signed(actions: DemoActions, body: bytes, topic: str = "orders/create", secret: str = "") -> dict[str, str]:
    """Return Shopify's headers over a body."""
    digest = hmac.digest((secret or actions.secrets.shopify).encode(), body, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
        "X-Shopify-Webhook-Id": hashlib.sha256(body + topic.encode()).hexdigest(),
    }


async def test_strangers_get_one_and_the_same_401_and_nothing_is_stored(shop: RunningDemo) -> None:
    client, actions = shop.actions.client, shop.actions
    body = json.dumps({"id": 1}).encode()
    good = signed(actions, body)
    unsigned = {name: value for name, value in good.items() if "Hmac" not in name}
    before = await stored(shop)
    answers = [
        await client.post("/v1/webhooks/shopify/acme", content=body, headers=signed(actions, body, secret="wrong")),
        await client.post("/v1/webhooks/shopify/acme", content=body, headers=unsigned),
        await client.post("/v1/webhooks/shopify/acme", content=body + b" ", headers=good),
        await client.post(
            "/v1/webhooks/shopify/acme",
            content=body,
            headers=[
                *((name.encode(), value.encode()) for name, value in unsigned.items()),
                (b"X-Shopify-Hmac-Sha256", b"\xe9"),
            ],
        ),
        await client.post("/v1/webhooks/shopify/nobody", content=body, headers=good),
        await client.post("/v1/webhooks/nothing/acme", content=body, headers=good),
        await client.post("/v1/webhooks/standard-webhooks/acme", content=body, headers=good),
        await client.post("/v1/providers/main/acme/replies", content=b"From=%2B12125550123&Body=STOP"),
        await client.post("/v1/providers/main/nobody/replies", content=b"From=%2B12125550123&Body=STOP"),
        await client.post("/v1/providers/other/acme/receipts", content=b"MessageSid=SM1&MessageStatus=delivered"),
        await client.post("/v1/events", json=EVENT),
        await client.post("/v1/events", json=EVENT, headers={"Authorization": "Bearer fu_wrong"}),
        await client.post("/v1/events", json=EVENT, headers={b"Authorization": b"Basic \xe9"}),
        await client.get("/v1/kpis", headers={"Authorization": f"Bearer {'x' * 4000}", "X-Followup-Merchant": "acme"}),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    shown = [{name: v for name, v in answer.headers.items() if name != "date"} for answer in answers]
    assert all(headers == shown[0] for headers in shown)
    assert await stored(shop) == before


async def test_a_body_over_the_limit_is_413_announced_or_not(shop: RunningDemo) -> None:
    client, before = shop.actions.client, await stored(shop)
    large = b"x" * (shop.application.runtime.settings.max_body_bytes + 1)

    async def in_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    headers = {**shop.actions.authorization, "Content-Type": "application/json"}
    for path in ("/v1/webhooks/shopify/acme", "/v1/events", "/v1/follow-ups", "/v1/consents", "/v1/gate/evaluations"):
        for body in (large, in_chunks()):
            answer = await client.post(path, content=body, headers=headers)
            assert (path, answer.status_code, answer.json()["code"]) == (path, 413, "body_too_large")
    for door in ("replies", "receipts"):
        answer = await client.post(f"/v1/providers/main/acme/{door}", content=in_chunks())
        assert answer.status_code == 413
    assert await stored(shop) == before


UNREADABLE = [
    (b"this is not JSON", "orders/create", "not_json"),
    (b"\xff\xfe", "orders/create", "not_json"),
    (b"", "orders/create", "not_json"),
    (b"[" * 5000, "orders/create", "not_json"),
    (b'{"id": 1}', "planets/create", "unknown_topic"),
    (b"[]", "orders/create", "misshapen"),
    (b'{"id": 1}', "orders/create", "topic_mismatch"),
    (b'{"id": 1, "financial_status": null, "a": ' + b"[" * 200 + b"]" * 200 + b"}", "orders/create", "misshapen"),
    (b'{"id": 1, "financial_status": "paid"}', "orders/create", "misshapen"),
    (b'{"id": 1, "financial_status": ' + b"[" * 200 + b"]" * 200 + b"}", "orders/create", "misshapen"),
    (b'{"id": 1, "financial_status": null, "name": "\\u0000"}', "orders/create", "misshapen"),
    (b'{"id": 1, "financial_status": null, "created_at": "0001-01-01T00:00:00+14:00"}', "orders/create", "misshapen"),
    (b'{"id": 1.5, "financial_status": null, "created_at": "2026-01-01T00:00:00Z"}', "orders/create", "misshapen"),
]


async def test_a_genuine_delivery_that_cannot_be_read_is_kept_and_said_why(shop: RunningDemo) -> None:
    sealer = shop.application.runtime.sealer
    for number, (body, topic, reason) in enumerate(UNREADABLE, start=1):
        headers = signed(shop.actions, body, topic)
        answer = await shop.actions.client.post("/v1/webhooks/shopify/acme", content=body, headers=headers)
        assert answer.is_success
        assert answer.json() == {"status": "quarantined", "reason": reason}, body
        kept = await rows(shop, sa.select(deliveries))
        found = {row["delivery_id"]: row for row in await rows(shop, sa.select(quarantine))}
        assert len(kept) == len(found) == number
        same = [
            row
            for row in kept
            if sealer.open(MerchantId("acme"), delivery_body(row["delivery_id"]), bytes(row["body"])) == body
        ]
        [row] = [row for row in same if row["topic"] == topic]
        reported = found[row["delivery_id"]]
        assert (reported["reason"], reported["topic"]) == (reason, topic)
        assert reported["detail"]


async def test_a_key_used_for_another_body_is_409_and_for_the_same_body_the_same_answer(shop: RunningDemo) -> None:
    client = shop.actions.client
    headers = {**shop.actions.authorization, "Idempotency-Key": "key-1"}
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("/v1/events", EVENT, {"subject": "order-2"}),
        ("/v1/follow-ups", TEXT, {"text": "Your table is gone."}),
        ("/v1/consents", CONSENT, {"level": "express"}),
    ]
    for path, body, change in cases:
        first = await client.post(path, json=body, headers=headers)
        again = await client.post(path, json=body, headers=headers)
        other = await client.post(path, json={**body, **change}, headers=headers)
        assert first.is_success, first.text
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


MISTAKES: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    ("/v1/follow-ups", TEXT, {"to": "call me"}, "to", "not a phone number"),
    ("/v1/follow-ups", TEXT, {"to": "+1212"}, "to", "too few digits"),
    ("/v1/follow-ups", TEXT, {"recipient": {"time_zone": "Mars/Base"}}, "recipient.time_zone", "IANA"),
    ("/v1/follow-ups", TEXT, {"due_at": "2024-01-01T00:00:00Z"}, "due_at", "if_past"),
    ("/v1/follow-ups", TEXT, {"due_at": "0001-01-01T00:00:00+14:00"}, "due_at", "between the years"),
    ("/v1/follow-ups", TEXT, {"due_at": "2026-12-01T00:00:00"}, "due_at", "timezone"),
    ("/v1/follow-ups", TEXT, {"due_in": "soon"}, "due_in", "a duration is"),
    ("/v1/follow-ups", TEXT, {"text": "Hi {{ recipient.firstname }}"}, "text", "recipient.firstname"),
    ("/v1/follow-ups", TEXT, {"text": "Hi {{ nobody.name }}"}, "text", "nobody.name"),
    ("/v1/follow-ups", TEXT, {"text": "Hi {{ trigger.table }}"}, "text", "trigger.table"),
    ("/v1/follow-ups", TEXT, {"purpos": "marketing"}, "purpos", "'purpose'"),
    ("/v1/follow-ups", TEXT, {"recipient": {"firstname": "Ana"}}, "recipient.firstname", "'first_name'"),
    ("/v1/follow-ups", TEXT, {"cancel_on": [{"on": "refund", "wehn": "1"}]}, "cancel_on.0.wehn", "'when'"),
    ("/v1/follow-ups", {"to": TEXT["to"]}, {"flow": "order-thankyou"}, "flow", "no flow of this name"),
    ("/v1/events", EVENT, {"recipient": {"phone": "call me"}}, "recipient.phone", "not a phone number"),
    ("/v1/events", EVENT, {"recipient": {"time_zone": "Mars/Base"}}, "recipient.time_zone", "IANA"),
    ("/v1/events", EVENT, {"recipient": {"fist_name": "Ana"}}, "recipient.fist_name", "'first_name'"),
    ("/v1/events", EVENT, {"ocurred_at": "2026-01-01T00:00:00Z"}, "ocurred_at", "'occurred_at'"),
    ("/v1/events", EVENT, {"kind": "purchse"}, "kind", "'purchase'"),
    ("/v1/events", EVENT, {"amount": {"minor": 10**17, "currency": "USD"}}, "amount.minor", "less than"),
    ("/v1/consents", CONSENT, {"to": "call me"}, "to", "number"),
    ("/v1/consents", CONSENT, {"levl": "pewc"}, "levl", "'level'"),
    ("/v1/consents", CONSENT, {"scope": "everything"}, "scope", "Input should be"),
]


async def test_a_mistake_is_422_with_the_field_and_a_reason_that_helps(shop: RunningDemo) -> None:
    before = await stored(shop)
    for path, body, change, field, words in MISTAKES:
        answer = await shop.actions.client.post(path, json={**body, **change}, headers=shop.actions.authorization)
        assert answer.status_code == 422, (path, change, answer.text)
        assert answer.headers["content-type"] == PROBLEM
        [error] = answer.json()["errors"]
        assert error["field"] == field
        assert words in error["reason"], (change, error)
    assert await stored(shop) == before


async def test_a_body_that_is_no_json_object_is_refused_with_what_it_should_be(shop: RunningDemo) -> None:
    for path in ("/v1/follow-ups", "/v1/events", "/v1/consents"):
        for body in (b"\xff\xfe", b"{", b"[1, 2", b"to=1"):
            headers = {**shop.actions.authorization, "Content-Type": "application/json"}
            answer = await shop.actions.client.post(path, content=body, headers=headers)
            assert (path, body[:9], answer.status_code) == (path, body[:9], 422)
            assert "JSON" in answer.json()["detail"]
    headers = {**shop.actions.authorization, "Content-Type": "text/plain"}
    answer = await shop.actions.client.post("/v1/follow-ups", content=json.dumps(TEXT), headers=headers)
    assert answer.status_code == 422
    assert "Content-Type: application/json" in answer.json()["detail"]


# ---- anything at all

NASTY_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**63,
    10**40,
    1.5e308,
    "",
    " ",
    "\x00",
    "a\x00b",
    "x" * 30_000,
    "../../etc/passwd",
    "'; drop table x; --",
    "{{ recipient.first_name",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "\u202e\U0001f4a9e\u0301\ufffe",
    [],
    {},
    [[[[]]]],
    {"a": {"b": [None]}},
)
NASTY_BODIES = (
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"{",
    b"\xff\xfe",
    b"\x00",
    b'{"facts": {"a": ' + b"9" * 5000 + b"}}",
    b'{"facts": ' + b"[" * 900 + b"]" * 900 + b"}",
    b"[" * 100_000,
    b'{"to": "\\ud800"}',
    b'{"to": NaN}',
    b"a=1&b=2",
)
CONTENT_TYPES = ("application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "")
BODIES: Mapping[str, Any] = {
    "/v1/follow-ups": {
        **TEXT,
        "due_at": "2027-01-01T00:00:00Z",
        "expires_at": "2027-01-02T00:00:00Z",
        "if_past": "send",
        "recipient": EVENT["recipient"] | {"phone": None},  # type: ignore[operator]  # a dict, as written above
        "facts": {"table": "12"},
        "subject": "booking-77",
        "cancel_on": [{"on": "cancellation", "when": "event.subject == trigger.subject"}],
        "dry_run": True,
    },
    "/v1/follow-ups/search": {"to": "+12125550123", "state": "pending"},
    "/v1/events": EVENT,
    "/v1/consents": CONSENT,
    "/v1/consents/revoke": {
        "to": "+12125550123",
        "scope": "all",
        "reason": "asked",
        "revoked_at": "2026-01-05T14:59:00Z",
    },
    "/v1/recipients/standing": {"to": "+12125550123"},
    "/v1/gate/evaluations": {
        "to": "+12125550123",
        "class": "marketing",
        "now": "2026-12-01T12:59:00Z",
        "known": {"timezone": "America/New_York", "state": "NY", "postal_code": "10001", "country": "US"},
        "number": {"ported": False, "type": "mobile", "suppressed": False},
        "consent": {
            "status": "pewc",
            "captured_at": "2026-01-01T00:00:00Z",
            "expires_at": "2027-01-01T00:00:00Z",
            "revoked_at": None,
        },
        "history": [{"at": "2026-11-30T20:00:00Z", "class": "marketing"}],
        "expires_at": "2026-12-02T00:00:00Z",
        "profile": "strict",
        "close_guard_seconds": 0,
    },
}
PERSON = {"to": "+12125550123", "reason": "asked"}
FLOW_RUN = {
    "to": "+12125550123",
    "flow": "order-thank-you",
    "subject": "order-9",
    "trigger": {"amount_minor": 5000, "currency": "USD", "occurred_at": "2026-01-01T00:00:00Z", "order_name": "#1"},
}


def spoilt(body: Any) -> Iterator[Any]:
    """Yield the body with each of its values in turn replaced by each nasty one."""

    def places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, each in inner:
            yield (*path, name)
            yield from places(each, (*path, name))

    for path in places(body, ()):
        for nasty in NASTY_VALUES:
            changed = copy.deepcopy(body)
            holder = changed
            for name in path[:-1]:
                holder = holder[name]
            holder[path[-1]] = nasty
            yield changed


class Inquisitor:
    """Asks, and remembers every answer that no caller should ever get."""

    def __init__(self, shop: RunningDemo) -> None:
        self.authorization = {"Authorization": f"Bearer {shop.application.operator_token}", MERCHANT_HEADER: "acme"}
        """The operator's: it speaks for any merchant, has every scope, and is not limited."""
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(shop.application.app, raise_app_exceptions=False), base_url=shop.address
        )
        self.asked = 0
        self.wrong: list[str] = []

    async def ask(self, method: str, path: str, what: object, **request: Any) -> httpx2.Response:
        headers = {**self.authorization, **request.pop("headers", {})}
        answer = await self.client.request(method, path, headers=headers, follow_redirects=False, **request)
        self.asked += 1
        is_page = path.startswith(("/console", "/r/"))
        is_told = answer.is_success or is_page or answer.status_code < 400 or answer.headers["content-type"] == PROBLEM
        if answer.status_code >= 500 or answer.status_code == 429 or not is_told:
            self.wrong.append(f"{method} {path} {what!r:.300} -> {answer.status_code} {answer.text[:200]}")
        return answer


async def documented(shop: RunningDemo) -> list[tuple[str, str]]:
    """Return every method and path that the application says it has."""
    paths = (await shop.actions.client.get("/openapi.json")).json()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


async def test_no_body_gets_a_500_and_the_application_lives_on(shop: RunningDemo) -> None:
    inquisitor = Inquisitor(shop)
    posts = [path for method, path in await documented(shop) if method == "POST" and "{" not in path]
    assert set(BODIES) <= set(posts)
    for path in posts:
        for body in NASTY_BODIES:
            for content_type in CONTENT_TYPES:
                headers = {"Content-Type": content_type.encode().decode("latin-1")} if content_type else {}
                await inquisitor.ask("POST", path, body[:40], content=body, headers=headers)
        for body in spoilt(BODIES.get(path, PERSON)):
            raw = json.dumps(body).encode()
            await inquisitor.ask("POST", path, body, content=raw, headers={"Content-Type": "application/json"})
    for body in spoilt(FLOW_RUN):
        await inquisitor.ask("POST", "/v1/follow-ups", body, json={**body, "dry_run": True})
    assert inquisitor.wrong == []
    assert inquisitor.asked > 2000
    await is_well(shop)


async def test_no_address_or_header_gets_a_500(shop: RunningDemo) -> None:
    inquisitor = Inquisitor(shop)
    words = ("", "%00", "x" * 3000, "%FF%FE", "00000000-0000-0000-0000-000000000000", "-1")
    names = ("from", "to", "by", "cursor", "limit", "state", "subject", "measure", "flow", "cac_minor", "id")
    times = ("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "2026-01-01", "MDAwMSAx")
    pages = ["/console", "/console/rows", "/console/follow-ups", "/console/follow-ups/{id}", "/console/static/{name}"]
    for method, path in [*await documented(shop), *(("GET", page) for page in pages)]:
        before, brace, after = path.partition("{")
        filled = path if not brace else before + "00000000-0000-0000-0000-000000000000" + after.partition("}")[2]
        filled = filled.replace("{merchant}", "acme")
        if brace:
            for word in words:
                await inquisitor.ask(method, before + word + after.partition("}")[2].replace("{merchant}", word), word)
        if method == "GET":
            for name in names:
                for word in (*words, *times):
                    await inquisitor.ask(method, f"{filled}?{name}={word}", name)
        for name in ("Idempotency-Key", "Authorization", "X-Followup-Merchant", "Content-Length", "If-None-Match"):
            for word in ("\xe9\xff", "x" * 5000, "Bearer"):
                if name != "Content-Length":
                    await inquisitor.ask(method, filled, name, headers={name: word.encode("latin-1")})
    assert inquisitor.wrong == []
    assert inquisitor.asked > 1000
    await is_well(shop)


async def test_no_signed_body_gets_a_500(shop: RunningDemo) -> None:
    inquisitor, actions = Inquisitor(shop), shop.actions
    order = {
        "id": 1,
        "name": "#1",
        "created_at": "2026-01-01T00:00:00Z",
        "currency": "USD",
        "total_price": "49.00",
        "test": False,
        "cancelled_at": None,
        "customer_locale": "en-US",
        "phone": "+12125550199",
        "customer": {"id": 2, "first_name": "Ana", "phone": "+12125550199"},
        "shipping_address": {"country_code": "US", "province_code": "NY", "zip": "10001", "phone": None},
        "line_items": [{"title": "Beans", "sku": "B1"}],
        "discount_codes": [{"code": "HELLO"}],
        "order_status_url": "https://acme.example/o/1",
    }
    for body in (*NASTY_BODIES, *(json.dumps(each).encode() for each in spoilt(order))):
        headers = signed(actions, body)
        answer = await inquisitor.ask("POST", "/v1/webhooks/shopify/acme", body, content=body, headers=headers)
        assert answer.is_success, (body[:300], answer.text)
    assert inquisitor.wrong == []
    await is_well(shop)


async def is_well(shop: RunningDemo) -> None:
    """Assert that no service hangs, nothing was parked, and an ordinary order still gets its text."""
    assert (await shop.actions.client.get("/readyz")).status_code == 200
    actions = shop.actions
    actions.phone = "+12125550177"
    placed = await actions.place_order(number=1, minor=4900, at=shop.clock.now())
    assert placed.json()["status"] == "accepted"
    actions.jump(timedelta(hours=1, seconds=1))
    await until(actions.texts_received)
    assert [(row["type"], row["reason"]) for row in await parked(shop)] == []
