"""Invalid characters, or ones no database accepts: every entry point refuses or cleans them, and never answers 500."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from starlette.routing import Route

from services.compliance.tables import ledger
from services.ingest.tables import deliveries
from shared.http.fast_routes import routes_of
from shared.testing.make_ingest import body_of, shopify_headers, shopify_order
from tests.integration.across_services.rights.driver import KEY, PHONE, RightsDriver

ODD = ("%00", "a%00b", "%FF%FE", "%ED%A0%80", "%C0%80", "%F4%90%80%80")
"""NUL; bytes that are no UTF-8; half a pair of surrogates; an overlong NUL; beyond the last character."""
QUERIES = ("from", "to", "by", "cursor", "limit", "state", "measure", "detail", "flow", "hour", "weekday", "segment",
           "number", "provider", "version", "cac_minor", "subject", "attempt", "sig", "done", "accept")  # fmt: skip
HEADERS = ("Idempotency-Key", "Authorization", "X-Followup-Merchant", "User-Agent", "Cookie", "Accept",
           "X-Shopify-Topic", "X-Shopify-Webhook-Id", "If-None-Match")  # fmt: skip
JSON = {"Content-Type": "application/json"}
BODIES: dict[str, Any] = {
    "/v1/events": {
        "id": "evt-1",
        "kind": "purchase",
        "occurred_at": "2026-01-05T15:00:00Z",
        "subject": "order-1",
        "customer": "customer-1",
        "recipient": {"phone": PHONE, "first_name": "Ana", "locale": "en-US", "state": "NY"},
        "amount": {"minor": 4900, "currency": "USD"},
        "consent": [{"scope": "marketing", "event": "granted", "disclosure": "shown", "source": "checkout"}],
        "facts": {"order_name": "#1001", "items": ["Beans"]},
    },
    "/v1/consents": {
        "to": PHONE,
        "scope": "marketing",
        "method": "checkout",
        "disclosure": "shown",
        "source": "checkout",
        "ip": "192.0.2.1",
        "user_agent": "Mozilla",
        "evidence": {"page": "checkout"},
    },
    "/v1/consents/revoke": {"to": PHONE, "reason": "asked"},
    "/v1/consents/imports": {"rows": [{"to": PHONE, "scope": "marketing", "disclosure": "shown", "level": "pewc"}]},
    "/v1/recipients/standing": {"to": PHONE},
    "/v1/gate/evaluations": {
        "to": PHONE,
        "class": "marketing",
        "now": "2026-12-01T12:59:00Z",
        "known": {"state": "NY"},
    },
    "/v1/erasures": {"to": PHONE},
    "/v1/exports": {"to": PHONE},
    "/v1/follow-ups": {"to": PHONE, "purpose": "transactional", "text": "Your table is ready.", "subject": "table-1"},
}


def spoilt(value: Any) -> Iterator[Any]:
    """Return the document once for each of its words and names, with an odd character in it."""
    if isinstance(value, str):
        yield from (f"{value}\0", "\0", f"{value}\ud800", "\udfff")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from ([*value[:place], odd, *value[place + 1 :]] for odd in spoilt(inner))
    elif isinstance(value, dict):
        yield from ({**value, "a\0": 1}, {**value, "\ud800": "x"})
        for name, inner in value.items():
            yield from ({**value, name: odd} for odd in spoilt(inner))


def entry_points(driver: RightsDriver) -> list[tuple[str, str]]:
    """Return every method and path the services have."""
    return sorted(
        (method, route.path)
        for service in driver.services
        for route in routes_of(service.routers)
        if isinstance(route, Route)
        for method in route.methods or ()
    )


def filled(path: str, word: str) -> str:
    """Return a path with a word for each of its parameters."""
    return "/".join(word if part.startswith("{") else part for part in path.split("/"))


async def asked(driver: RightsDriver, method: str, target: str, **request: Any) -> httpx2.Response:
    """Return the answer; a crash behind the entry point is raised, and so fails the test."""
    headers = {"Authorization": f"Bearer {KEY}", **request.pop("headers", {})}
    return await driver.client.request(method, httpx2.URL(f"http://followup.test{target}"), headers=headers, **request)


async def test_no_path_or_query_gets_a_500(driver: RightsDriver) -> None:
    wrong, count = [], 0
    for method, path in entry_points(driver):
        targets = [filled(path, word) for word in ODD] if "{" in path else []
        plain = filled(path, "00000000-0000-0000-0000-000000000000")
        targets += [f"{plain}?{name}={word}" for name in QUERIES for word in (ODD[1:4] if method == "GET" else ())]
        for target in targets:
            answer = await asked(driver, method, target)
            count += 1
            holds_nul = "%00" in target
            if answer.status_code >= 500 or (holds_nul and answer.status_code != 400):
                wrong.append(f"{method} {target} -> {answer.status_code}")
    assert wrong == []
    assert count > 500


async def test_no_header_gets_a_500(driver: RightsDriver) -> None:
    for method, path in entry_points(driver):
        target = filled(path, "acme")
        for name in HEADERS:
            for odd, status in ((b"a\0b", 400), (b"\xff\xfe", 499), (b"\xed\xa0\x80", 499)):
                answer = await asked(driver, method, target, headers={name: odd})
                assert answer.status_code <= status, (method, target, name, odd)


@pytest.mark.parametrize("path", BODIES)
async def test_no_word_of_a_json_body_gets_a_500(driver: RightsDriver, path: str) -> None:
    for body in (*spoilt(BODIES[path]), "\0", ["\ud800"]):
        raw = json.dumps(body).encode()
        answer = await asked(driver, "POST", path, content=raw, headers=JSON)
        assert answer.status_code == 422, (raw, answer.status_code)
    for raw in (b'{"to": "\xff"}', b'{"to": "\xed\xa0\x80"}', b"\0", b"\xff\xfe\0"):
        answer = await asked(driver, "POST", path, content=raw, headers=JSON)
        assert answer.status_code == 422, (raw, answer.status_code)
    assert await driver.harness.rows(sa.select(deliveries)) == await driver.harness.rows(sa.select(ledger)) == []


async def test_a_form_with_odd_characters_is_no_500(driver: RightsDriver) -> None:
    posts = [
        path
        for method, path in entry_points(driver)
        if method == "POST" and path.startswith(("/console", "/preferences"))
    ]
    assert posts
    for path in posts:
        for word in (*ODD, "%"):
            form = f"choice={word}&key={word}&{word}=1".encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://followup.test"}
            answer = await asked(driver, "POST", filled(path, "word"), content=form, headers=headers)
            assert answer.status_code < 500, (path, word)


async def test_a_genuine_webhook_with_odd_characters_is_kept_and_read_but_for_what_they_spoil(
    driver: RightsDriver,
) -> None:
    when = shopify_order()["created_at"]
    orders = list(spoilt({"name": "#1", **shopify_order()}))
    deep = [json.dumps(order).encode() for order in orders if order.get("created_at") != when]
    read = [json.dumps(order).encode() for order in orders if order.get("created_at") == when]
    unread = [*deep, body_of(shopify_order()) + b"\0", b"\xff" + body_of(shopify_order())]
    for number, body in enumerate((*read, *unread)):
        headers = shopify_headers(body, "orders/create", event_id=f"odd-{number}")
        answer = await asked(driver, "POST", "/v1/webhooks/shopify/acme", content=body, headers=headers)
        reported = {"quarantined"} if body in unread else {"accepted", "ignored"}
        assert answer.json()["status"] in reported, (body, answer.text)
    assert deep
    assert len(await driver.harness.rows(sa.select(deliveries))) == len(read) + len(unread) > 50
    await driver.settle()
