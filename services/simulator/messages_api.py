"""Twilio's Messages API: create, fetch and list, compatible with Twilio's own SDK."""

import asyncio
import base64
import binascii
import hmac
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.simulator import wire
from services.simulator.broken_responses import ConnectionReset, NoAnswer
from services.simulator.carrier import Carrier
from services.simulator.clock import SimulatorClock
from services.simulator.config import SimulatorConfig
from services.simulator.creation import ErrorAnswer, KnownRefusal, TextOrder, read_order
from services.simulator.faults import BEFORE_ACCEPTING, DrawnFaults, FaultKind, FaultRule, Faults
from services.simulator.plan import outbound_plan
from services.simulator.record import Search, TextRecord
from services.simulator.texts import Direction, SimulatedText, TextStatus, new_sid

_DEFAULT_PAGE_SIZE: Final = 50
_LARGEST_PAGE_SIZE: Final = 1000
_MOST_FORM_FIELDS: Final = 100
_ANNOUNCED: Final = (TextStatus.QUEUED, TextStatus.SENT, TextStatus.DELIVERED)


@dataclass(slots=True)
class MessagesEndpoints:
    """The Messages resource of every account."""

    config: SimulatorConfig
    clock: SimulatorClock
    record: TextRecord
    carrier: Carrier
    faults: Faults
    concurrent_requests: int = field(default=0, init=False)

    def routes(self) -> list[Route]:
        """Return the paths under `/2010-04-01/`."""
        base = f"/{wire.API_VERSION}/Accounts/{{account_sid}}/Messages"
        return [
            Route(f"{base}.json", self.create, methods=["POST"]),
            Route(f"{base}.json", self.list, methods=["GET"]),
            Route(f"{base}/{{sid}}.json", self.fetch, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Accept a text durably, then answer 201; or refuse it and store nothing."""
        if not self._is_authenticated(request):
            return self._refuse(KnownRefusal.NOT_AUTHENTICATED.value)
        self.concurrent_requests += 1
        try:
            return await self._create(request)
        finally:
            self.concurrent_requests -= 1

    async def fetch(self, request: Request) -> Response:
        """Answer one message."""
        if not self._is_authenticated(request):
            return self._refuse(KnownRefusal.NOT_AUTHENTICATED.value)
        text = await self.record.find(request.path_params["sid"])
        if text is None or text.account_sid != request.path_params["account_sid"]:
            return self._refuse(KnownRefusal.NOT_FOUND.value)
        return self._answer(200, wire.message(text))

    async def list(self, request: Request) -> Response:
        """Answer a page of messages, newest first; a date filter never matches a text that was not sent yet."""
        if not self._is_authenticated(request):
            return self._refuse(KnownRefusal.NOT_AUTHENTICATED.value)
        query = request.query_params
        try:
            page_size = max(1, min(int(query.get("PageSize", _DEFAULT_PAGE_SIZE)), _LARGEST_PAGE_SIZE))
            page = int(query.get("Page", 0))
            sent_from, sent_before = _sent_between(
                query.get("DateSent"), query.get("DateSent>"), query.get("DateSent<")
            )
        except ValueError:
            return self._refuse(ErrorAnswer(400, 20001, "Invalid filter"))
        older_than = await self.record.find(query["PageToken"].removeprefix("PA")) if "PageToken" in query else None
        wanted = Search(
            account_sid=request.path_params["account_sid"],
            recipient=query.get("To") or None,
            sender=query.get("From") or None,
            sent_from=sent_from,
            sent_before=sent_before,
            older_than_seq=None if older_than is None else older_than.seq,
            limit=page_size + 1,
        )
        texts = await self.record.search(wanted)
        shown = texts[:page_size]
        kept = [(name, value) for name, value in query.multi_items() if name not in {"Page", "PageToken", "PageSize"}]

        def uri(number: int, token: str | None) -> str:
            paging = [("PageSize", str(page_size)), ("Page", str(number))] + ([("PageToken", token)] if token else [])
            return f"{request.url.path}?{urlencode([*kept, *paging])}"

        return self._answer(
            200,
            {
                "messages": [wire.message(text) for text in shown],
                "page": page,
                "page_size": page_size,
                "start": page * page_size,
                "end": page * page_size + max(len(shown) - 1, 0),
                "uri": f"{request.url.path}?{request.url.query}".rstrip("?"),
                "first_page_uri": uri(0, None),
                "previous_page_uri": None,
                "next_page_uri": uri(page + 1, f"PA{shown[-1].sid}") if len(texts) > page_size else None,
            },
        )

    async def _create(self, request: Request) -> Response:
        try:
            form = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=_MOST_FORM_FIELDS)
        except ValueError:
            return self._refuse(ErrorAnswer(400, 20001, "The request body is not a form"))
        drawn = self.faults.draw(form.get("To", [""])[0])
        rule = drawn.answer
        if rule is not None and rule.kind in BEFORE_ACCEPTING:
            return self._refuse_by_rule(rule)
        order = read_order(form, self.config)
        if isinstance(order, ErrorAnswer):
            return self._refuse(order)
        if self.carrier.is_blocked(order.sender, order.recipient):
            return self._refuse(KnownRefusal.OPTED_OUT.value)
        text = await self.carrier.accept(self._text(order, request.path_params["account_sid"], drawn))
        match rule.kind if rule is not None else None:
            case FaultKind.ACCEPTED_THEN_TIMEOUT:
                return NoAnswer()
            case FaultKind.ACCEPTED_THEN_RESET:
                return ConnectionReset()
            case FaultKind.ACCEPTED_THEN_500:
                return self._refuse(KnownRefusal.INTERNAL.value)
            case FaultKind.SLOW if rule is not None:
                await asyncio.sleep(rule.delay_ms / 1000)
        return self._answer(201, wire.message(text))

    def _text(self, order: TextOrder, account_sid: str, drawn: DrawnFaults) -> SimulatedText:
        """Return the text of an order, with its delivery plan."""
        now = self.clock.now()
        return SimulatedText(
            sid=new_sid(now),
            account_sid=account_sid,
            direction=Direction.OUTBOUND_API,
            sender=order.sender,
            recipient=order.recipient,
            body=order.body,
            created_at=now,
            updated_at=now,
            status_callback=order.status_callback,
            validity_seconds=order.validity_seconds,
            messaging_service_sid=order.messaging_service_sid,
            media_count=order.media_count,
            plan=outbound_plan(
                latency_ms=self.config.latency_ms,
                announced=_ANNOUNCED if order.status_callback else (),
                outcome=drawn.outcome,
                receipts=drawn.receipts,
            ),
        )

    def _refuse_by_rule(self, rule: FaultRule) -> Response:
        """Return the answer of a fault that strikes before anything is accepted."""
        match rule.kind:
            case FaultKind.UNAVAILABLE:
                return self._refuse(KnownRefusal.UNAVAILABLE.value, retry_after_seconds=rule.retry_after_seconds)
            case FaultKind.THROTTLE:
                return self._refuse(KnownRefusal.TOO_MANY.value, retry_after_seconds=rule.retry_after_seconds)
            case FaultKind.OPTED_OUT:
                return self._refuse(KnownRefusal.OPTED_OUT.value)
            case _:
                code = rule.code or KnownRefusal.TO_INVALID.value.code
                known = next((entry.value for entry in KnownRefusal if entry.value.code == code), None)
                return self._refuse(ErrorAnswer(rule.http_status, code, known.message if known else "Refused"))

    def _is_authenticated(self, request: Request) -> bool:
        """Return whether the request carries the SID and token of the account it is about."""
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            account_sid, _, token = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        expected = self.config.accounts.get(account_sid)
        if expected is None or account_sid != request.path_params["account_sid"]:
            return False
        return hmac.compare_digest(expected.encode(), token.encode())

    def _refuse(self, refusal: ErrorAnswer, *, retry_after_seconds: int | None = None) -> Response:
        response = self._answer(refusal.http_status, refusal.as_json())
        if retry_after_seconds is not None:
            response.headers["Retry-After"] = str(retry_after_seconds)
        return response

    def _answer(self, http_status: int, content: dict[str, Any]) -> Response:
        return Response(
            json.dumps(content, ensure_ascii=False, separators=(",", ":")),
            http_status,
            media_type="application/json",
            headers={
                "Twilio-Request-Id": f"RQ{secrets.token_hex(16)}",
                "Twilio-Concurrent-Requests": str(self.concurrent_requests),
            },
        )


def _sent_between(
    on: str | None, at_or_after: str | None, at_or_before: str | None
) -> tuple[datetime | None, datetime | None]:
    """Return the half-open interval (UTC) that the three date filters leave; a bare date means the whole day."""
    first = after = None
    if on:
        first, after = _day_or_instant(on)
    if at_or_after:
        first = max(filter(None, (first, _day_or_instant(at_or_after)[0])))
    if at_or_before:
        after = min(filter(None, (after, _day_or_instant(at_or_before)[1])))
    return first, after


def _day_or_instant(value: str) -> tuple[datetime, datetime]:
    """Return the interval that a filter value names: a day, or the second of an instant."""
    at = datetime.fromisoformat(value)
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    length = timedelta(days=1) if len(value) == len("2026-01-01") else timedelta(seconds=1)
    return at, at + length
