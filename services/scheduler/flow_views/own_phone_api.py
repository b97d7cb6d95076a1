"""`POST /v1/flows/{flow}/tests`: one of a flow's texts to a phone of the shop's own, by those who write flows."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi import Path as InPath
from fastapi.responses import Response
from pydantic import AfterValidator, ConfigDict, Field

from services.scheduler.api_models import FollowUpRequest, Input, PlannedAnswer, RecipientInput
from services.scheduler.asking import Asking
from services.scheduler.dependencies import SchedulerDependencies
from shared.config.model import Locale, Slug
from shared.fact_limits import bounded_facts
from shared.http.auth import Caller, requires
from shared.http.idempotency import HEADER
from shared.http.problems import not_found
from shared.http.strict_json import StrictRoute

_PATH = "/v1/flows/{flow}/tests"

Writer = Annotated[Caller, Depends(requires("flows:write"))]


class OwnPhoneBody(Input):
    """Which text, to which of the shop's own phones."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "+12125550123", "step": "thanks"}]})

    to: str = Field(min_length=1, max_length=40, description="A phone listed under `test_recipients`.")
    step: Slug | None = Field(None, description="Which text; by default the first.")
    locale: Locale | None = Field(None, description="In which language; by default the shop's.")
    trigger: Annotated[dict[str, Any], AfterValidator(bounded_facts)] | None = Field(
        None, description="What happened, as the text reads it; by default the invented event of the previews."
    )


def create_router(deps: SchedulerDependencies) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["flows"], route_class=StrictRoute)
    router.post(
        _PATH,
        status_code=HTTPStatus.ACCEPTED,
        response_model=PlannedAnswer,
        summary="Send a text of a flow to a phone of the shop's own, marked as a test",
        responses={409: {"description": "The gate would block it; the answer says why, and the way out"}},
    )(OwnPhoneEndpoint(Asking(deps)).send)
    return router


@dataclass(frozen=True, slots=True)
class OwnPhoneEndpoint:
    """Sends texts of flows to those who write them; nobody else can be named."""

    asking: Asking

    async def send(
        self,
        flow: Annotated[str, InPath(max_length=64)],
        body: OwnPhoneBody,
        http_request: Request,
        caller: Writer,
        key: Annotated[str | None, Header(alias=HEADER)] = None,
    ) -> Response:
        """Plan the text for now, as `POST /v1/follow-ups` does with `test`."""
        if flow not in caller.merchant.flows:
            raise not_found("this flow")
        request = FollowUpRequest(
            to=body.to,
            test=True,
            flow=flow,
            step=body.step,
            trigger=body.trigger,
            recipient=RecipientInput(locale=body.locale),
        )
        return await self.asking.answer(caller, request, key, _PATH, len(await http_request.body()))
