"""The sender's HTTP doors: receipts and replies from providers, and what became of a dispatch."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel

from services.sender import store
from services.sender.numbers.health import held_by
from services.sender.providers.admission import Admission, misdirected
from services.sender.queue.dispatches import Attempt, Dispatch
from services.sender.queue.progress import Held, known_of
from services.sender.receipts.recording import Receipts
from services.sender.replies.inbox import take_in
from services.sender.replies.recording import Replies
from services.sender.tables import in_flight, number_health, recipients
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.http.auth import Caller, requires
from shared.http.problems import not_found
from shared.http.progress import ProgressAnswer
from shared.ids import AttemptId
from shared.progress import Progress, progress_of
from shared.telemetry.logs import logger

NO_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
"""TwiML for: send nothing back. Answers to keywords are follow-ups of their own, or the provider's."""
_NOT_OURS = "no number of this provider in the merchant's file is the one that this is about"
TAKEN = Response(status_code=HTTPStatus.OK)
"""Says nothing about anybody, so one does for all."""

log = logger(__name__)


class AttemptView(BaseModel):
    """One provider call."""

    attempt_id: UUID
    n: int
    provider: str
    state: str
    status: str | None
    provider_message_id: str | None
    parts: int
    error_class: str | None
    code: str | None
    reason: str | None
    intent_at: datetime
    accepted_at: datetime | None
    concluded_at: datetime | None
    ask_at: datetime | None
    """When the provider is asked what became of it, where it has not said so by then."""
    body_sha256: str


class DispatchView(BaseModel):
    """What became of one cleared follow-up at the sender."""

    follow_up_id: UUID
    state: str
    reason: str | None
    progress: ProgressAnswer
    release: int
    flow: str
    step: str
    purpose: str
    sender_number: str
    valid_until: datetime
    retry_at: datetime | None
    in_flight_at_stop: int
    """Texts to this person that were already handed over when an opt-out came."""
    attempts: list[AttemptView]


def router(units: UnitOfWorkRunner, admission: Admission, receipts: Receipts, replies: Replies) -> APIRouter:
    """Return the doors of providers and of the merchant's own systems."""
    routes = APIRouter(tags=["sender"])

    async def receive(request: Request) -> Response:
        """Take a provider's report on a text."""
        provider, merchant = request.path_params["provider"], request.path_params["merchant"]
        admitted = await admission.admit(provider, merchant, request, door="receipts")
        attempt_id = admission.attempt(admitted, request)
        receipt = admitted.provider.receipt(admitted.callback)
        if receipt is None:
            log.error("receipt_not_readable", merchant_id=merchant, provider=provider, attempt_id=str(attempt_id))
            raise misdirected("receipts", "the report names no text: MessageSid is missing")
        if not admitted.is_ours(is_reply=False):
            log.error("receipt_misdirected", merchant_id=merchant, provider=provider, attempt_id=str(attempt_id))
            raise misdirected("receipts", _NOT_OURS)
        await receipts.take(admitted.provider, admitted.merchant.id, attempt_id, receipt, admitted.callback)
        return TAKEN

    # A plain route: three receipts come for each text, and FastAPI's own handling would cost as much as ours.
    routes.add_route("/v1/providers/{provider}/{merchant}/receipts", receive, methods=["POST"])

    @routes.post("/v1/providers/{provider}/{merchant}/replies", summary="A provider hands over a reply")
    async def reply(provider: str, merchant: str, request: Request) -> Response:
        admitted = await admission.admit(provider, merchant, request, door="replies")
        if not await take_in(replies, admitted):
            raise misdirected("replies", _NOT_OURS)
        return Response(NO_ANSWER, media_type="text/xml")

    @routes.get("/v1/dispatches/{follow_up_id}", summary="What became of a cleared follow-up")
    async def show(follow_up_id: UUID, caller: Annotated[Caller, Depends(requires("dispatches:read"))]) -> DispatchView:
        now = units.clock.now()
        view = await units.read(lambda db: _view(db, follow_up_id, caller.merchant.id, now))
        if view is None:
            raise not_found("the dispatch")
        return view

    return routes


async def _view(db: Transaction, follow_up_id: UUID, merchant_id: str, now: datetime) -> DispatchView | None:
    dispatch = (await store.find_dispatches(db, [follow_up_id])).get(follow_up_id)
    if dispatch is None or dispatch.merchant_id != merchant_id:
        return None
    tried = await store.find_attempts(db, [dispatch.attempt_id(n) for n in range(1, dispatch.attempts + 1)])
    statuses = await store.statuses_of(db, tried)
    person = await db.rows(
        sa.select(recipients.c.in_flight_at_stop).where(recipients.c.recipient_id == dispatch.recipient_id)
    )
    return DispatchView(
        follow_up_id=dispatch.follow_up_id,
        state=dispatch.state,
        reason=dispatch.reason,
        progress=ProgressAnswer(**asdict(await _progress(db, dispatch, tried, now))),
        release=dispatch.release,
        flow=dispatch.flow,
        step=dispatch.step,
        purpose=dispatch.purpose,
        sender_number=dispatch.sender_number,
        valid_until=dispatch.valid_until,
        retry_at=dispatch.retry_at,
        in_flight_at_stop=person[0]["in_flight_at_stop"] if person else 0,
        attempts=[
            AttemptView(
                attempt_id=one.id,
                n=one.n,
                provider=one.provider,
                state=one.state,
                status=statuses[one.id],
                provider_message_id=one.provider_message_id,
                parts=one.parts,
                error_class=one.error_class,
                code=one.code,
                reason=one.reason,
                intent_at=one.intent_at,
                accepted_at=one.accepted_at,
                concluded_at=one.concluded_at,
                ask_at=one.ask_at,
                body_sha256=one.body_sha256.hex(),
            )
            for one in sorted(tried.values(), key=lambda each: each.n)
        ],
    )


async def _progress(db: Transaction, dispatch: Dispatch, tried: Mapping[AttemptId, Attempt], now: datetime) -> Progress:
    """Return what the sender is doing with a text, from its rows alone: any replica says the same."""
    last = max(tried.values(), key=lambda each: each.n, default=None)
    health = await db.fetch(number_health, "sender_number", [dispatch.sender_number])
    held = Held(held_by(health[0]["state"]), health[0]["opens_at"]) if health else Held()
    asked = await db.fetch(in_flight, "attempt_id", [last.id]) if last else []
    return progress_of(known_of(dispatch, last, held, asked[0]["look_at"] if asked else None, now), now)
