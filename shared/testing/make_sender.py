"""For tests of the sender: a merchant's files, cleared follow-ups with sealed content, and a scripted provider."""

import asyncio
import base64
import hmac
import json
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from shared import aad, ids
from shared.aad import AssociatedData
from shared.clock import Clock
from shared.events.follow_up import Content, FollowUpCleared, Purpose
from shared.http.auth import key_sha256
from shared.ids import FollowUpId, MerchantId, RecipientId
from shared.phone import E164
from shared.privacy import Sealer
from shared.testing import make

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "made-up-token"  # noqa: S105 - for tests
API_KEY = "fu_sender_tests"
SENDER_NUMBER = make.SENDER_NUMBER
PERSON = E164("+12125550123")
PUBLIC_URL = "https://sms.acme.example"

_MERCHANT = """\
merchant: {name}
brand: Acme
country: US
contact: help@acme.example
links: {{base_url: "https://go.acme.example"}}
providers:
  main:
    kind: twilio
    account_sid: {sid}
    auth_token: {{env: TEST_TWILIO_TOKEN}}
    base_url: "{base_url}"
    public_url: "{public_url}"
numbers:
  - {{number: "{number}", provider: main, kind: long_code, parts_per_second: {rate}, registration: {registration},
      answers_keywords: {answers}}}
policies: {{scope_on_stop: {scope}}}
api_keys:
  - {{id: backend, sha256: "{key}", scopes: [{scopes}]}}
  - {{id: reader, sha256: "{reader_key}", scopes: ["replies:read", "operations:read", "dispatches:read"]}}
"""
ENVIRON = {"TEST_TWILIO_TOKEN": AUTH_TOKEN}


def merchants_folder(folder: Path, base_url: str, **changes: Any) -> Path:
    """Write the files of a merchant that sends through `base_url`."""
    values: dict[str, Any] = {
        "name": make.MERCHANT,
        "sid": ACCOUNT_SID,
        "base_url": base_url,
        "public_url": PUBLIC_URL,
        "number": SENDER_NUMBER,
        "rate": 100,
        "registration": "registered",
        "answers": "app",
        "scope": "all",
        "key": key_sha256(API_KEY),
        "reader_key": key_sha256(f"{API_KEY}_{changes.get('name', make.MERCHANT)}_reader"),
        "scopes": '"dispatches:read", "replies:read", "replies:write", "messages:read", "recipients:reveal", '
        '"operations:read", "operations:write"',
        **changes,
    }
    own = folder / "merchants" / values["name"]
    own.mkdir(parents=True, exist_ok=True)
    (own / "merchant.yaml").write_text(_MERCHANT.format(**values), encoding="utf-8")
    return folder / "merchants"


def follow_up_id(number: int, at: datetime) -> FollowUpId:
    """Return the id of the n-th follow-up of a test."""
    return FollowUpId(ids.derived("follow-up", number, at=at))


def recipient_id(sealer: Sealer, phone: str = PERSON) -> RecipientId:
    """Return the id a person has with the merchant."""
    return sealer.recipient_id(MerchantId(make.MERCHANT), E164(phone))


def cleared(
    sealer: Sealer,
    now: datetime,
    number: int = 1,
    *,
    phone: str = PERSON,
    text: str = "Hello {{ recipient.first_name }}",
    **changes: Any,
) -> FollowUpCleared:
    """Return a clearance of the n-th follow-up of a test, its content sealed; good for ten minutes."""
    merchant = MerchantId(changes.get("merchant_id", make.MERCHANT))
    text_id, person = changes.get("follow_up_id", follow_up_id(number, now)), recipient_id(sealer, phone)

    def seal(place: AssociatedData, value: str) -> bytes:
        return sealer.seal(merchant, place, value.encode())

    facts = {"trigger": {}, "recipient": {"first_name": "Ana"}, "merchant": {"brand": "Acme"}}
    content = Content(
        body=seal(aad.text_body(text_id), text),
        locale="en",
        contact=seal(aad.contact(changes.get("recipient_id", person)), json.dumps({"phone": phone})),
        facts=seal(aad.text_facts(text_id), json.dumps(facts)),
    )
    fields: dict[str, Any] = {
        "event_id": uuid.uuid4(),
        "recipient_id": person,
        "occurred_at": now,
        "follow_up_id": text_id,
        "purpose": Purpose.TRANSACTIONAL,
        "valid_until": now + timedelta(minutes=10),
        "sender_number": SENDER_NUMBER,
        "content": content,
        **changes,
    }
    return make.event(FollowUpCleared, **fields)


def signature(url: str, form: Mapping[str, str], token: str = AUTH_TOKEN) -> str:
    """Return Twilio's signature of a form post (https://www.twilio.com/docs/usage/security)."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


def signed_post(url: str, form: Mapping[str, str], token: str = AUTH_TOKEN) -> dict[str, Any]:
    """Return the arguments of an HTTP client's post for a provider's callback to one of our addresses."""
    split = urlsplit(url)
    return {
        "url": split.path + (f"?{split.query}" if split.query else ""),
        "content": urlencode(form).encode(),
        "headers": {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": signature(url, form, token),
        },
    }


def replies_url(merchant: str = make.MERCHANT) -> str:
    """Return where the provider hands over replies."""
    return f"{PUBLIC_URL}/v1/providers/main/{merchant}/replies"


@dataclass(slots=True)
class SentText:
    """One text the scripted provider took."""

    sid: str
    form: dict[str, str]
    created_at: datetime
    status: str = "queued"
    code: int | None = None

    @property
    def callback_url(self) -> str:
        """Where its receipts go."""
        return self.form["StatusCallback"]

    def receipt(self, status: str, code: int | None = None, *, sid: str | None = None) -> dict[str, Any]:
        """Return the arguments of a post that reports a status."""
        form = {
            "MessageSid": sid or self.sid,
            "MessageStatus": status,
            "To": self.form["To"],
            "From": self.form["From"],
            "AccountSid": ACCOUNT_SID,
        }
        if code is not None:
            form["ErrorCode"] = str(code)
        return signed_post(self.callback_url, form)


@dataclass(slots=True)
class ScriptedProvider:
    """A server that speaks Twilio's create and list, and answers each call as the script says; else accepts.

    Words of the script: ``accept``, ``accept_then_drop``, ``accept_then_500``, ``accept_then_garbage``,
    ``accept_then_hang``, ``drop`` (after reading), ``500``, ``408``, ``redirect``, ``html_403``, ``throttle`` and
    ``refuse:<code>``.
    """

    clock: Clock
    script: deque[str] = field(default_factory=deque)
    texts: list[SentText] = field(default_factory=list)
    calls: int = 0
    connections: int = 0
    listing_works: bool = True
    questions: list[str] = field(default_factory=list)
    """Every question about texts, as it was put: `list`, or the id of one."""
    throttles_questions: bool = False
    written: list[tuple[datetime, dict[str, str]]] = field(default_factory=list)
    """What people wrote, as it is listed."""
    price: str | None = None
    """What each text costs, as the provider writes it."""
    loses_sight_of: set[str] = field(default_factory=set)
    """Ids of texts it does not know any more."""
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.transport.abort()
            await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError("not started")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            while (request := await _read_request(reader)) is not None:
                answer = await self._answer(*request)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _answer(self, method: str, target: str, body: bytes) -> bytes | None:
        if method == "GET":
            return self._listing(target)
        self.calls += 1
        word = self.script.popleft() if self.script else "accept"
        text = None
        if word.startswith("accept"):
            form = dict(parse_qsl(body.decode(), keep_blank_values=True))
            text = SentText("SM" + uuid.uuid4().hex, form, self.clock.now())
            self.texts.append(text)
        return await self._say(word, text)

    async def _say(self, word: str, text: SentText | None) -> bytes | None:
        match word:
            case "accept":
                return _http(201, self._message(text)) if text else None
            case "accept_then_drop" | "drop":
                return None
            case "accept_then_hang":
                await asyncio.sleep(60)
                return None
            case "accept_then_garbage":
                return _http(201, b"<html>")
            case "accept_then_500" | "500":
                return _http(500, {"code": 20500, "message": "Internal", "status": 500})
            case "408":
                return _http(408, b"")
            case "redirect":
                return _http(307, b"", f"Location: {self.base_url}/elsewhere\r\n")
            case "html_403":
                return _http(403, b"<html>denied by a proxy</html>")
            case "throttle":
                return _http(429, {"code": 20429, "message": "Slow", "status": 429}, "Retry-After: 7\r\n")
            case _:
                code = int(word.removeprefix("refuse:"))
                return _http(401 if code == 20003 else 400, {"code": code, "message": "No", "status": 400})  # noqa: PLR2004 - Twilio's "Authenticate"

    def _listing(self, target: str) -> bytes:
        split = urlsplit(target)
        one = split.path.rpartition("/")[2].removesuffix(".json")
        self.questions.append("list" if one == "Messages" else one)
        if self.throttles_questions:
            return _http(429, {"code": 20429, "message": "Slow", "status": 429}, "Retry-After: 7\r\n")
        if one != "Messages":
            known = [text for text in self.texts if text.sid == one and one not in self.loses_sight_of]
            missing = {"code": 20404, "message": "Not found", "status": 404}
            return _http(200, self._message(known[0])) if known else _http(404, missing)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        if "DateSent>" in query:
            return self._replies_since(query) if "To" in query else self._sent_between(query)
        if not self.listing_works:
            return _http(500, {"code": 20500, "message": "Internal", "status": 500})
        to = query.get("To", "")
        found = [self._message(text) for text in reversed(self.texts) if text.form["To"] == to]
        page = {"messages": found, "page": 0, "page_size": 50, "uri": target, "next_page_uri": None}
        return _http(200, page)

    def _sent_between(self, query: Mapping[str, str]) -> bytes:
        """Answer a page of what left within a time; what is queued was not sent, and is in no such list."""
        since, until = (datetime.fromisoformat(query[name]) for name in ("DateSent>", "DateSent<"))
        sent = [text for text in self.texts if text.status != "queued" and since <= text.created_at <= until]
        size, start = int(query["PageSize"]), int(query.get("PageToken", "0"))
        following = f"/x?Page=1&PageToken={start + size}" if start + size < len(sent) else None
        page = [self._message(text) for text in sent[start : start + size]]
        return _http(200, {"messages": page, "next_page_uri": following})

    def _replies_since(self, query: Mapping[str, str]) -> bytes:
        """Answer a page of what was written to a number since an instant, the newest first."""
        since = datetime.fromisoformat(query["DateSent>"])
        found = [each for at, each in reversed(self.written) if at >= since and each["to"] == query["To"]]
        size, start = int(query["PageSize"]), int(query.get("PageToken", "0"))
        following = f"/x?Page=1&PageToken={start + size}" if start + size < len(found) else None
        return _http(200, {"messages": found[start : start + size], "next_page_uri": following})

    def write_back(self, body: str, sender: str = PERSON, number: str = SENDER_NUMBER) -> dict[str, str]:
        """Record an inbound text to a number, and return the form of its webhook, which is not sent."""
        form = {"MessageSid": f"SM{len(self.written):032x}", "From": sender, "To": number, "Body": body}
        named = {"sid": form["MessageSid"], "from": sender, "to": number, "body": body, "num_media": "0"}
        self.written.append((self.clock.now(), {**named, "direction": "inbound"}))
        return form

    def _message(self, text: SentText | None) -> dict[str, Any]:
        if text is None:
            raise RuntimeError("nothing was accepted")
        return {
            "sid": text.sid,
            "body": text.form["Body"],
            "from": text.form["From"],
            "to": text.form["To"],
            "status": text.status,
            "num_segments": "1",
            "price": self.price,
            "price_unit": "USD",
            "direction": "outbound-api",
            "error_code": text.code,
            "date_created": format_datetime(text.created_at),
            "date_sent": None,
        }


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, str, bytes] | None:
    """Read one HTTP/1.1 request; None at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    return method, target, await reader.readexactly(int(headers.get("content-length", "0")))


def _http(status: int, body: Mapping[str, Any] | bytes, headers: str = "") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{headers}\r\n".encode() + content
