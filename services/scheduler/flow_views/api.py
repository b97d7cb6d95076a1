"""`GET /v1/flows/{flow}` and its versions."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi import Path as InPath

from services.scheduler.dependencies import SchedulerDependencies
from services.scheduler.flow_views import store, views
from services.scheduler.flow_views.bodies import FlowStory, FlowVersionList
from shared.http.auth import Caller, requires
from shared.http.problems import not_found
from shared.http.strict_json import StrictRoute
from shared.vocabulary.built_in_flows import BUILT_IN_FLOWS
from shared.worker_thread import SMALL_BYTES, in_worker_thread

_LONGEST_NAME: Final = 64
_LONG: Final = SMALL_BYTES + 1
"""What is rendered or written here grows with the flow."""

Reader = Annotated[Caller, Depends(requires("flows:read"))]
FlowInPath = Annotated[str, InPath(max_length=_LONGEST_NAME)]


def create_router(deps: SchedulerDependencies) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["flows"], route_class=StrictRoute)
    endpoints = FlowEndpoints(deps)
    router.get("/v1/flows/{flow}", summary="Show one flow: its rules, and each text as it would be sent")(
        endpoints.show
    )
    router.get("/v1/flows/{flow}/versions", summary="List the versions of a flow")(endpoints.versions)
    return router


@dataclass(frozen=True, slots=True)
class FlowEndpoints:
    """Shows a merchant its flows."""

    deps: SchedulerDependencies

    async def show(self, flow: FlowInPath, caller: Reader) -> FlowStory:
        """Return one flow; one that was removed as the version that began last."""
        merchant, now = caller.merchant, self.deps.runtime.clock.now()
        found = await self.deps.units.read(lambda db: views.find_flow(db, merchant, flow, now))
        if found is None:
            raise not_found("this flow")
        return await in_worker_thread(lambda: views.story_of(found, merchant, now), _LONG)

    async def versions(self, flow: FlowInPath, caller: Reader) -> FlowVersionList:
        """Return the versions of a flow, the one in force first, then the newest."""
        merchant, most = caller.merchant, views.MOST_VERSIONS + 1
        if flow in BUILT_IN_FLOWS:
            raise not_found("this flow")
        begun = await self.deps.units.read(lambda db: store.newest_versions(db, merchant.id, flow, most))
        found = await in_worker_thread(lambda: views.versions_of(merchant, flow, begun), _LONG)
        if found is None:
            raise not_found("this flow")
        return found
