"""`POST /v1/trial-events`: a made-up event about a phone of the shop's own, through the same intake as every event."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Depends, Header
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from services.ingest.events_api import EventEndpoints
from shared import ids, phone
from shared.clock import Clock
from shared.config.directory import Merchant
from shared.config.example_facts import AMOUNT_MINOR, currency_of, facts_of
from shared.events.trigger import TriggerKind
from shared.http.auth import Caller, requires
from shared.http.idempotency import HEADER
from shared.http.problems import unprocessable
from shared.http.strict_json import StrictRoute

PATH: Final = "/v1/trial-events"
_WITH_AMOUNT: Final = frozenset({TriggerKind.PURCHASE, TriggerKind.REFUND, TriggerKind.CHECKOUT_STARTED})

Operator = Annotated[Caller, Depends(requires("operations:write"))]


class TrialEventBody(BaseModel):
    """What is to have happened, to whom."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"to": "+12125550123"}]})

    to: str = Field(min_length=1, max_length=40, description="A phone listed under `test_recipients`.")
    kind: TriggerKind = TriggerKind.PURCHASE


def create_router(events: EventEndpoints, clock: Clock) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["events"], route_class=StrictRoute)
    router.post(PATH, status_code=HTTPStatus.ACCEPTED, summary="Let something happen to a phone of the shop's own")(
        TrialEvents(events, clock).begin_trial
    )
    return router


@dataclass(frozen=True, slots=True)
class TrialEvents:
    """Makes events up for those who see whether sources work; nobody but the shop's own phones can be named."""

    events: EventEndpoints
    clock: Clock

    async def begin_trial(
        self, body: TrialEventBody, caller: Operator, key: Annotated[str | None, Header(alias=HEADER)] = None
    ) -> Response:
        """Record the event as one of `POST /v1/events` with `test`: flows start, no figure counts it."""
        number = phone.parse(body.to, caller.merchant.config.country)
        if number not in caller.merchant.config.test_recipients:
            raise unprocessable("to", "not a phone for tests: list it under test_recipients in merchant.yaml")
        document = self._document(caller.merchant, str(number), body.kind, _name(key, self.clock.now()))
        return await self.events.take(orjson.dumps(document), caller, None, PATH)

    def _document(self, merchant: Merchant, number: str, kind: TriggerKind, name: str) -> dict[str, Any]:
        """Return the event; the same name makes the same one, which is then recorded once."""
        config = merchant.config
        facts = facts_of(kind, self.clock.now(), ZoneInfo(config.time_zone))
        amount = {"minor": AMOUNT_MINOR, "currency": currency_of(config.country)}
        return {
            "id": f"trial-{name}",
            "kind": kind,
            "subject": f"trial-{name[:8]}",
            "test": True,
            "recipient": {"phone": number},
            "facts": facts,
            **({"amount": amount} if kind in _WITH_AMOUNT else {}),
        }


def _name(key: str | None, now: datetime) -> str:
    """Return what a press of the button is told apart by; the same for the same Idempotency-Key."""
    return ids.minted(now).hex if key is None else hashlib.sha256(key.encode()).hexdigest()[:32]
