"""What a stranger or a careless shop may send, prepared before it is sent: each kind posted again and again."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from bench.harness import BenchHarness, order
from services.simulator.wire import SIGNATURE_HEADER, sign
from shared.testing.make_ingest import shopify_order, shopify_signature
from shared.testing.process import ACCOUNT_SID, API_KEY, AUTH_TOKEN, SHOPIFY_SECRET

SENDERS = 4
"""Connections that post at once."""
_MIB = 1024 * 1024
_KEY = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
Request = tuple[str, bytes, dict[str, str]]
Kind = Callable[[BenchHarness, int], Request]


def long_replies(harness: BenchHarness, number: int) -> Request:
    """Return a reply of 1,600 letters that looks like a STOP at every word."""
    path = "/v1/providers/main/acme/replies"
    form = {
        "MessageSid": f"SM{number:032d}",
        "AccountSid": ACCOUNT_SID,
        "From": f"+1212{2_000_000 + number % 500:07d}",
        "To": "+12025550100",
        "Body": ("please st0p s.t.o.p unsubscr1be " * 60)[:1600],
        "NumMedia": "0",
    }
    signature = sign(f"{harness.address}{path}", form, AUTH_TOKEN)
    kind = "application/x-www-form-urlencoded"
    return path, urlencode(form).encode(), {SIGNATURE_HEADER: signature, "Content-Type": kind}


def huge_templates(_harness: BenchHarness, number: int) -> Request:
    """Return a dry run of a template as large as one may be, nearly all of it tags."""
    text = "{% if trigger.a %}{{ trigger.a | upcase | append: trigger.a }}{% endif %}"
    body = {"to": "+12125550123", "purpose": "transactional", "dry_run": True, "facts": {"a": "x" * 50}}
    size = 700 if number % 2 else 60_000
    return "/v1/follow-ups", orjson.dumps(body | {"text": text * (size // len(text))}), _KEY


def big_facts(_harness: BenchHarness, number: int) -> Request:
    """Return fifty events whose facts are as large as they may be, for flows with a condition that walks them."""
    facts = {f"list{place}": [{"sku": f"{place}-{n}", "n": n} for n in range(200)] for place in range(8)}
    at = datetime.now(UTC)
    events = [order(number * 50 + n, at) | {"kind": "custom.walk", "facts": facts} for n in range(20)]
    return "/v1/events", orjson.dumps(events), _KEY


def large_webhooks(_harness: BenchHarness, number: int) -> Request:
    """Return a signed order of ten mebibytes that holds nearly as many members as one may."""
    item = {"title": "Beans " * 80, "sku": "B1", "quantity": 1, "price": "49.00"}
    return _large_order(item, number)


def dense_webhooks(_harness: BenchHarness, number: int) -> Request:
    """Return a signed order of ten mebibytes that is nothing but members."""
    item = {"title": "Beans", "sku": "B1", "quantity": 1, "price": "49.00", "properties": [{"name": "a", "value": "b"}]}
    return _large_order(item, number)


def _large_order(item: dict[str, Any], number: int) -> Request:
    count = 10 * _MIB // (len(orjson.dumps(item)) + 1) - 20
    body = orjson.dumps(shopify_order(id=10**12 + number, line_items=[item] * count))
    headers = {
        "X-Shopify-Topic": "orders/create",
        "X-Shopify-Hmac-Sha256": shopify_signature(body, SHOPIFY_SECRET),
        "X-Shopify-Event-Id": f"large-{number}",
        "Content-Type": "application/json",
    }
    return "/v1/webhooks/shopify/acme", body, headers


def large_headers(_harness: BenchHarness, _number: int) -> Request:
    """Return a request with 300 kB of headers."""
    return "/v1/events", b"{}", {**_KEY, **{f"X-Filler-{n}": "x" * 3000 for n in range(99)}}


def full_lists(_harness: BenchHarness, number: int) -> Request:
    """Return five hundred events in one request."""
    at = datetime.now(UTC)
    return "/v1/events", orjson.dumps([order(number * 500 + n, at) for n in range(500)]), _KEY


def imports(_harness: BenchHarness, number: int) -> Request:
    """Return a thousand rows of a file in which a quotation mark was never closed: long fields, odd columns."""
    row = {"to": "+12125550123", "event": "revoked", "source": '"' + "x, " * 100}
    return "/v1/consents/imports", orjson.dumps({"rows": [{**row, "method": f"{number}"}] * 1000}), _KEY


def questions(_harness: BenchHarness, _number: int) -> Request:
    """Return a thousand questions to the gate."""
    question = {"to": "+12125550123", "class": "marketing", "now": "2026-12-01T12:59:00Z"}
    return "/v1/gate/evaluations", orjson.dumps([question] * 1000), _KEY


KINDS: dict[str, Kind] = {
    "long replies": long_replies,
    "huge templates": huge_templates,
    "conditions over big facts": big_facts,
    "webhooks of 10 MiB": large_webhooks,
    "webhooks of 10 MiB, dense": dense_webhooks,
    "headers of 300 kB": large_headers,
    "lists of 500 events": full_lists,
    "imports of 1,000 rows": imports,
    "1,000 questions to the gate": questions,
}


@contextmanager
def posting(harness: BenchHarness, kind: Kind, each: int) -> Iterator[list[int]]:
    """Post requests of a kind over a few connections while the block runs; yield the statuses answered."""
    ended, statuses = threading.Event(), list[int]()
    prepared = [[kind(harness, sender * each + n) for n in range(each)] for sender in range(SENDERS)]
    senders = [threading.Thread(target=_send, args=(harness, work, ended, statuses)) for work in prepared]
    for sender in senders:
        sender.start()
    try:
        yield statuses
    finally:
        ended.set()
        for sender in senders:
            sender.join()


def _send(harness: BenchHarness, work: list[Request], ended: threading.Event, statuses: list[int]) -> None:
    host = urlsplit(harness.address).netloc
    place = 0
    while not ended.is_set():
        path, body, headers = work[place % len(work)]
        place += 1
        with closing(HTTPConnection(host, timeout=30)) as connection:
            try:
                connection.request("POST", path, body, headers)
                statuses.append(connection.getresponse().status)
            except (OSError, HTTPException):
                statuses.append(0)
                time.sleep(0.01)


@contextmanager
def half_open(harness: BenchHarness, count: int) -> Iterator[None]:
    """Hold so many connections that never finish their request, while the block runs."""
    where = urlsplit(harness.address)
    held = []
    try:
        for _ in range(count):
            connection = socket.create_connection((where.hostname or "", where.port or 0), timeout=5)
            connection.sendall(b"POST /v1/events HTTP/1.1\r\nhost: bench\r\ncontent-length: 100000\r\n\r\n[")
            held.append(connection)
        yield
    finally:
        for connection in held:
            connection.close()
