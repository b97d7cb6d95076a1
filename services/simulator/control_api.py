"""The simulator's own HTTP API: faults, phones, the record of accepted texts."""

from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.simulator.carrier import Carrier
from services.simulator.clock import SimulatorClock
from services.simulator.faults import FaultPlan, Faults
from services.simulator.record import Search, TextRecord
from services.simulator.texts import SimulatedText, parts_of

_MOST_TEXTS_IN_AN_ANSWER = 10_000


class ControlEndpoints:
    """Routes for tests and demonstrations."""

    def __init__(self, *, clock: SimulatorClock, record: TextRecord, carrier: Carrier, faults: Faults) -> None:
        self._clock = clock
        self._record = record
        self._carrier = carrier
        self._faults = faults

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
        ]

    async def health(self, _: Request) -> Response:
        """Answer how many texts the record holds and how many are in transit."""
        return JSONResponse(
            {
                "status": "ok",
                "accepted": await self._record.accepted_count(),
                "on_the_way": self._carrier.on_the_way,
                "now": self._clock.now().isoformat(),
            },
        )

    async def show_faults(self, _: Request) -> Response:
        """Answer the rules in force and how often each was applied."""
        return JSONResponse(self._faults.report())

    async def set_faults(self, request: Request) -> Response:
        """Replace all rules."""
        try:
            plan = FaultPlan.model_validate_json(await request.body())
        except ValidationError as error:
            return invalid(error)
        self._faults.replace(plan)
        return JSONResponse(self._faults.report())

    async def clear_faults(self, _: Request) -> Response:
        """Remove all rules."""
        self._faults.replace(FaultPlan())
        return Response(status_code=204)

    async def texts(self, request: Request) -> Response:
        """Answer the durable record, newest first: every text, as often as it was accepted."""
        try:
            limit = max(1, min(int(request.query_params.get("limit", "100")), _MOST_TEXTS_IN_AN_ANSWER))
        except ValueError:
            return problem(400, "limit must be a number")
        texts = await self._record.search(Search(recipient=request.query_params.get("to") or None, limit=limit))
        return JSONResponse({"texts": [text_json(text) for text in texts]})

    async def phones(self, _: Request) -> Response:
        """Answer the phones, the one with the newest text first."""
        latest = await self._record.latest_by_phone(limit=1000)
        return JSONResponse({"phones": [{"number": text.phone, "latest": text_json(text)} for text in latest]})

    async def phone(self, request: Request) -> Response:
        """Answer the conversation of one phone, oldest first."""
        number = request.path_params["number"]
        texts = await self._record.conversation(number, limit=500)
        numbers = sorted({text.number for text in texts})
        held = self._carrier.holds.get(number)
        return JSONResponse(
            {
                "number": number,
                "blocked": [other for other in numbers if self._carrier.is_blocked(other, number)],
                "hold": None if held is None else {"before": held.before, "until": held.until and str(held.until)},
                "texts": [text_json(text) for text in texts],
            },
        )


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
