"""The decision whether a request to send becomes a text, as Twilio would take it, in its codes and error bodies."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from services.simulator.config import SimulatorConfig

LONGEST_BODY: Final = 1600  # characters
LONGEST_VALIDITY_SECONDS: Final = 36_000

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SHORT_CODE = re.compile(r"\d{3,8}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}")


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """One error answer."""

    http_status: int
    code: int
    message: str

    def as_json(self) -> dict[str, object]:
        """Return the body Twilio would answer with."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.http_status,
        }


class KnownRefusal(Enum):
    """The refusals that this provider makes; their messages contain no number."""

    NOT_AUTHENTICATED = ErrorAnswer(401, 20003, "Authenticate")
    NOT_FOUND = ErrorAnswer(404, 20404, "The requested resource was not found")
    TOO_MANY = ErrorAnswer(429, 20429, "Too Many Requests")
    INTERNAL = ErrorAnswer(500, 20500, "Internal Server Error")
    UNAVAILABLE = ErrorAnswer(503, 20503, "Service Unavailable")
    NO_SCHEDULING = ErrorAnswer(400, 20001, "This provider is simulated and does not schedule")
    TO_INVALID = ErrorAnswer(400, 21211, "Invalid 'To' Phone Number")
    FROM_INVALID = ErrorAnswer(400, 21212, "Invalid 'From' Phone Number")
    REGION_NOT_ENABLED = ErrorAnswer(400, 21408, "Permission to send an SMS has not been enabled for the region")
    NO_BODY = ErrorAnswer(400, 21602, "Message body is required")
    NO_FROM = ErrorAnswer(400, 21603, "A 'From' phone number is required")
    NO_TO = ErrorAnswer(400, 21604, "A 'To' phone number is required")
    FROM_NOT_OWNED = ErrorAnswer(400, 21606, "The 'From' phone number provided is not owned by this account")
    CALLBACK_INVALID = ErrorAnswer(400, 21609, "The 'StatusCallback' URL is not a valid URL")
    OPTED_OUT = ErrorAnswer(400, 21610, "Attempt to send to unsubscribed recipient")
    QUEUE_FULL = ErrorAnswer(429, 21611, "This 'From' number has exceeded the maximum number of queued messages")
    NO_ROUTE = ErrorAnswer(400, 21612, "The 'To' phone number is not currently reachable via SMS")
    NOT_MOBILE = ErrorAnswer(400, 21614, "'To' number is not a valid mobile number")
    TOO_LONG = ErrorAnswer(400, 21617, "The concatenated message body exceeds the 1600 character limit")
    VALIDITY_INVALID = ErrorAnswer(400, 21624, "Invalid validity period value")
    NO_SENDER = ErrorAnswer(400, 21703, "The Messaging Service does not have a phone number available")


# Source: https://www.twilio.com/docs/iam/test-credentials
_MAGIC_FROM: Final = {
    "+15005550001": KnownRefusal.FROM_INVALID,
    "+15005550007": KnownRefusal.FROM_NOT_OWNED,
    "+15005550008": KnownRefusal.QUEUE_FULL,
}
_MAGIC_TO: Final = {
    "+15005550001": KnownRefusal.TO_INVALID,
    "+15005550002": KnownRefusal.NO_ROUTE,
    "+15005550003": KnownRefusal.REGION_NOT_ENABLED,
    "+15005550004": KnownRefusal.OPTED_OUT,
    "+15005550009": KnownRefusal.NOT_MOBILE,
}
_MAGIC_FROM_ACCEPTED: Final = "+15005550006"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOrder:
    """A text that was asked for and may be accepted."""

    sender: str
    recipient: str
    body: str
    status_callback: str | None
    validity_seconds: int
    messaging_service_sid: str | None
    media_count: int


def read_order(form: Mapping[str, list[str]], config: SimulatorConfig) -> TextOrder | ErrorAnswer:
    """Return the text that a form asks for, or the first thing that is wrong with it.

    Source: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
    """

    def one(name: str) -> str:
        return form.get(name, [""])[0]

    recipient, body, media_count = one("To"), one("Body"), len(form.get("MediaUrl", []))
    service_sid = one("MessagingServiceSid") or None
    sender = one("From") or config.service_numbers.get(service_sid or "", "")
    validity = one("ValidityPeriod") or str(LONGEST_VALIDITY_SECONDS)
    problem = (
        _problem_of_recipient(recipient)
        or _problem_of_sender(sender, service_sid, config)
        or _problem_of_content(body, media_count, one("ScheduleType"))
        or _problem_of_terms(one("StatusCallback"), validity, config)
    )
    if problem is not None:
        return problem.value
    return TextOrder(
        sender=sender,
        recipient=recipient,
        body=body,
        status_callback=one("StatusCallback") or None,
        validity_seconds=int(validity),
        messaging_service_sid=service_sid,
        media_count=media_count,
    )


def is_phone_number(value: str) -> bool:
    """Return whether the value has the form of a phone number (E.164)."""
    return _E164.fullmatch(value) is not None


def _problem_of_recipient(recipient: str) -> KnownRefusal | None:
    if not recipient:
        return KnownRefusal.NO_TO
    if not is_phone_number(recipient):
        return KnownRefusal.TO_INVALID
    return _MAGIC_TO.get(recipient)


def _problem_of_sender(sender: str, service_sid: str | None, config: SimulatorConfig) -> KnownRefusal | None:
    if not sender:
        return KnownRefusal.NO_FROM if service_sid is None else KnownRefusal.NO_SENDER
    if sender in _MAGIC_FROM:
        return _MAGIC_FROM[sender]
    if not (is_phone_number(sender) or _SHORT_CODE.fullmatch(sender) or _ALPHANUMERIC.fullmatch(sender)):
        return KnownRefusal.FROM_INVALID
    if config.numbers and sender not in config.numbers and sender != _MAGIC_FROM_ACCEPTED:
        return KnownRefusal.FROM_NOT_OWNED
    return None


def _problem_of_content(body: str, media_count: int, schedule_type: str) -> KnownRefusal | None:
    if not body and not media_count:
        return KnownRefusal.NO_BODY
    if len(body) > LONGEST_BODY:
        return KnownRefusal.TOO_LONG
    return KnownRefusal.NO_SCHEDULING if schedule_type else None


def _problem_of_terms(status_callback: str, validity: str, config: SimulatorConfig) -> KnownRefusal | None:
    if not (validity.isascii() and validity.isdigit() and 1 <= int(validity) <= LONGEST_VALIDITY_SECONDS):
        return KnownRefusal.VALIDITY_INVALID
    if not status_callback or (_is_callable_url(status_callback) and config.may_call(status_callback)):
        return None
    return KnownRefusal.CALLBACK_INVALID


def _is_callable_url(url: str) -> bool:
    """Return whether Twilio would call this URL: http or https, with a host and no underscore in it."""
    try:
        split = urlsplit(url)
    except ValueError:
        return False
    return split.scheme in {"http", "https"} and bool(split.hostname) and "_" not in (split.hostname or "_")
