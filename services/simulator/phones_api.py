"""Actions on a virtual phone: type a reply, switch it off; from the page (form) or a program (JSON)."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from services.simulator.carrier import Carrier
from services.simulator.clock import SimulatorClock
from services.simulator.config import SimulatorConfig
from services.simulator.control_api import invalid, problem
from services.simulator.creation import LONGEST_BODY, is_phone_number
from services.simulator.record import Hold, TextRecord
from services.simulator.texts import TextStatus


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


class PhonesEndpoints:
    """Routes that act as the owner of a phone."""

    def __init__(self, *, config: SimulatorConfig, clock: SimulatorClock, record: TextRecord, carrier: Carrier) -> None:
        self._config = config
        self._clock = clock
        self._record = record
        self._carrier = carrier

    def routes(self) -> list[Route]:
        """Return the paths that change a phone."""
        return [
            Route("/simulator/phones/{number}/replies", self.reply, methods=["POST"]),
            Route("/simulator/phones/{number}/hold", self.hold, methods=["POST"]),
        ]

    async def reply(self, request: Request) -> Response:
        """Accept a reply, recorded before the response (JSON: 201 with its SID; form: a redirect to the phone)."""
        phone = request.path_params["number"]
        if _is_from_another_site(request):
            return problem(403, "replies are accepted from the simulator's own pages only")
        try:
            reply = TypedReply.model_validate(await _posted(request))
        except (ValidationError, ValueError) as error:
            return invalid(error) if isinstance(error, ValidationError) else problem(400, "the body is not JSON")
        if not is_phone_number(phone):
            return problem(422, "the phone's number is not in E.164 form")
        texts = await self._record.conversation(phone, limit=200)
        account_sids = {text.number: text.account_sid for text in texts}
        number = reply.to or (texts[-1].number if texts else next(iter(self._known_numbers()), None))
        if number is None:
            return problem(422, "no text was sent to this phone yet: name the number to write to in `to`")
        text = await self._carrier.receive(
            phone=phone,
            number=number,
            account_sid=account_sids.get(number) or next(iter(self._config.accounts)),
            body=reply.text,
        )
        if _is_form(request):
            return RedirectResponse(request.url.path.removesuffix("/replies"), status_code=303)
        return JSONResponse({"sid": text.sid}, 201)

    async def hold(self, request: Request) -> Response:
        """Hold a phone, or release it."""
        if _is_from_another_site(request):
            return problem(403, "phones are held from the simulator's own pages only")
        try:
            order = HoldOrder.model_validate(await _posted(request))
        except (ValidationError, ValueError) as error:
            return invalid(error) if isinstance(error, ValidationError) else problem(400, "the body is not JSON")
        if order.before not in {TextStatus.SENT, TextStatus.DELIVERED}:
            return problem(400, "before must be sent or delivered")
        until = None if order.seconds is None else self._clock.elapsed() + timedelta(seconds=order.seconds)
        await self._carrier.hold(
            request.path_params["number"], None if order.seconds == 0 else Hold(order.before, until)
        )
        if _is_form(request):
            return RedirectResponse(request.url.path.removesuffix("/hold"), status_code=303)
        return Response(status_code=204)

    def _known_numbers(self) -> list[str]:
        """Return the sender numbers that the configuration names."""
        return [*self._config.inbound_urls, *sorted(self._config.numbers)]


async def _posted(request: Request) -> object:
    """Return the fields of a form, or the value of a JSON body; an empty form field counts as missing."""
    if _is_form(request):
        async with request.form(max_fields=10) as form:
            return {name: value for name, value in form.items() if value != ""}
    return await request.json()


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _is_from_another_site(request: Request) -> bool:
    """Return whether the browser reports that a page of another site sent this request.

    Source: https://www.w3.org/TR/fetch-metadata/
    """
    return request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}
