"""The scheduler's HTTP door: ask for a text, see where it stands, call it off."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from services.scheduler import views
from services.scheduler.api_models import (
    DryRunAnswer,
    FlowAnswer,
    FlowList,
    FollowUpPage,
    FollowUpRequest,
    FollowUpStory,
    PlannedAnswer,
    RunPage,
    SearchRequest,
)
from services.scheduler.lifecycle import pending
from services.scheduler.lifecycle.transitions import cancel
from services.scheduler.runs.enrolment import Decline
from services.scheduler.runs.follow_up_requests import FollowUpRequests, ValidRequest, local_of
from services.scheduler.runs.planner import NewRun, Planner, Versions
from services.scheduler.settings import SchedulerSettings
from services.scheduler.store import load
from services.scheduler.tables import system_tables
from shared import ids, phone
from shared.config.flow import TextStep
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.http.auth import Caller, requires
from shared.http.idempotency import HEADER, Keyed, answered, remember
from shared.http.problems import HTTPProblem, not_found, unprocessable
from shared.http.quota import Quotas, QuotaUsage
from shared.http.strict_json import StrictRoute
from shared.ids import FollowUpId, MerchantId
from shared.phone import Unparsable
from shared.service import Runtime
from shared.vocabulary.follow_up_states import FollowUpState

CALLED_OFF = "api"
"""The reason of a text that its own shop called off."""
_PATH = "/v1/follow-ups"
_ROOM_AFTER_SECONDS = 60
"""When to ask again where as much is planned as may be."""

Writer = Annotated[Caller, Depends(requires("follow-ups:write"))]
Reader = Annotated[Caller, Depends(requires("follow-ups:read"))]
Limit = Annotated[int, Query(ge=1, le=views.LARGEST_PAGE)]


def create_api(  # noqa: C901 - one route a paragraph, each short
    runtime: Runtime,
    asking: FollowUpRequests,
    planner: Planner,
    settings: SchedulerSettings,
    ring: Callable[[datetime], None],
) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["follow-ups"], route_class=StrictRoute)
    units, versions = runtime.units, Versions()
    unconfirmed_after = timedelta(hours=settings.unconfirmed_hours)

    @router.post(
        _PATH,
        status_code=HTTPStatus.ACCEPTED,
        response_model=PlannedAnswer | DryRunAnswer,
        summary="Enqueue a follow-up, or ask what would become of one",
    )
    async def ask(
        request: FollowUpRequest,
        http_request: Request,
        caller: Writer,
        key: Annotated[str | None, Header(alias=HEADER)] = None,
    ) -> Response:
        """Plan a text, or a run of a flow, for one person; with `dry_run`, only say what would be planned."""
        now = runtime.clock.now()
        merchant = caller.merchant
        keyed = Keyed.of(merchant.id, key, _PATH, request.model_dump(mode="json"), runtime.sealer.keyed_hash)
        if keyed and (known := await units.read(lambda db: answered(db, system_tables, keyed))) is not None:
            return JSONResponse(known[1], known[0])  # even where the same request would be refused by now
        runtime.quotas.take(caller, QuotaUsage(_PATH, 1, len(await http_request.body())))
        entry_key = keyed.key_sha256.hex() if keyed else str(ids.minted(now))
        asked = replace(asking.asked(merchant, request, entry_key, now), by=caller.asked_by)
        if request.dry_run:
            past = await units.read(partial(asking.past, asked=asked, now=now, reading=True))
            run = asking.run(asked, past, now)
            previews = [asking.preview(asked, run, text, past) for text in run.texts]
            dry = DryRunAnswer(due_at=previews[0].due_at, due_local=previews[0].due_local, texts=previews)
            return JSONResponse(dry.model_dump(mode="json"), HTTPStatus.ACCEPTED)
        status, answer = await units.run(
            partial(_plan, asking=asking, planner=planner, asked=asked, keyed=keyed, quotas=runtime.quotas),
            WritePriority.INGEST,
        )
        ring(now)
        return JSONResponse(answer, status)

    @router.get(_PATH, summary="Find follow-ups by subject and state")
    async def find(
        caller: Reader,
        subject: Annotated[str | None, Query(max_length=200)] = None,
        state: FollowUpState | None = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> FollowUpPage:
        """Return the shop's follow-ups, the newest first."""
        after = views.cursor_from(cursor)
        mine = views.ViewContext(caller.merchant.id, runtime.clock.now())
        return await units.read(lambda db: views.page(db, mine, subject, state, limit, after))

    @router.post(f"{_PATH}/search", summary="Find a person's follow-ups; the number stays out of the URL")
    async def search(request: SearchRequest, caller: Reader) -> FollowUpPage:
        """Return what is planned for one person; the number travels in the body only."""
        number = phone.parse(request.to, caller.merchant.config.country)
        if isinstance(number, Unparsable):
            raise unprocessable("to", f"the number cannot be used: {number.reason}")
        recipient_id = runtime.sealer.recipient_id(caller.merchant.id, number)
        mine = views.ViewContext(caller.merchant.id, runtime.clock.now())
        return await units.read(lambda db: views.of_person(db, mine, recipient_id, request.state))

    @router.get(f"{_PATH}/{{follow_up_id}}", summary="One follow-up with every state it was in, and why")
    async def show(follow_up_id: UUID, caller: Reader) -> FollowUpStory:
        """Return one follow-up with every state it was in, and why."""
        mine = views.ViewContext(caller.merchant.id, runtime.clock.now())
        story = await units.read(lambda db: views.story(db, mine, follow_up_id))
        if story is None:
            raise not_found("this follow-up")
        return story

    @router.delete(
        f"{_PATH}/{{follow_up_id}}",
        status_code=HTTPStatus.NO_CONTENT,
        response_model=None,
        summary="Call a follow-up off",
        responses={
            202: {"description": "Already released: it may be too late."},
            409: {"description": "It has ended."},
        },
    )
    async def call_off(follow_up_id: UUID, caller: Writer) -> Response:
        """Cancel a follow-up.

        204: it will not go. 202: it was released already; it is cancelled here, and may be on its way all the same.
        409: it was handed to the provider, or has ended otherwise. Asking twice is asking once.
        """

        async def work(uow: UnitOfWork) -> HTTPStatus:
            return await _call_off(uow, FollowUpId(follow_up_id), caller.merchant.id, unconfirmed_after)

        return Response(status_code=await units.run(work, WritePriority.INGEST))

    @router.get("/v1/flows", tags=["flows"], summary="The flows in force")
    async def flows(caller: Reader) -> FlowList:
        """Return the flows in force."""
        return FlowList(
            flows=[
                FlowAnswer(
                    flow=flow.flow,
                    version=flow.version(),
                    description=flow.description,
                    on=flow.on,
                    steps=[step.text for step in flow.steps if isinstance(step, TextStep)],
                )
                for _, flow in sorted(caller.merchant.flows.items())
            ]
        )

    @router.get("/v1/enrollments", tags=["flows"], summary="People's runs through flows")
    async def enrollments(
        caller: Reader,
        flow: str | None = None,
        state: Annotated[str | None, Query(pattern="^(active|ended)$")] = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> RunPage:
        """Return who runs, or ran, through which flow; the newest first."""
        after = views.cursor_from(cursor)
        mine = views.ViewContext(caller.merchant.id, runtime.clock.now())
        return await units.read(lambda db: views.runs(db, versions, mine, flow, state, limit, after))

    return router


async def _plan(
    uow: UnitOfWork,
    *,
    asking: FollowUpRequests,
    planner: Planner,
    asked: ValidRequest,
    keyed: Keyed | None,
    quotas: Quotas,
) -> tuple[int, Any]:
    """Plan what was asked for, once for each Idempotency-Key, and return status and answer."""
    if (known := await answered(uow.db, system_tables, keyed)) is not None:
        return known
    run = asking.run(asked, await asking.past(uow.db, asked, uow.now), uow.now)
    await _require_room(uow, run, quotas)
    laid = await planner.lay_down(uow, [run])
    if not laid:
        # The same request may have been answered meanwhile, by another process or on another connection.
        if (known := await answered(uow.db, system_tables, keyed)) is not None:
            return known
        raise HTTPProblem(HTTPStatus.CONFLICT, "not_enrolled", "the flow did not start: already_entered")
    first = laid[0]
    answer = PlannedAnswer(
        follow_up_id=first.id,
        state=first.standing.state,
        due_at=first.due_at,
        due_local=local_of(first),
        enrollment_id=first.enrollment_id,
        follow_ups=[each.id for each in laid],
    ).model_dump(mode="json")
    await remember(uow, system_tables, keyed, HTTPStatus.ACCEPTED, answer)
    return HTTPStatus.ACCEPTED, answer


async def _require_room(uow: UnitOfWork, run: NewRun, quotas: Quotas) -> None:
    """See that the merchant may plan these texts.

    Raises:
        HTTPProblem: 429, it has as many planned as it may.
    """
    merchant = run.merchant
    limit = quotas.pending_limit(merchant.config.quotas)
    standing = (await pending.counts(uow.db, [merchant.id]))[merchant.id]
    if standing + len(run.texts) > limit:
        quotas.note_refused(merchant.id, _PATH, "pending")
        raise HTTPProblem(
            HTTPStatus.TOO_MANY_REQUESTS,
            Decline.PENDING_QUOTA,
            f"{standing} follow-ups are planned, and this merchant may have {limit}; wait until some have gone, or "
            "call off what is not wanted",
            headers={"Retry-After": str(_ROOM_AFTER_SECONDS)},
        )


async def _call_off(
    uow: UnitOfWork, follow_up_id: FollowUpId, merchant: MerchantId, unconfirmed_after: timedelta
) -> HTTPStatus:
    """Cancel one follow-up and return what to answer."""
    found = (await load(uow.db, "id", [follow_up_id])).get(follow_up_id)
    if found is None or found.merchant_id != merchant:
        raise not_found("this follow-up")
    state = found.standing.state
    if state is FollowUpState.CANCELLED:
        return HTTPStatus.NO_CONTENT
    if state not in {FollowUpState.PENDING, FollowUpState.RELEASED}:
        raise HTTPProblem(HTTPStatus.CONFLICT, "already_ended", f"this follow-up is {state} and cannot be called off")
    await cancel(uow, [found], CALLED_OFF, unconfirmed_after)
    return HTTPStatus.NO_CONTENT if state is FollowUpState.PENDING else HTTPStatus.ACCEPTED
