"""`/v1/controls`: pause texts, stop them, let them go on, and see what is in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query

from services.scheduler.approvals.asking import ask
from services.scheduler.approvals.deciding import Approval
from services.scheduler.controls import store
from services.scheduler.controls.bodies import ControlAnswer, ControlPage, ControlRequest, ControlsChanged
from services.scheduler.controls.changing import lift, put_in_force
from services.scheduler.controls.deeds import deed_of
from services.scheduler.controls.loop import has_work
from services.scheduler.controls.scopes import scope_of
from services.scheduler.controls.second_person import takes_two, texts_let_go, wish_of
from services.scheduler.controls.store import StoredControl
from services.scheduler.dependencies import SchedulerDependencies
from services.scheduler.views import cursor_from, cursor_of
from shared import aad, ids
from shared.audit import AuditAction
from shared.controls import EVERY_MERCHANT, Control, ControlAction, ControlScope
from shared.db import control_store
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.failpoints import failpoint
from shared.http.auth import Caller, requires
from shared.http.problems import HTTPProblem, unprocessable
from shared.http.strict_json import StrictRoute
from shared.token_buckets import TokenBuckets

_PATH: Final = "/v1/controls"
_MOST_IN_FORCE: Final = 1_000
"""Controls of one merchant at a time: each due text is compared with those of its merchant."""
_LARGEST_PAGE: Final = 200
_PER_SECOND: Final = 5.0
"""Requests of one merchant: each is told to every partition, and texts of others wait for its commit."""
_AT_ONCE: Final = 50.0
_MADE: Final = {
    ControlAction.PAUSE: AuditAction.CONTROL_PAUSED,
    ControlAction.STOP: AuditAction.CONTROL_STOPPED,
}

Writer = Annotated[Caller, Depends(requires("controls:write"))]
Reader = Annotated[Caller, Depends(requires("controls:read"))]


def create_router(deps: SchedulerDependencies) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["controls"], route_class=StrictRoute)
    endpoints = SendingControls(deps, TokenBuckets(deps.runtime.clock))
    router.post(_PATH, status_code=HTTPStatus.ACCEPTED, summary="Pause texts, stop them, or let them go on")(
        endpoints.change
    )
    router.get(_PATH, summary="List what is paused and stopped, or was")(endpoints.show)
    return router


@dataclass(frozen=True, slots=True)
class SendingControls:
    """Puts controls in force, lifts them, and shows them."""

    deps: SchedulerDependencies
    brake: TokenBuckets
    """Of each merchant's requests; apart from its quotas, which the flood that it wants to pause may have used up."""

    async def change(self, request: ControlRequest, caller: Writer) -> ControlsChanged:
        """Put a control in force, or lift those on a scope; with `dry_run`, only say how many follow-ups it concerns.

        A resume that lets more texts go than `approvals.release_above` in merchant.yaml does nothing yet: the answer
        has an `approval`, and another user of the console must say yes (409 and 403 say where that cannot be).

        What is in force already is answered as it is, so that asking twice is asking once. Of two controls on a text
        the stronger counts: a stop before a pause. Answers to HELP and STOP go out whatever is paused. No quota of
        events refuses it: who is flooded must be able to pause.
        """
        self._slow_down(caller)
        now = self.deps.runtime.clock.now()
        if request.until is not None and request.until <= now:
            raise unprocessable("until", "this instant has passed")
        scope = await self.deps.units.read(partial(scope_of, request.scope, caller, self.deps.runtime.sealer))
        concerned = await self.deps.units.read(partial(store.concerned, scope=scope))
        changed: list[ControlAnswer] = []
        approval: Approval | None = None
        if not request.dry_run:
            work = partial(self._lift if request.action == "resume" else self._make, request, scope, caller)
            changed, approval = await self.deps.units.run(work, WritePriority.STOP)
            failpoint("scheduler.after_control")
            self.deps.control_waker.wake()
        return ControlsChanged.of(changed, concerned, approval)

    def _slow_down(self, caller: Caller) -> None:
        """Take a request from its merchant's bucket; the operator has none.

        Raises:
            HTTPProblem: 429 with `Retry-After`; nothing was taken.
        """
        if caller.is_operator:
            return
        merchant = caller.merchant.id
        left = self.brake.left(merchant, _PER_SECOND, _AT_ONCE)
        if left < 1:
            self.deps.runtime.quotas.note_refused(merchant, _PATH, "controls")
            raise HTTPProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "quota_exceeded",
                f"more than {_PER_SECOND:g} controls a second; pause the flow or the merchant as a whole",
                headers={"Retry-After": "1"},
            )
        self.brake.keep(merchant, left - 1)

    async def _make(
        self, request: ControlRequest, scope: ControlScope, caller: Caller, uow: UnitOfWork
    ) -> tuple[list[ControlAnswer], None]:
        await control_store.lock_alone(uow.db)
        action = ControlAction(request.action)
        known = [each for each in await store.find_in_force(uow.db, scope, uow.now) if each.control.action is action]
        if same := [each for each in known if each.control.until == request.until]:
            return await self._answers(uow.db, same, caller), None
        if await store.count_in_force(uow.db, scope.merchant_id, uow.now) >= _MOST_IN_FORCE:
            raise HTTPProblem(
                HTTPStatus.CONFLICT,
                "too_many_controls",
                f"{_MOST_IN_FORCE} controls are in force; lift some, or pause the flow or the merchant as a whole",
            )
        texts = await self._let_go_earlier(request, scope, known, caller, uow)
        control = Control(ids.minted(uow.now), action, scope, uow.now, request.until)
        made = await put_in_force(uow, self.deps.runtime.sealer, control, request.reason, caller.key_id)
        self.deps.audit.record(uow, caller.actor, deed_of(control, _MADE[action], request.reason))
        # A control that this one replaces, with another end, is lifted: the newer word counts.
        await self._end(known, request, caller, uow, texts)
        return await self._answers(uow.db, [made], caller), None

    async def _let_go_earlier(
        self,
        request: ControlRequest,
        scope: ControlScope,
        known: Sequence[StoredControl],
        caller: Caller,
        uow: UnitOfWork,
    ) -> int:
        """Return how many texts go earlier because a control gets an earlier end.

        Raises:
            HTTPProblem: 409, so many that it takes a second person, like the resume that it is.
        """
        until = request.until
        if until is None or not any(each.control.until is None or each.control.until > until for each in known):
            return 0
        texts = await texts_let_go(uow.db, caller.merchant, scope, [each.control.id for each in known])
        if await takes_two(uow.db, caller.merchant, scope, texts, uow.now):
            raise HTTPProblem(
                HTTPStatus.CONFLICT,
                "second_person",
                f"{texts} texts wait and would go at this earlier end, which takes two people: leave the end as it is, "
                "or resume, and another user of the console says yes",
            )
        return texts

    async def _lift(
        self, request: ControlRequest, scope: ControlScope, caller: Caller, uow: UnitOfWork
    ) -> tuple[list[ControlAnswer], Approval | None]:
        await control_store.lock_alone(uow.db)
        known = await store.find_in_force(uow.db, scope, uow.now)
        if not known:
            raise HTTPProblem(
                HTTPStatus.CONFLICT,
                "nothing_in_force",
                "nothing is paused or stopped on exactly this scope; GET /v1/controls shows what is in force",
            )
        texts = await texts_let_go(uow.db, caller.merchant, scope, [each.control.id for each in known])
        if await takes_two(uow.db, caller.merchant, scope, texts, uow.now):
            wish = wish_of(known, texts, request.reason)
            return [], await ask(uow, self.deps.audit, self.deps.runtime.sealer, caller, wish)
        lifted = await self._end(known, request, caller, uow, texts)
        return await self._answers(uow.db, lifted, caller), None

    async def _end(
        self, known: Sequence[StoredControl], request: ControlRequest, caller: Caller, uow: UnitOfWork, texts: int
    ) -> list[StoredControl]:
        """Lift controls; the loop lets go what waited for them, so many texts in all."""
        lifted = []
        for stored in known:
            lifted.append(await lift(uow, self.deps.runtime.sealer, stored, request.reason, caller.key_id, texts))
            texts = 0  # they were counted together
            deed = deed_of(stored.control, AuditAction.CONTROL_LIFTED, request.reason)
            self.deps.audit.record(uow, caller.actor, deed)
        return lifted

    async def show(
        self,
        caller: Reader,
        state: Annotated[
            Literal["in_force", "all"], Query(description="With `all` also those that have ended.")
        ] = "in_force",
        limit: Annotated[int, Query(ge=1, le=_LARGEST_PAGE)] = 50,
        cursor: str | None = None,
    ) -> ControlPage:
        """Return the merchant's controls and those on the whole installation, the newest first."""
        before, now = cursor_from(cursor), self.deps.runtime.clock.now()

        async def read(db: Transaction) -> ControlPage:
            found = await store.newest(
                db, caller.merchant.id, only_in_force=state == "in_force", now=now, limit=limit + 1, before=before
            )
            page = await self._answers(db, found[:limit], caller)
            return ControlPage(
                controls=page, next_cursor=cursor_of(page[-1].control_id) if len(found) > limit else None
            )

        return await self.deps.units.read(read)

    async def _answers(self, db: Transaction, found: Sequence[StoredControl], caller: Caller) -> list[ControlAnswer]:
        waiting = await store.count_waiting(db, [stored.control.id for stored in found])
        now = self.deps.runtime.clock.now()
        return [
            ControlAnswer.of(
                stored, waiting.get(stored.control.id, 0), self._reasons(stored, caller), works=has_work(stored, now)
            )
            for stored in found
        ]

    def _reasons(self, stored: StoredControl, caller: Caller) -> tuple[str | None, str | None]:
        """Return why it was made and lifted; the operator's reasons for every merchant are the operator's to read."""
        merchant, key = stored.control.scope.merchant_id, stored.control.id
        if merchant == EVERY_MERCHANT and not caller.is_operator:
            return None, None
        opened = self.deps.runtime.sealer.open
        lifted = stored.lift_reason and opened(merchant, aad.control_lift(key), stored.lift_reason).decode()
        return opened(merchant, aad.control_reason(key), stored.reason).decode(), lifted or None
