"""The route of imports."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from services.compliance.consents.import_service import ImportService
from shared.http.auth import Caller, requires
from shared.http.quota import Quotas, QuotaUsage
from shared.http.strict_json import StrictRoute

MOST_ROWS = 1000
PATH = "/v1/consents/imports"


class ImportBody(BaseModel):
    """A batch of rows; each has the fields of `POST /v1/consents`."""

    model_config = ConfigDict(extra="forbid")

    rows: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_ROWS)


def create_router(service: ImportService, quotas: Quotas) -> APIRouter:
    """Return the route of imports."""
    router = APIRouter(tags=["compliance"], route_class=StrictRoute)

    @router.post(
        PATH,
        summary="Import consents; rows without evidence are refused one by one",
        responses={429: {"description": "Over a quota; rows that withdraw were taken all the same"}},
    )
    async def take(
        body: ImportBody, request: Request, caller: Annotated[Caller, Depends(requires("consents:write"))]
    ) -> Response:
        size = len(await request.body())
        if (unread := quotas.unread_refusal(caller, PATH, size)) is not None:
            raise unread
        answer = await service.take(
            caller.merchant, body.rows, lambda rows: quotas.refusal(caller, QuotaUsage(PATH, rows, size))
        )
        return JSONResponse(answer)

    return router
