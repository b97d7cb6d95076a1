"""The decision whether a request to send becomes a text, as Twilio would take it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from services.simulator.config import SimulatorConfig
from services.simulator.refusals import MAGIC_FROM, MAGIC_FROM_ACCEPTED, MAGIC_TO, ErrorAnswer, KnownRefusal

LONGEST_BODY: Final = 1600  # characters
LONGEST_VALIDITY_SECONDS: Final = 36_000

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SHORT_CODE = re.compile(r"\d{3,8}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}")


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
    return MAGIC_TO.get(recipient)


def _problem_of_sender(sender: str, service_sid: str | None, config: SimulatorConfig) -> KnownRefusal | None:
    if not sender:
        return KnownRefusal.NO_FROM if service_sid is None else KnownRefusal.NO_SENDER
    if sender in MAGIC_FROM:
        return MAGIC_FROM[sender]
    if not (is_phone_number(sender) or _SHORT_CODE.fullmatch(sender) or _ALPHANUMERIC.fullmatch(sender)):
        return KnownRefusal.FROM_INVALID
    if config.numbers and sender not in config.numbers and sender != MAGIC_FROM_ACCEPTED:
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
