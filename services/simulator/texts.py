"""A text: its body, its parts, the statuses it passes through."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

_GSM_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
)
_GSM_EXTENDED: Final = frozenset("^{}\\[~]|€\f")


class Direction(StrEnum):
    """Who a text came from, in Twilio's terms."""

    OUTBOUND_API = "outbound-api"
    OUTBOUND_REPLY = "outbound-reply"
    INBOUND = "inbound"


class TextStatus(StrEnum):
    """The status of a text, in Twilio's terms; the last four are final."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class TransitLeg:
    """One step of a delivery plan: after so many ms of real time the text gets a status, and statuses are announced.

    `status` None leaves the status unchanged; `announced` may repeat a status, name an earlier one, or be empty.
    """

    after_ms: int
    status: TextStatus | None = None
    error_code: int | None = None
    announced: tuple[TextStatus, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedText:
    """One text as the provider holds it.

    Attributes:
        seq: its place in the record, rising; 0 until it is recorded.
        plan: its whole delivery, decided when it was accepted.
        reached: the index in `plan` of the step it is at.
        due_at: real instant (UTC) of the next step, None when there is none.
        is_open: whether a step or an announcement is still to come.
        callback_result: the result of the last announcement, shown on the pages.
    """

    sid: str
    account_sid: str
    direction: Direction
    sender: str
    recipient: str
    body: str
    created_at: datetime
    updated_at: datetime
    seq: int = 0
    status: TextStatus = TextStatus.QUEUED
    error_code: int | None = None
    sent_at: datetime | None = None
    status_callback: str | None = None
    validity_seconds: int = 36_000
    messaging_service_sid: str | None = None
    media_count: int = 0
    plan: tuple[TransitLeg, ...] = ()
    reached: int = 0
    announced_through: int = -1
    due_at: datetime | None = None
    is_open: bool = True
    callback_result: str | None = None

    @property
    def phone(self) -> str:
        """The person's number, in either direction."""
        return self.sender if self.direction is Direction.INBOUND else self.recipient

    @property
    def number(self) -> str:
        """The shop's number, in either direction."""
        return self.recipient if self.direction is Direction.INBOUND else self.sender

    @property
    def is_inbound(self) -> bool:
        """Whether a person wrote it."""
        return self.direction is Direction.INBOUND


def new_sid(now: datetime) -> str:
    """Return a fresh message SID; SIDs rise with time, so that an index of them grows at its end."""
    return f"SM{int(now.timestamp() * 1000):012x}{secrets.token_hex(10)}"


def parts_of(body: str) -> int:
    """Return how many SMS parts carry the text; an empty one takes one.

    Source: 3GPP TS 23.038 (GSM-7: 160 septets, 153 in a chain; UCS-2: 70 units, 67 in a chain).
    """
    if all(char in _GSM_BASIC or char in _GSM_EXTENDED for char in body):
        units = sum(2 if char in _GSM_EXTENDED else 1 for char in body)
        single, chained = 160, 153
    else:
        units = len(body.encode("utf-16-be")) // 2
        single, chained = 70, 67
    return 1 if units <= single else -(-units // chained)
