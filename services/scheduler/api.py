"""The scheduler's entry point for HTTP: ask for follow-ups, see their state, cancel them."""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from services.scheduler import store, views
from services.scheduler.api_models import (
    DryRunAnswer,
    FlowList,
    FollowUpPage,
    FollowUpRequest,
    FollowUpStory,
    PlannedAnswer,
    RunPage,
    SearchRequest,
)
from services.scheduler.asking import Asking
from services.scheduler.cancelling import reason_of
from services.scheduler.dependencies import SchedulerDependencies
from services.scheduler.lifecycle.transitions import cancel
from services.scheduler.removed_flows.views import flow_list
from shared import phone
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.http.auth import Caller, requires
from shared.http.idempotency import HEADER
from shared.http.problems import HTTPProblem, not_found, unprocessable
from shared.http.strict_json import StrictRoute
from shared.ids import FollowUpId
from shared.phone import Unparsable
from shared.vocabulary.follow_up_states import FollowUpState

_PATH = "/v1/follow-ups"

Writer = Annotated[Caller, Depends(requires("follow-ups:write"))]
Reader = Annotated[Caller, Depends(requires("follow-ups:read"))]
FlowReader = Annotated[Caller, Depends(requires("follow-ups:read", "flows:read"))]
Limit = Annotated[int, Query(ge=1, le=views.LARGEST_PAGE)]


def create_router(deps: SchedulerDependencies) -> APIRouter:
    """Return the routes."""
    texts = APIRouter(tags=["follow-ups"], route_class=StrictRoute)
    flows = APIRouter(tags=["flows"], route_class=StrictRoute)
    endpoints = FollowUpEndpoints(deps, Asking(deps))
    one = f"{_PATH}/{{follow_up_id}}"
    texts.post(
        _PATH,
        status_code=HTTPStatus.ACCEPTED,
        response_model=PlannedAnswer | DryRunAnswer,
        summary="Enqueue a follow-up, or ask what would become of one",
    )(endpoints.ask)
    texts.get(_PATH, summary="Find follow-ups by subject and state")(endpoints.find)
    texts.post(f"{_PATH}/search", summary="Find a person's follow-ups; the number stays out of the URL")(
        endpoints.search
    )
    texts.get(one, summary="Show one follow-up with every state it was in, and why")(endpoints.show)
    texts.delete(
        one,
        status_code=HTTPStatus.NO_CONTENT,
        response_model=None,
        summary="Cancel a follow-up",
        responses={
            202: {"description": "Already released: it may be too late."},
            409: {"description": "It has ended."},
        },
    )(endpoints.call_off)
    flows.get("/v1/flows", summary="List the flows in force, and those that were removed")(endpoints.flows)
    flows.get("/v1/enrollments", summary="List people's runs through flows")(endpoints.enrollments)
    router = APIRouter()
    router.include_router(texts)
    router.include_router(flows)
    return router


@dataclass(frozen=True, slots=True)
class FollowUpEndpoints:
    """Plans follow-ups, shows a merchant its follow-ups, runs and flows, and cancels follow-ups."""

    deps: SchedulerDependencies
    asking: Asking

    async def ask(
        self,
        request: FollowUpRequest,
        http_request: Request,
        caller: Writer,
        key: Annotated[str | None, Header(alias=HEADER)] = None,
    ) -> Response:
        """Plan a text, or a run of a flow, for one person; with `dry_run`, only say what would be planned."""
        return await self.asking.answer(caller, request, key, _PATH, len(await http_request.body()))

    def _context(self, caller: Caller) -> views.ViewContext:
        return views.ViewContext(caller.merchant.id, caller.merchant.config, self.deps.runtime.clock.now())

    async def find(
        self,
        caller: Reader,
        subject: Annotated[str | None, Query(max_length=200)] = None,
        state: FollowUpState | None = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> FollowUpPage:
        """Return the shop's follow-ups, the newest first."""
        after, context = views.cursor_from(cursor), self._context(caller)
        return await self.deps.units.read(lambda db: views.page(db, context, subject, state, limit, after))

    async def search(self, request: SearchRequest, caller: Reader) -> FollowUpPage:
        """Return what is planned for one person; the number travels in the body only."""
        number = phone.parse(request.to, caller.merchant.config.country)
        if isinstance(number, Unparsable):
            raise unprocessable("to", f"the number cannot be used: {number.reason}")
        recipient_id = self.deps.runtime.sealer.recipient_id(caller.merchant.id, number)
        context = self._context(caller)
        return await self.deps.units.read(lambda db: views.of_recipient(db, context, recipient_id, request.state))

    async def show(self, follow_up_id: UUID, caller: Reader) -> FollowUpStory:
        """Return one follow-up with every state it was in, and why."""
        context = self._context(caller)
        story = await self.deps.units.read(lambda db: views.story(db, context, follow_up_id))
        if story is None:
            raise not_found("this follow-up")
        return story

    async def flows(self, caller: FlowReader) -> FlowList:
        """Return the flows in force, and those that were removed from the files while texts of them are planned."""
        merchant, now = caller.merchant, self.deps.runtime.clock.now()
        return await self.deps.units.read(lambda db: flow_list(db, merchant, now))

    async def enrollments(
        self,
        caller: Reader,
        flow: str | None = None,
        state: Annotated[str | None, Query(pattern="^(active|ended)$")] = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> RunPage:
        """Return who runs, or ran, through which flow; the newest first."""
        after, context = views.cursor_from(cursor), self._context(caller)
        return await self.deps.units.read(
            lambda db: views.runs(db, self.deps.versions, context, flow, state, limit, after)
        )

    async def call_off(self, follow_up_id: UUID, caller: Writer) -> Response:
        """Cancel a follow-up.

        204: it will not go. 202: it was released already; it is cancelled here, and may be on its way all the same.
        409: it was handed to the provider, or has ended otherwise. Asking twice is asking once.
        """
        work = partial(self._call_off, key=FollowUpId(follow_up_id), caller=caller)
        return Response(status_code=await self.deps.units.run(work, WritePriority.INGEST))

    async def _call_off(self, uow: UnitOfWork, *, key: FollowUpId, caller: Caller) -> HTTPStatus:
        """Cancel one follow-up and return what to answer."""
        found = (await store.load(uow.db, "id", [key])).get(key)
        if found is None or found.merchant_id != caller.merchant.id:
            raise not_found("this follow-up")
        if found.state is FollowUpState.CANCELLED:
            return HTTPStatus.NO_CONTENT
        if found.state not in {FollowUpState.PENDING, FollowUpState.RELEASED}:
            raise HTTPProblem(
                HTTPStatus.CONFLICT, "already_ended", f"this follow-up is {found.state} and cannot be called off"
            )
        await cancel(uow, [found], reason_of(caller), self.deps.settings.unconfirmed_after)
        subject = AuditSubject(AuditSubjectKind.FOLLOW_UP, str(key))
        deed = Deed(found.merchant_id, AuditAction.FOLLOW_UP_CANCELLED, subject, recipient_id=found.recipient_id)
        self.deps.audit.record(uow, caller.actor, deed)
        return HTTPStatus.NO_CONTENT if found.is_pending else HTTPStatus.ACCEPTED
