"""Standard Webhooks: signed deliveries of Followup's own format, for shops that use a secret instead of an API key.

    POST /v1/webhooks/standard-webhooks/acme
    webhook-id: msg_2KWPBgLlAfxdpx2AI54pPJ85f4W
    webhook-timestamp: 1796054400
    webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1,…

    the body is one event of `sources.generic`

Source: standardwebhooks.com specification; webhooks sections 0 and 5.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.ingest.domain.parsed_deliveries import ParseResult, ShopSettings
from services.ingest.sources.adapter import Adapter, DeliveryContext, Headers, Reader, is_any_of
from services.ingest.sources.generic import read_event
from services.ingest.sources.json_object import InvalidField
from services.ingest.sources.salvage import salvaged
from shared.standard_webhooks import ID, SIGNATURE, TIMESTAMP, VERSION, signature

NAME = "standard-webhooks"
TOLERANCE_SECONDS = 300
_LONGEST_TIMESTAMP_DIGITS = 12


def is_genuine(headers: Headers, body: bytes, secrets: Sequence[str], _shop: ShopSettings, now: datetime) -> bool:
    """Return whether one of the secrets made one of the signatures, within five minutes of `now`."""
    delivery_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    expected = [signature(secret, delivery_id, timestamp, body) for secret in secrets]
    given = [word.removeprefix(VERSION) for word in headers.get(SIGNATURE, "").split() if word.startswith(VERSION)]
    return is_any_of(given, expected) and bool(delivery_id) and _is_fresh(timestamp, now)


def topic_of(_headers: Headers) -> str:
    """Return the only topic."""
    return "event"


def repeat_keys(headers: Headers) -> tuple[str, ...]:
    """Return the id, which is signed."""
    return (headers.get(ID, ""),)


def reader_of(_topic: str) -> Reader:
    """Return the parser of Followup's own format."""
    return _read


def _read(document: Any, context: DeliveryContext) -> ParseResult:
    """Return the content of an event; of an invalid one, the withdrawals in it."""
    try:
        return read_event(document, context.shop, context.received_at)[1]
    except InvalidField:
        found = salvaged(document, context.shop, context.received_at)
        if found is None:
            raise
        return found


def _is_fresh(timestamp: str, now: datetime) -> bool:
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _LONGEST_TIMESTAMP_DIGITS
    return is_number and abs(now.timestamp() - int(timestamp)) <= TOLERANCE_SECONDS


STANDARD_WEBHOOKS = Adapter(NAME, is_genuine, topic_of, repeat_keys, reader_of)
