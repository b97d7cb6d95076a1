"""The route that revokes preference links; the pages themselves are in `pages`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.compliance.consents.bodies import StandingBody
from services.compliance.consents.service import ConsentService
from services.compliance.gate.evaluation import rfc3339
from services.compliance.preferences import store
from shared.db.transaction import WritePriority
from shared.http.auth import Caller, requires
from shared.http.strict_json import StrictRoute


def create_router(service: ConsentService) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["compliance"], route_class=StrictRoute)

    @router.post("/v1/recipients/preference-links/revoke", summary="Revoke every preference link of a person")
    async def revoke_links(
        body: StandingBody, caller: Annotated[Caller, Depends(requires("consents:write"))]
    ) -> dict[str, Any]:
        recipient, _number = service.recipient(caller.merchant, body.to)
        now = service.units.clock.now()
        await service.units.run(
            lambda uow: store.revoke_links(uow.db, caller.merchant.id, recipient, now), WritePriority.STOP
        )
        return {"recipient_id": str(recipient), "revoked_at": rfc3339(now)}

    return router
