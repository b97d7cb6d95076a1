"""How pages write names, people, numbers and instants."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.durations import duration_words
from shared.phone import E164, masked
from shared.vocabulary.roles import Role

_HUES: Final = 8
ROLE_WORDS: Final[Mapping[Role, str]] = {
    Role.OWNER: "everything, users included",
    Role.MARKETER: "flows and what they bring",
    Role.SUPPORT: "people, their texts and replies",
    Role.OPERATOR: "keeps it running: sources, numbers, pauses",
    Role.VIEWER: "looks on",
}
ROLE_CHOICES: Final = tuple((role.value, f"{role.value}: {words}") for role, words in ROLE_WORDS.items())
"""As a form offers them."""


def person_mark(recipient_id: UUID) -> str:
    """Return a short mark that is the same for the same person and does not identify them."""
    return recipient_id.hex[-6:]


def hue(recipient_id: UUID) -> int:
    """Return one of eight colours for a person."""
    return recipient_id.int % _HUES


def masked_number(number: str | None) -> str:
    """Return a number masked for display; an alphanumeric sender name is not masked."""
    return masked(E164(number)) if number and number.startswith("+") else (number or "")


def words(name: str) -> str:
    """Return a name of a file as words: cart_reminder is cart reminder."""
    return name.replace("_", " ")


def sentence(text: str) -> str:
    """Return words with a capital at their beginning and a full stop."""
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Return an instant on the merchant's clock: Mon 30 Nov 14:05."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def utc(at: datetime) -> str:
    """Return an instant in UTC, to the second: 2026-11-30 14:05:09 UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def rows_address(api_address: str, without: str = "") -> str:
    """Return the console's page of the rows that an address of the API leads to, without one of its parameters."""
    query = parse_qsl(api_address.partition("?")[2], keep_blank_values=True)
    return f"/console/rows?{urlencode([(name, value) for name, value in query if name != without])}"


def encoding_words(encoding: str) -> str:
    """Return an encoding of texts as the trade writes it."""
    return {"gsm7": "GSM-7", "ucs2": "UCS-2"}.get(encoding, encoding)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "moment": moment,
    "utc": utc,
    "person": person_mark,
    "hue": hue,
    "masked_number": masked_number,
    "words": words,
    "encoding_words": encoding_words,
    "duration": duration_words,
    "rows_address": rows_address,
}
"""What templates may use."""
