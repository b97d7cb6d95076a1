"""`GET /v1/follow-ups/{follow_up_id}/preview`: how a planned text would read now, for the person it is planned for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.scheduler import view_store
from services.scheduler.api_models import PartsAnswer
from services.scheduler.caller_brake import CallerBrake
from services.scheduler.dependencies import SchedulerDependencies
from services.scheduler.runs.previews import stand_in_link
from services.scheduler.store import was_ever_accepted
from shared import aad
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.config.directory import Merchant
from shared.db.transaction import Row, Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.errors import Unsealable
from shared.events.follow_up import Purpose
from shared.http.auth import Caller, requires
from shared.http.problems import HTTPProblem, not_found
from shared.http.strict_json import StrictRoute
from shared.privacy import Sealer
from shared.rendering.render import Rendered, RenderFailed, RenderInput, render
from shared.token_buckets import TokenBuckets
from shared.vocabulary.follow_up_states import FollowUpState

_PATH: Final = "/v1/follow-ups/{follow_up_id}/preview"
_READS: Final = "messages:read"

Reader = Annotated[Caller, Depends(requires("follow-ups:read"))]


class PreviewAnswer(BaseModel):
    """A planned text as it would read now; what is sent is rendered anew at its time."""

    follow_up_id: UUID
    is_preview: Literal[True] = True
    """Nobody was sent this."""
    as_of: datetime
    """The moment that its dates are counted from."""
    due_at: datetime
    due_local: str
    locale: str
    text: str
    """With brand and STOP line where they belong to it; short links end in zeros."""
    parts: PartsAnswer


def create_router(deps: SchedulerDependencies) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["follow-ups"], route_class=StrictRoute)
    brake = CallerBrake(TokenBuckets(deps.runtime.clock), "too_many_previews", "planned texts were read")
    router.get(
        _PATH,
        summary="Show how a planned text would read now",
        responses={409: {"description": "It is not planned any more, or cannot be rendered."}},
    )(PlannedWords(deps, brake).show)
    return router


@dataclass(frozen=True, slots=True)
class PlannedWords:
    """Renders planned texts of the caller's merchant; each reading is entered into the audit log before it is shown."""

    deps: SchedulerDependencies
    brake: CallerBrake

    async def show(self, follow_up_id: UUID, caller: Reader) -> PreviewAnswer:
        """Return a pending follow-up's text, rendered with what is stored of its person by the function that sends.

        Nothing is sent, planned or judged; the gate is not asked. Each reading is an entry of the audit log. 404: the
        shop has no such follow-up, or its words are no longer kept. 409: it is not pending any more.
        """
        if not caller.may(_READS):
            raise HTTPProblem(HTTPStatus.FORBIDDEN, "missing_scope", f"this takes the scope {_READS} too")
        self.brake.slow_down(caller)
        now, merchant = self.deps.runtime.clock.now(), caller.merchant

        async def stored(db: Transaction) -> tuple[Row, bool]:
            row = await view_store.follow_up(db, merchant.id, follow_up_id)
            if row is None:
                raise not_found("this follow-up")
            return row, not await was_ever_accepted(db, row["recipient_id"])

        row, is_first = await self.deps.units.read(stored)
        if row["state"] != FollowUpState.PENDING:
            raise HTTPProblem(
                HTTPStatus.CONFLICT,
                "not_pending",
                f"this follow-up is {row['state']}; only a planned text has a preview. "
                f"What was sent is read with GET /v1/dispatches/{follow_up_id}?text=true",
            )
        made = words_of(row, merchant, self.deps.runtime.sealer, now, is_first_contact=is_first)
        await self._enter(row, caller)
        return PreviewAnswer(
            follow_up_id=follow_up_id,
            as_of=now,
            due_at=row["due_at"],
            due_local=row["due_at"].astimezone(ZoneInfo(row["time_zone"])).isoformat(),
            locale=row["locale"],
            text=made.text,
            parts=PartsAnswer(encoding=made.encoding, parts=made.parts, units=made.units),
        )

    async def _enter(self, row: Row, caller: Caller) -> None:
        subject = AuditSubject(AuditSubjectKind.FOLLOW_UP, str(row["id"]))
        recipient = row["recipient_id"]
        deed = Deed(caller.merchant.id, AuditAction.TEXT_REVEALED, subject, recipient_id=recipient, counts={"texts": 1})

        async def work(uow: UnitOfWork) -> None:
            self.deps.audit.record(uow, caller.actor, deed)

        await self.deps.units.run(work, WritePriority.BATCHES)


def words_of(
    row: Mapping[str, Any], merchant: Merchant, sealer: Sealer, now: datetime, *, is_first_contact: bool
) -> Rendered:
    """Return the text of a stored follow-up as it would read if it went now (the sender's composition; pure).

    Raises:
        HTTPProblem: 404, its words are no longer kept or cannot be opened; 409, it cannot be rendered.
    """
    if row["body"] is None or row["facts"] is None:
        raise not_found("the text of this follow-up")
    try:
        template = sealer.open(merchant.id, aad.text_body(row["id"]), row["body"]).decode()
        facts = orjson.loads(sealer.open(merchant.id, aad.text_facts(row["id"]), row["facts"]))
    except Unsealable:
        raise not_found("the text of this follow-up") from None
    made = render(
        RenderInput(
            template=template,
            facts={"now": now.isoformat()} | facts,
            brand=merchant.config.brand,
            locale=row["locale"],
            purpose=Purpose(row["purpose"]),
            first_contact=is_first_contact,
            contact_line=merchant.config.contact,
        ),
        link=stand_in_link(merchant),
    )
    if isinstance(made, RenderFailed):
        why = f"{made.field}: {made.detail}" if made.field else made.detail
        raise HTTPProblem(HTTPStatus.CONFLICT, "not_renderable", f"as it stands this text cannot be sent: {why}")
    return made
