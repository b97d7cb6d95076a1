"""The HTTP door of imports."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.compliance.imports.desk import ImportDesk
from shared.http.auth import Caller, requires
from shared.http.strict_json import StrictRoute

MOST_ROWS = 1000


class ImportBody(BaseModel):
    """A batch; each row has the fields of `POST /v1/consents`."""

    model_config = ConfigDict(extra="forbid")

    rows: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_ROWS)


def routes(desk: ImportDesk) -> APIRouter:
    """Return the route of imports."""
    router = APIRouter(tags=["compliance"], route_class=StrictRoute)

    @router.post("/v1/consents/imports", summary="Import consents; rows without evidence are refused one by one")
    async def take(body: ImportBody, caller: Annotated[Caller, Depends(requires("consents:write"))]) -> dict[str, Any]:
        return await desk.take(caller.merchant, body.rows)

    return router
