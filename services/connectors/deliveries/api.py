"""HTTP routes of notifications: what was sent where, what was given up, and what somebody does about it."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from services.connectors.deliveries import store
from services.connectors.deliveries.bodies import (
    DeliveryFilter,
    DeliveryPage,
    DeliveryView,
    DiscardBody,
    EndpointList,
    EndpointView,
    cursor_of,
    delivery_before,
)
from services.connectors.deliveries.states import DeliveryState
from services.connectors.deliveries.store import MOST_COUNTED, EndpointKey
from services.connectors.dependencies import ConnectorsDependencies
from services.connectors.notifications.notices import Notice
from shared import ids
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.config.model import SLUG
from shared.db.transaction import Row, Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.http.auth import Caller, requires
from shared.http.problems import HTTPProblem, not_found
from shared.http.strict_json import StrictRoute
from shared.vocabulary.notification_kinds import NotificationKind

_DELIVERIES: Final = "/v1/deliveries"
_ENDPOINTS: Final = "/v1/endpoints"
_LARGEST_PAGE: Final = 200
_TESTS_PER_SECOND: Final = 0.1
_TESTS_AT_ONCE: Final = 5.0
"""Of one endpoint: who tests must not make this system hammer somebody's server."""

Reader = Annotated[Caller, Depends(requires("notifications:read"))]
Writer = Annotated[Caller, Depends(requires("notifications:write"))]
Limit = Annotated[int, Query(ge=1, le=_LARGEST_PAGE)]
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")]


def create_router(deps: ConnectorsDependencies) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["notifications"], route_class=StrictRoute)
    endpoints, one = NotificationEndpoints(deps), f"{_DELIVERIES}/{{delivery_id}}"
    router.get(_DELIVERIES, summary="List notifications, the newest first")(endpoints.page)
    router.post(f"{one}/redrive", summary="Send a notification again that was given up")(endpoints.redrive)
    router.post(f"{one}/discard", summary="Decide that a notification need not arrive")(endpoints.discard)
    router.get(_ENDPOINTS, summary="List the endpoints of merchant.yaml, and how they do")(endpoints.listed)
    router.post(
        f"{_ENDPOINTS}/{{name}}/test", status_code=HTTPStatus.ACCEPTED, summary="Send an endpoint a test notification"
    )(endpoints.test)
    return router


@dataclass(frozen=True, slots=True)
class NotificationEndpoints:
    """Answers for the merchant of the caller; what another merchant has is not found."""

    deps: ConnectorsDependencies

    async def page(
        self, caller: Reader, state: DeliveryFilter = DeliveryFilter.ALL, limit: Limit = 50, cursor: Cursor = None
    ) -> DeliveryPage:
        """List notifications, one for each endpoint that is told."""
        before = delivery_before(cursor)
        rows = await self.deps.runtime.units.read(
            lambda db: store.newest(db, caller.merchant.id, state.state, before, limit + 1)
        )
        shown = [DeliveryView.of(row) for row in rows[:limit]]
        return DeliveryPage(deliveries=shown, next_cursor=cursor_of(shown[-1].id) if len(rows) > limit else None)

    async def redrive(self, delivery_id: UUID, caller: Writer) -> DeliveryView:
        """Try a dead notification again from now on, for as long as a new one; the receiver sees the same id."""

        async def work(uow: UnitOfWork) -> Row:
            found = await self._found(uow.db, caller, delivery_id)
            if not await store.redrive(uow.db, found, uow.now):
                raise _wrong_state(found, "dead")
            self.deps.audit.record(uow, caller.actor, _deed(caller, AuditAction.NOTIFICATION_REDRIVEN, found))
            return await self._found(uow.db, caller, delivery_id)

        row = await self.deps.runtime.units.run(work, WritePriority.BATCHES)
        self.deps.planner.waker.wake()
        return DeliveryView.of(row)

    async def discard(self, delivery_id: UUID, body: DiscardBody, caller: Writer) -> DeliveryView:
        """End a notification that is pending or dead; a call that is under way may still arrive."""

        async def work(uow: UnitOfWork) -> Row:
            found = await self._found(uow.db, caller, delivery_id)
            if not await store.discard(uow.db, found, uow.now):
                raise _wrong_state(found, "pending or dead")
            deed = _deed(caller, AuditAction.NOTIFICATION_DISCARDED, found, body.reason)
            self.deps.audit.record(uow, caller.actor, deed)
            return await self._found(uow.db, caller, delivery_id)

        return DeliveryView.of(await self.deps.runtime.units.run(work, WritePriority.BATCHES))

    async def listed(self, caller: Reader) -> EndpointList:
        """List the endpoints that are in force."""
        merchant, named = caller.merchant.id, caller.merchant.config.notify.endpoints

        async def read(db: Transaction) -> EndpointList:
            turns = await store.turns_of(db, merchant)
            views = [
                EndpointView.of(
                    each,
                    turns.get(each.name),
                    await store.waiting(db, EndpointKey(merchant, each.name), MOST_COUNTED),
                )
                for each in named
            ]
            return EndpointList(endpoints=views, given_up=await store.given_up(db, merchant))

        return await self.deps.runtime.units.read(read)

    async def test(self, name: Annotated[str, Path(pattern=SLUG)], caller: Writer) -> DeliveryView:
        """Send a test notification, whatever the endpoint's `events` are; the answer is its delivery."""
        if caller.merchant.config.notify.endpoint(name) is None:
            raise not_found("the endpoint")
        self._slow_down(caller, name)

        async def work(uow: UnitOfWork) -> UUID:
            sentence = "This is a test: notifications of Followup arrive here."
            notice = Notice(
                NotificationKind.TEST, caller.merchant.id, ids.minted(uow.now), uow.now, sentence, {"endpoint": name}
            )
            (delivery_id,) = self.deps.planner.plan(notice, uow, only=name)
            subject = AuditSubject(AuditSubjectKind.ENDPOINT, name)
            self.deps.audit.record(uow, caller.actor, Deed(caller.merchant.id, AuditAction.ENDPOINT_TESTED, subject))
            return delivery_id

        planned = await self.deps.runtime.units.run(work, WritePriority.BATCHES)
        return DeliveryView.of(await self.deps.runtime.units.read(lambda db: self._found(db, caller, planned)))

    def _slow_down(self, caller: Caller, name: str) -> None:
        """Take a test from the endpoint's bucket.

        Raises:
            HTTPProblem: 429 with `Retry-After`; nothing was sent.
        """
        bucket = (caller.merchant.id, name)
        left = self.deps.brake.left(bucket, _TESTS_PER_SECOND, _TESTS_AT_ONCE)
        if left < 1:
            wait = 1 / _TESTS_PER_SECOND
            raise HTTPProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_tests",
                f"an endpoint gets one test in {wait:g} s; look at the last one with GET {_DELIVERIES}",
                headers={"Retry-After": f"{wait:g}"},
            )
        self.deps.brake.keep(bucket, left - 1)

    async def _found(self, db: Transaction, caller: Caller, delivery_id: UUID) -> Row:
        """Return a delivery of the caller's merchant.

        Raises:
            HTTPProblem: 404 where there is none.
        """
        row = await store.find(db, caller.merchant.id, delivery_id)
        if row is None:
            raise not_found("the notification")
        return row


def _deed(caller: Caller, action: AuditAction, row: Row, reason: str | None = None) -> Deed:
    subject = AuditSubject(AuditSubjectKind.NOTIFICATION, str(row["delivery_id"]))
    return Deed(caller.merchant.id, action, subject, row["recipient_id"], reason=reason)


def _wrong_state(row: Row, needed: str) -> HTTPProblem:
    state = DeliveryState(row["state"]).value
    return HTTPProblem(
        HTTPStatus.CONFLICT, "wrong_state", f"the notification is {state}; this needs one that is {needed}"
    )
