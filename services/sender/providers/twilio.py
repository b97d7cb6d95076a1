"""Twilio Programmable Messaging, and what speaks its API: the simulated provider, a proxy.

Sample answer to a create: ``201 {"sid": "SM…", "status": "queued", "num_segments": "1", "price": null, …}``;
an error: ``400 {"code": 21211, "message": "…", "more_info": "…", "status": 400}``; a status callback, form fields:
``MessageSid=SM…&MessageStatus=delivered&To=…&From=…&AccountSid=AC…``.

Sources: providers sections 1 to 3; https://www.twilio.com/docs/messaging/api/message-resource
"""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

import orjson

from services.sender.providers.provider import Callback, Capabilities, Inbound, OutgoingText, Page
from services.sender.providers.reactions import UNLISTED, CodeMeaning
from services.sender.providers.twilio_codes import ANSWERED_BY_TWILIO, CODES, OPT_OUT_TYPES, STATUSES
from services.sender.queue.conclusion import Receipt
from services.sender.receipts.poll_schedule import QueryFailed
from services.sender.receipts.status_lattice import ProviderStatus
from services.sender.reconciliation.decision import ListedMessage, body_sha256
from services.sender.sending.answer_classification import (
    Accepted,
    CallResult,
    HttpAnswer,
    NotSent,
    ProviderAnswer,
    classify,
    retry_after_seconds,
)
from shared.money import micros
from shared.phone import E164

if TYPE_CHECKING:
    from services.sender.providers.twilio_sdk import TwilioAccount

SIGNATURE_HEADER: Final = "x-twilio-signature"
LONGEST_VALIDITY_SECONDS: Final = 36_000
_LISTED_TEXTS: Final = 50
_PERSONAL_FIELDS: Final = frozenset({"To", "From", "Caller", "Called"})
_PAGE_TEXTS: Final = 200
"""A third of a megabyte, parsed in a few milliseconds."""
_SID: Final = re.compile(r"[A-Za-z0-9]{1,64}")
_SMS: Final = "sms"
_CHANNEL: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9_.-]{0,30}):\s*")
_NUMBER: Final = re.compile(r"\+?[0-9]{3,20}")
_ABOUT_ONE: Final = range(400, 500)
_UNANSWERED: Final = frozenset({401, 403, 408, 429})
"""Says nothing about the text; every other 4xx is about this one query."""


class ChannelAddress(NamedTuple):
    """One side of a message, as Twilio writes it: `rcs:+12125550123`, `whatsapp:+…`, `messenger:1042`.

    A person is identified by their number, whichever channel they use; a name that is not a number cannot be one that
    we sent to. Source: https://www.twilio.com/docs/messaging/channels
    """

    channel: str
    """In lower case; `sms` where the provider names none."""
    name: str

    @property
    def is_number(self) -> bool:
        """Whether it is a telephone number or a short code; an RCS sender or a page is neither."""
        return bool(_NUMBER.fullmatch(self.name))


def address_of(written: str) -> ChannelAddress:
    """Return an address, parsed; `tel:` says how to read what follows, and is not a channel."""
    channel, name = _SMS, written.strip()
    if ":" not in name:
        return ChannelAddress(channel, name)
    while found := _CHANNEL.match(name):
        word, name = found[1].lower(), name[found.end() :].strip()
        if word not in {"tel", "sms"}:
            channel = word
    return ChannelAddress(channel, name)


class TwilioDialect:
    """How Twilio's response bodies are read."""

    def accepted(self, body: bytes) -> Accepted | None:
        """Return the message's id, parts and price; None where there is no id."""
        fields = _object(body)
        sid = fields.get("sid") if fields else None
        if not fields or not isinstance(sid, str) or not sid:
            return None
        price = micros(str(fields.get("price")))
        currency = fields.get("price_unit")
        return Accepted(
            sid,
            parts=_count(fields.get("num_segments")),
            price_micros=price,
            currency=str(currency) if price is not None and currency else None,
        )

    def error_code(self, body: bytes) -> str | None:
        """Return the code of an error body; a body without one is not Twilio's."""
        fields = _object(body)
        code = fields.get("code") if fields else None
        return str(code) if isinstance(code, int) and not isinstance(code, bool) else None

    def meaning(self, code: str) -> CodeMeaning:
        """Return what the code means."""
        return CODES.get(code, UNLISTED)


class TwilioProvider:
    """One account with Twilio, or with something that speaks its API."""

    def __init__(
        self,
        name: str,
        kind: str,
        *,
        account_sid: str,
        auth_token: str,
        base_url: str | None,
        public_url: str,
        messaging_service_sid: str | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self._credentials = (account_sid, auth_token, base_url)
        self._public_url = public_url.rstrip("/")
        self._service_sid = messaging_service_sid
        self.capabilities = Capabilities(
            list_by_recipient=True,
            validity_period=True,
            status_on_request=True,
            replies_on_request=True,
            sender_is_fixed=messaging_service_sid is None,
        )
        self._dialect = TwilioDialect()
        self._opened: TwilioAccount | None = None

    async def send(self, text: OutgoingText) -> ProviderAnswer:
        """Send one text, once."""
        parameters: dict[str, object] = {"to": text.to, "from_": text.sender_number, "body": text.body}
        if self._service_sid is not None:
            parameters["messaging_service_sid"] = self._service_sid
        if text.callback_url is not None:
            parameters["status_callback"] = text.callback_url
        if text.validity_seconds is not None:
            if text.validity_seconds < 1:
                return NotSent("window_closed")
            parameters["validity_period"] = min(text.validity_seconds, LONGEST_VALIDITY_SECONDS)
        return classify(await self._account().create(parameters), self._dialect)

    async def find(self, to: E164, sender_number: str) -> Sequence[ListedMessage] | None:
        """Return the newest texts to a person from one of our numbers; None where Twilio does not answer."""
        result = await self._account().list_page(to, _LISTED_TEXTS)
        if not isinstance(result, HttpAnswer) or result.status != HTTPStatus.OK:
            return None
        fields = _object(result.body)
        messages = fields.get("messages") if fields else None
        if not isinstance(messages, list):
            return None
        listed = [found for message in messages if (found := _listed(message))]
        if self.capabilities.sender_is_fixed:
            return [each for each in listed if each.sender_number == sender_number]
        return listed

    async def status_of(self, provider_message_id: str) -> Receipt | QueryFailed | None:
        """Return the status of one text; None where Twilio has no text by this id, or has deleted it."""
        if not _SID.fullmatch(provider_message_id):
            return None
        result = await self._account().fetch(provider_message_id)
        if isinstance(result, HttpAnswer) and result.status in _ABOUT_ONE and result.status not in _UNANSWERED:
            return None
        fields = _fields_of(result)
        if isinstance(fields, QueryFailed):
            return fields
        return _status(fields) or QueryFailed("unreadable_answer")

    async def statuses_between(self, since: datetime, until: datetime, page: str | None) -> Page[Receipt] | QueryFailed:
        """Return a page of the account's texts; those that were not sent yet are on no page."""
        found = await self._page({"date_sent_after": since, "date_sent_before": until}, page)
        if isinstance(found, QueryFailed):
            return found
        return Page([receipt for message in found.items if (receipt := _status(message))], found.next_page)

    async def replies_to(self, sender_number: str, since: datetime, page: str | None) -> Page[Callback] | QueryFailed:
        """Return the replies to one of our numbers since an instant, as callbacks that would have delivered them."""
        found = await self._page({"to": sender_number, "date_sent_after": since}, page)
        if isinstance(found, QueryFailed):
            return found
        inbound = [_callback_of(each) for each in found.items if each.get("direction") == "inbound"]
        return Page(inbound, found.next_page)

    async def _page(self, filters: Mapping[str, object], page: str | None) -> Page[Mapping[str, Any]] | QueryFailed:
        """Return a page of messages."""
        paging = {name: values[0] for name, values in parse_qs(page or "").items()}
        place = {"page_number": paging.get("Page"), "page_token": paging.get("PageToken")}
        asked = {**filters, **{name: value for name, value in place.items() if value is not None}}
        fields = _fields_of(await self._account().sent_page({**asked, "page_size": _PAGE_TEXTS}))
        if isinstance(fields, QueryFailed):
            return fields
        messages = fields.get("messages")
        if not isinstance(messages, list):
            return QueryFailed("unreadable_answer")
        following = urlsplit(str(fields.get("next_page_uri") or "")).query or None
        return Page([message for message in messages if isinstance(message, Mapping)], following)

    def is_genuine(self, callback: Callback) -> bool:
        """Return whether the account's token signed the request, at the address we are configured to have."""
        signature = callback.headers.get(SIGNATURE_HEADER, "")
        url = self._public_url + callback.path_and_query
        return bool(signature) and self._account().is_signed(url, callback.form, signature)

    def receipt(self, callback: Callback) -> Receipt | None:
        """Return the receipt in a status callback."""
        sid = callback.form.get("MessageSid") or callback.form.get("SmsSid")
        if not sid:
            return None
        word = callback.form.get("MessageStatus") or callback.form.get("SmsStatus") or ""
        return Receipt(sid, *_reported(word.lower(), callback.form.get("ErrorCode")))

    def inbound(self, callback: Callback, *, provider_answers: bool) -> Inbound | None:
        """Return the reply in a callback."""
        form = callback.form
        sid = form.get("MessageSid") or form.get("SmsSid")
        if not sid or not form.get("From") or not form.get("To"):
            return None
        text = form.get("Body", "")
        opt_out_type = form.get("OptOutType", "").strip()
        person, ours = address_of(form["From"]), address_of(form["To"])
        return Inbound(
            sid,
            person.name,
            ours.name,
            text,
            # Advanced Opt-Out sends this field and has answered, whatever the merchant's file says.
            provider_answered=bool(opt_out_type) or (provider_answers and text.strip().upper() in ANSWERED_BY_TWILIO),
            channel=person.channel,
            provider_says=OPT_OUT_TYPES.get(opt_out_type.upper()),
        )

    def readdressed(self, callback: Callback, sender: E164, sender_number: str, reply_id: str) -> Callback:
        """Return a reply's form with these addresses in it, its channel left as it is."""
        form = callback.form
        channel = address_of(form.get("From", "")).channel
        sid = form.get("MessageSid") or form.get("SmsSid") or reply_id
        written = sender if channel == _SMS else f"{channel}:{sender}"
        return replace(callback, form={**form, "MessageSid": sid, "From": written, "To": sender_number})

    def is_ours(self, callback: Callback, numbers: Collection[str], *, is_reply: bool) -> bool:
        """Return whether a callback is about one of these numbers, our Messaging Service, or an RCS sender or page.

        A Messaging Service may write from any number of its pool, which the merchant's file need not list.
        """
        if self._service_sid is not None and callback.form.get("MessagingServiceSid") == self._service_sid:
            return True
        ours = address_of(callback.form.get("To" if is_reply else "From", ""))
        return bool(numbers) and (ours.name in numbers or not ours.is_number)

    def redacted(self, callback: Callback) -> dict[str, str]:
        """Return the fields without the numbers."""
        return {name: value for name, value in callback.form.items() if name not in _PERSONAL_FIELDS}

    async def warm_up(self) -> None:
        """Import Twilio's library in a thread."""
        await asyncio.to_thread(__import__, "services.sender.providers.twilio_sdk")

    async def close(self) -> None:
        """Close connections."""
        if self._opened is not None:
            await self._opened.close()

    def _account(self) -> "TwilioAccount":
        """Return the account, importing Twilio's library on first use."""
        if self._opened is None:
            from services.sender.providers.twilio_sdk import TwilioAccount  # noqa: PLC0415 - 33 MB, only where it is used

            self._opened = TwilioAccount(*self._credentials)
        return self._opened


def _listed(message: object) -> ListedMessage | None:
    """Return one message of a listing; None where it was not sent by us, or cannot be read."""
    if not isinstance(message, Mapping):
        return None
    sid, body, sender = (message.get(name) for name in ("sid", "body", "from"))
    created_at = _instant(message.get("date_created"))
    direction = str(message.get("direction", ""))
    if not isinstance(sid, str) or not isinstance(body, str) or created_at is None or direction == "inbound":
        return None
    status, code, meaning = _reported(message.get("status"), message.get("error_code"))
    return ListedMessage(sid, str(sender), body_sha256(body), created_at, status, code, meaning)


def _reported(word: object, code: object) -> tuple[ProviderStatus, str | None, CodeMeaning | None]:
    """Return a status, its code and what that means; an unknown word means at least that the text was accepted."""
    status, written = STATUSES.get(str(word), ProviderStatus.ACCEPTED), str(code) if code else None
    return status, written, CODES.get(written, UNLISTED) if written else None


def _fields_of(result: CallResult) -> Mapping[str, Any] | QueryFailed:
    """Return the fields of an answer, or why there is none."""
    if not isinstance(result, HttpAnswer):
        return QueryFailed(result.reason)
    if result.status != HTTPStatus.OK:
        return QueryFailed(f"http_{result.status}", retry_after_seconds(result.headers))
    return _object(result.body) or QueryFailed("unreadable_answer")


def _callback_of(message: Mapping[str, Any]) -> Callback:
    """Return a Message resource of a reply as the callback that would have delivered it."""
    names = {"MessageSid": "sid", "From": "from", "To": "to", "Body": "body", "NumMedia": "num_media"}
    form = {name: str(message.get(field) or "").replace("\0", "") for name, field in names.items()}
    return Callback("", form, {})


def _status(message: Mapping[str, Any]) -> Receipt | None:
    """Return the receipt that a Message resource amounts to; None where it names no text."""
    sid = message.get("sid")
    return Receipt(sid, *_reported(message.get("status"), message.get("error_code"))) if isinstance(sid, str) else None


def _instant(value: object) -> datetime | None:
    try:
        return parsedate_to_datetime(str(value)).astimezone(UTC)
    except ValueError:
        return None


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _count(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None
