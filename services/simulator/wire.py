"""Texts in Twilio's formats: the Message resource, the status callback, the inbound text, and the signature of both.

Sample of a status callback, form fields:

    MessageSid=SM1f…&SmsSid=SM1f…&MessageStatus=delivered&SmsStatus=delivered&To=%2B12025550123
    &From=%2B12025550100&AccountSid=AC0…&ApiVersion=2010-04-01&RawDlrDoneDate=2612011400

Sources: https://github.com/twilio/twilio-oai (twilio_api_v2010),
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status,
https://www.twilio.com/docs/messaging/guides/webhook-request
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final
from xml.etree import ElementTree as ET

from services.simulator.texts import SimulatedText, TextStatus, parts_of

API_VERSION: Final = "2010-04-01"
SIGNATURE_HEADER: Final = "X-Twilio-Signature"
_ERROR_MESSAGES: Final[Mapping[int, str]] = {
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30036: "Validity Period Expired",
}
_PLACES: Final = tuple(f"{side}{part}" for side in ("From", "To") for part in ("City", "State", "Zip", "Country"))
_DELIVERED_OR_NOT: Final = frozenset({TextStatus.DELIVERED, TextStatus.UNDELIVERED})


def message(text: SimulatedText) -> dict[str, Any]:
    """Return the Message resource of a text."""
    uri = f"/{API_VERSION}/Accounts/{text.account_sid}/Messages/{text.sid}"
    return {
        "account_sid": text.account_sid,
        "api_version": API_VERSION,
        "body": text.body,
        "date_created": format_datetime(text.created_at),
        "date_sent": None if text.sent_at is None else format_datetime(text.sent_at),
        "date_updated": format_datetime(text.updated_at),
        "direction": text.direction,
        "error_code": text.error_code,
        "error_message": None if text.error_code is None else _ERROR_MESSAGES.get(text.error_code, "Not delivered"),
        "from": text.sender,
        "messaging_service_sid": text.messaging_service_sid,
        "num_media": str(text.media_count),
        "num_segments": str(parts_of(text.body)),
        "price": None,
        "price_unit": "USD",
        "sid": text.sid,
        "status": text.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": text.recipient,
        "uri": f"{uri}.json",
    }


def status_form(text: SimulatedText, status: TextStatus, now: datetime) -> dict[str, str]:
    """Return the fields that announce that a text has reached a status."""
    form = {
        "MessageSid": text.sid,
        "SmsSid": text.sid,
        "MessageStatus": status.value,
        "SmsStatus": status.value,
        "To": text.recipient,
        "From": text.sender,
        "AccountSid": text.account_sid,
        "ApiVersion": API_VERSION,
    }
    if text.messaging_service_sid is not None:
        form["MessagingServiceSid"] = text.messaging_service_sid
    if text.error_code is not None and status in {TextStatus.UNDELIVERED, TextStatus.FAILED}:
        form["ErrorCode"] = str(text.error_code)
    if status in _DELIVERED_OR_NOT:
        form["RawDlrDoneDate"] = now.strftime("%y%m%d%H%M")
    return form


def inbound_form(text: SimulatedText) -> dict[str, str]:
    """Return the fields that deliver a reply to the shop."""
    return {
        "MessageSid": text.sid,
        "SmsSid": text.sid,
        "SmsMessageSid": text.sid,
        "AccountSid": text.account_sid,
        "ApiVersion": API_VERSION,
        "SmsStatus": TextStatus.RECEIVED.value,
        "From": text.sender,
        "To": text.recipient,
        "Body": text.body,
        "NumMedia": "0",
        "NumSegments": str(parts_of(text.body)),
        **dict.fromkeys(_PLACES, ""),
    }


def answers_in(twiml: str) -> list[str]:
    """Return the texts that an answer in TwiML asks to send back; what is not TwiML asks for none.

    Source: https://www.twilio.com/docs/messaging/twiml
    """
    if "<Message" not in twiml:
        return []
    try:
        root = ET.fromstring(twiml)  # noqa: S314 - from the application under test, size-limited by the caller
    except ET.ParseError:
        return []
    answers = (verb.text if (body := verb.find("Body")) is None else body.text for verb in root.iter("Message"))
    return [stripped for answer in answers if (stripped := (answer or "").strip())]


def sign(url: str, form: Mapping[str, str], auth_token: str) -> str:
    """Return base64(HMAC-SHA1(token, URL followed by every field name and value, sorted by name)).

    Computed from its published description, and not with Twilio's library.

    Args:
        url: exactly as called, query included; a fragment is no part of it.
        form: the fields that are posted; empty values count.
        auth_token: the account's primary token.

    Source: https://www.twilio.com/docs/usage/security#validating-requests
    """
    signed = url.partition("#")[0] + "".join(name + form[name] for name in sorted(form))
    digest = hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
