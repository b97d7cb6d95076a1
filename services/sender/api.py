"""The sender's entry point for HTTP: providers' callbacks, dispatches, the inbox, short links."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from services.sender import recipient_store, store
from services.sender.conversations import api as conversations_api
from services.sender.conversations import saved_answers_api
from services.sender.dependencies import SenderDependencies
from services.sender.engagement.links import api as links_api
from services.sender.numbers import api as numbers_api
from services.sender.numbers.store import breaker_of
from services.sender.providers.admission import misdirected
from services.sender.queue.dispatch_progress import progress_facts
from services.sender.queue.dispatches import Attempt
from services.sender.receipts.status_lattice import ProviderStatus
from services.sender.replies import unassigned_api
from services.sender.unknowns import api as unknowns_api
from shared.db.transaction import Transaction
from shared.http.audit_routes import create_audit_router
from shared.http.auth import Caller, requires
from shared.http.problems import not_found
from shared.http.progress import ProgressAnswer
from shared.ids import AttemptId
from shared.progress import progress_of
from shared.telemetry.logs import logger

NO_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
"""TwiML for: send nothing back. Answers to keywords are follow-ups of their own, or the provider's."""
_NOT_OURS = "the request names no number that the merchant's file gives this provider"
TAKEN = Response(status_code=HTTPStatus.OK)
"""Holds nothing of the request, so one serves all."""

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
    """When the provider is asked for the final status, unless a receipt reports it before."""
    body_sha256: str
    text: str | None = None
    """With `text=true`, the words as the provider was given them: `…` for who may not read them, null where they are
    no longer kept."""


class DispatchView(BaseModel):
    """One cleared follow-up at the sender, with its attempts."""

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
    """Texts to this person that were already handed to a provider when an opt-out came."""
    attempts: list[AttemptView]


def create_router(deps: SenderDependencies) -> APIRouter:
    """Return every route of the sender."""
    router = APIRouter()
    for part in (
        unknowns_api.create_router(deps.unknowns),  # before the dispatch by its id
        _create_router(deps),
        numbers_api.create_router(deps.units, deps.providers),
        conversations_api.create_router(deps.inbox, deps.reviews),
        saved_answers_api.create_router(deps.saved_answers),
        unassigned_api.create_router(deps.unassigned, deps.merchants),
        create_audit_router(deps.audit, deps.units),
        links_api.create_router(deps.units, deps.sealer),
    ):
        router.include_router(part)
    return router


def _create_router(deps: SenderDependencies) -> APIRouter:
    """Return the routes of the providers' callbacks and of dispatches."""
    router, units, admission = APIRouter(), deps.units, deps.admission

    async def receive(request: Request) -> Response:
        """Accept a provider's receipt for a text."""
        provider, merchant = request.path_params["provider"], request.path_params["merchant"]
        admitted = await admission.admit(provider, merchant, request, endpoint="receipts")
        attempt_id = admission.attempt(admitted, request)
        receipt = admitted.provider.receipt(admitted.callback)
        if receipt is None:
            log.error("receipt_not_readable", merchant_id=merchant, provider=provider, attempt_id=str(attempt_id))
            raise misdirected("receipts", "the receipt names no text: MessageSid is missing")
        if not admitted.is_ours(is_reply=False):
            log.error("receipt_misdirected", merchant_id=merchant, provider=provider, attempt_id=str(attempt_id))
            raise misdirected("receipts", _NOT_OURS)
        await deps.receipts.accept(admitted.provider, admitted.merchant.id, attempt_id, receipt, admitted.callback)
        return TAKEN

    # A plain route: three receipts come for each text, and FastAPI's own handling would cost as much as ours.
    router.add_route("/v1/providers/{provider}/{merchant}/receipts", receive, methods=["POST"])

    @router.post(
        "/v1/providers/{provider}/{merchant}/replies", tags=["callbacks"], summary="Accept a reply from a provider"
    )
    async def reply(provider: str, merchant: str, request: Request) -> Response:
        admitted = await admission.admit(provider, merchant, request, endpoint="replies")
        if not await deps.replies.accept(admitted):
            raise misdirected("replies", _NOT_OURS)
        return Response(NO_ANSWER, media_type="text/xml")

    @router.get("/v1/dispatches/{follow_up_id}", tags=["messages"], summary="Show a cleared follow-up and its attempts")
    async def show(
        follow_up_id: UUID,
        caller: Annotated[Caller, Depends(requires("dispatches:read"))],
        text: Annotated[bool, Query(description="With its words; each reading is in the audit log.")] = False,  # noqa: FBT002 - a query parameter
    ) -> DispatchView:
        now = units.clock.now()
        found = await units.read(lambda db: _view(db, follow_up_id, caller.merchant.id, now))
        if found is None:
            raise not_found("the dispatch")
        view, made = found
        if text:
            texts = await deps.sent_texts.read(caller, made)
            view.attempts = [
                each.model_copy(update={"text": texts[AttemptId(each.attempt_id)]}) for each in view.attempts
            ]
        return view

    return router


async def _view(
    db: Transaction, follow_up_id: UUID, merchant_id: str, now: datetime
) -> tuple[DispatchView, list[Attempt]] | None:
    dispatch = (await store.find_dispatches(db, [follow_up_id])).get(follow_up_id)
    if dispatch is None or dispatch.merchant_id != merchant_id:
        return None
    attempts = await store.find_attempts(db, [dispatch.attempt_id(n) for n in range(1, dispatch.attempts + 1)])
    statuses = await store.statuses_of(db, attempts)
    person = (await recipient_store.find_recipients(db, [dispatch.recipient_id])).get(dispatch.recipient_id)
    in_order = sorted(attempts.values(), key=lambda each: each.n)
    last = in_order[-1] if in_order else None
    breaker = await breaker_of(db, dispatch.sender_number)
    look_at = await store.next_look_at(db, last.id) if last else None
    # From rows alone: every replica answers the same.
    progress = progress_of(progress_facts(dispatch, last, breaker, look_at, now), now)
    in_flight_at_stop = person.in_flight_at_stop if person else 0
    shown = dispatch._asdict() | {"attempts": [_attempt_view(each, statuses) for each in in_order]}
    view = DispatchView(**shown, progress=ProgressAnswer(**asdict(progress)), in_flight_at_stop=in_flight_at_stop)
    return view, in_order


def _attempt_view(attempt: Attempt, statuses: Mapping[AttemptId, ProviderStatus | None]) -> AttemptView:
    shown = attempt._asdict() | {"status": statuses[attempt.id], "body_sha256": attempt.body_sha256.hex()}
    return AttemptView(**shown, attempt_id=attempt.id)
