"""The simulator's own HTTP API: faults, the record of accepted texts, and actions on a phone (by form or JSON)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from services.simulator.carrier import Carrier
from services.simulator.clock import SimulatorClock
from services.simulator.config import SimulatorConfig
from services.simulator.creation import LONGEST_BODY, is_phone_number
from services.simulator.faults import FaultPlan, Faults
from services.simulator.record import Hold, Search, TextRecord
from services.simulator.texts import SimulatedText, TextStatus, parts_of

_MOST_TEXTS_IN_AN_ANSWER = 10_000
_ActionT = TypeVar("_ActionT", "TypedReply", "HoldOrder")


class TypedReply(BaseModel):
    """A typed reply; `to` names the sender number it answers, by default the one that wrote last."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=LONGEST_BODY)
    to: str | None = None


class HoldOrder(BaseModel):
    """How long a phone receives nothing: seconds of real time, null until released, 0 to release.

    `before` sent holds texts in the provider's queue, where their validity period may expire; `before` delivered
    holds them between network and handset, as for a phone that is switched off.
    """

    model_config = ConfigDict(extra="forbid")

    seconds: float | None = Field(default=None, ge=0, le=10_000_000)
    before: TextStatus = TextStatus.SENT


@dataclass(frozen=True, slots=True)
class ControlEndpoints:
    """Routes for tests and demonstrations, among them those that act as the owner of a phone."""

    config: SimulatorConfig
    clock: SimulatorClock
    record: TextRecord
    carrier: Carrier
    faults: Faults

    def routes(self) -> list[Route]:
        """Return the JSON paths under `/simulator`; they ask for no credentials."""
        return [
            Route("/simulator/health", self.health, methods=["GET"]),
            Route("/simulator/faults", self.show_faults, methods=["GET"]),
            Route("/simulator/faults", self.set_faults, methods=["PUT"]),
            Route("/simulator/faults", self.clear_faults, methods=["DELETE"]),
            Route("/simulator/texts", self.texts, methods=["GET"]),
            Route("/simulator/phones", self.phones, methods=["GET"]),
            Route("/simulator/phones/{number}.json", self.phone, methods=["GET"]),
            Route("/simulator/phones/{number}/replies", self.reply, methods=["POST"]),
            Route("/simulator/phones/{number}/hold", self.hold, methods=["POST"]),
        ]

    async def health(self, _: Request) -> Response:
        """Answer how many texts the record holds and how many are in transit."""
        return JSONResponse(
            {
                "status": "ok",
                "accepted": await self.record.accepted_count(),
                "on_the_way": self.carrier.on_the_way,
                "now": self.clock.now().isoformat(),
            },
        )

    async def show_faults(self, _: Request) -> Response:
        """Answer the rules in force and how often each was applied."""
        return JSONResponse(self.faults.report())

    async def set_faults(self, request: Request) -> Response:
        """Replace all rules."""
        try:
            plan = FaultPlan.model_validate_json(await request.body())
        except ValidationError as error:
            return invalid(error)
        self.faults.replace(plan)
        return JSONResponse(self.faults.report())

    async def clear_faults(self, _: Request) -> Response:
        """Remove all rules."""
        self.faults.replace(FaultPlan())
        return Response(status_code=204)

    async def texts(self, request: Request) -> Response:
        """Answer the durable record, newest first: every text, as often as it was accepted."""
        try:
            limit = max(1, min(int(request.query_params.get("limit", "100")), _MOST_TEXTS_IN_AN_ANSWER))
        except ValueError:
            return problem(400, "limit must be a number")
        texts = await self.record.search(Search(recipient=request.query_params.get("to") or None, limit=limit))
        return JSONResponse({"texts": [text_json(text) for text in texts]})

    async def phones(self, _: Request) -> Response:
        """Answer the phones, the one with the newest text first."""
        latest = await self.record.latest_by_phone(limit=1000)
        return JSONResponse({"phones": [{"number": text.phone, "latest": text_json(text)} for text in latest]})

    async def phone(self, request: Request) -> Response:
        """Answer the conversation of one phone, oldest first."""
        number = request.path_params["number"]
        texts = await self.record.conversation(number, limit=500)
        numbers = sorted({text.number for text in texts})
        held = self.carrier.holds.get(number)
        return JSONResponse(
            {
                "number": number,
                "blocked": [other for other in numbers if self.carrier.is_blocked(other, number)],
                "hold": None if held is None else {"before": held.before, "until": held.until and str(held.until)},
                "texts": [text_json(text) for text in texts],
            },
        )

    async def reply(self, request: Request) -> Response:
        """Accept a reply, recorded before the response (JSON: 201 with its SID; form: a redirect to the phone)."""
        phone = request.path_params["number"]
        if _is_from_another_site(request):
            return problem(403, "replies are accepted from the simulator's own pages only")
        reply = await _read(TypedReply, request)
        if isinstance(reply, Response):
            return reply
        if not is_phone_number(phone):
            return problem(422, "the phone's number is not in E.164 form")
        texts = await self.record.conversation(phone, limit=200)
        account_sids = {text.number: text.account_sid for text in texts}
        number = reply.to or (texts[-1].number if texts else next(iter(self.config.known_numbers), None))
        if number is None:
            return problem(422, "no text was sent to this phone yet: name the number to write to in `to`")
        text = await self.carrier.receive(
            phone=phone,
            number=number,
            account_sid=account_sids.get(number) or next(iter(self.config.accounts)),
            body=reply.text,
        )
        if _is_form(request):
            return RedirectResponse(request.url.path.removesuffix("/replies"), status_code=303)
        return JSONResponse({"sid": text.sid}, 201)

    async def hold(self, request: Request) -> Response:
        """Hold a phone, or release it."""
        if _is_from_another_site(request):
            return problem(403, "phones are held from the simulator's own pages only")
        order = await _read(HoldOrder, request)
        if isinstance(order, Response):
            return order
        if order.before not in {TextStatus.SENT, TextStatus.DELIVERED}:
            return problem(400, "before must be sent or delivered")
        until = None if order.seconds is None else self.clock.elapsed() + timedelta(seconds=order.seconds)
        await self.carrier.hold(
            request.path_params["number"], None if order.seconds == 0 else Hold(order.before, until)
        )
        if _is_form(request):
            return RedirectResponse(request.url.path.removesuffix("/hold"), status_code=303)
        return Response(status_code=204)


def text_json(text: SimulatedText) -> dict[str, Any]:
    """Return everything the record knows about a text, as JSON values."""
    return {
        "sid": text.sid,
        "account_sid": text.account_sid,
        "direction": text.direction,
        "from": text.sender,
        "to": text.recipient,
        "body": text.body,
        "parts": parts_of(text.body),
        "status": text.status,
        "error_code": text.error_code,
        "status_callback": text.status_callback,
        "validity_seconds": text.validity_seconds,
        "created_at": text.created_at.isoformat(),
        "updated_at": text.updated_at.isoformat(),
        "sent_at": text.sent_at and text.sent_at.isoformat(),
        "callback_result": text.callback_result,
    }


def problem(status: int, detail: str) -> Response:
    """Return a problem document."""
    content = {"type": "about:blank", "status": status, "detail": detail}
    return JSONResponse(content, status, media_type="application/problem+json")


def invalid(error: ValidationError) -> Response:
    """Return what is wrong with a body, field by field and without its values."""
    wrong = [f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {item['msg']}" for item in error.errors()]
    return problem(400, "; ".join(wrong))


async def _read(action: type[_ActionT], request: Request) -> _ActionT | Response:
    """Return the action in a form or a JSON body, or what is wrong with it; an empty form field counts as missing."""
    try:
        if not _is_form(request):
            return action.model_validate(await request.json())
        async with request.form(max_fields=10) as form:
            return action.model_validate({name: value for name, value in form.items() if value != ""})
    except ValidationError as error:
        return invalid(error)
    except ValueError:
        return problem(400, "the body is not JSON")


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _is_from_another_site(request: Request) -> bool:
    """Return whether the browser reports that a page of another site sent this request.

    Source: https://www.w3.org/TR/fetch-metadata/
    """
    return request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}
