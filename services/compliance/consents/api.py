"""The routes of consents: record, withdraw or import them, and read what the ledger holds about a number."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response

from services.compliance.consents.answers import ImportAnswer, LedgerAnswer
from services.compliance.consents.bodies import ConsentBody, ImportBody, RevocationBody, StandingBody
from services.compliance.consents.import_service import ImportService
from services.compliance.consents.service import ConsentService, refuse_reserved_origin, standing_answer
from services.compliance.gate.evaluation import rfc3339
from services.compliance.gate.inputs import HistoryItem, PastKind, Policy, Recipient
from services.compliance.gate.setting import moment_of, setting_of
from services.compliance.preferences.links import PreferenceLinks
from services.compliance.store import RecipientState
from shared.config.directory import Merchant
from shared.events.consent import WITHDRAWALS, ConsentAct, ConsentScope
from shared.events.follow_up import Purpose
from shared.http.auth import Caller, requires
from shared.http.idempotency import Keyed
from shared.http.problems import HTTPProblem
from shared.http.quota import Quotas, QuotaUsage
from shared.http.strict_json import StrictRoute
from shared.phone import E164
from shared.rule_files.loader import load_rules
from shared.rules.numbers import facts_of_e164
from shared.rules.table import UnreadableRules

_DAY = timedelta(days=1)
_OUTLOOK = timedelta(days=7)
"""How far ahead the next opening is looked for."""
_IMPORTS = "/v1/consents/imports"

Writer = Annotated[Caller, Depends(requires("consents:write"))]


def create_router(service: ConsentService, links: PreferenceLinks, quotas: Quotas) -> APIRouter:
    """Return the routes of consents."""
    router = APIRouter(tags=["consent"], route_class=StrictRoute)

    @router.post(
        "/v1/consents",
        status_code=HTTPStatus.CREATED,
        response_model=LedgerAnswer,
        summary="Record consent with its evidence",
    )
    async def record_consent(
        body: ConsentBody,
        request: Request,
        caller: Writer,
        idempotency_key: Annotated[str | None, Header()] = None,
    ) -> Response:
        refuse_reserved_origin(body)
        permissions = int(body.event not in WITHDRAWALS)
        quotas.take(caller, QuotaUsage("/v1/consents", permissions, permissions * len(await request.body())))
        claimed = body.model_dump(mode="json")
        keyed = Keyed.of(caller.merchant.id, idempotency_key, "/v1/consents", claimed, service.sealer.keyed_hash)
        status, answer = await service.enter(caller, body, keyed, HTTPStatus.CREATED)
        return JSONResponse(answer, status_code=status)

    @router.post("/v1/consents/revoke", response_model=LedgerAnswer, summary="Record a withdrawal, received anywhere")
    async def revoke_consent(body: RevocationBody, caller: Writer) -> Response:
        claim = ConsentBody(
            to=body.to,
            scope=ConsentScope(body.scope),
            event=ConsentAct.REVOKED,
            captured_at=body.revoked_at or service.units.clock.now(),
            evidence={"reason": body.reason},
        )
        status, answer = await service.enter(caller, claim, None, HTTPStatus.OK)
        return JSONResponse(answer, status_code=status)

    @router.post("/v1/recipients/standing", summary="Show what the ledger holds about a number")
    async def standing(
        body: StandingBody, caller: Annotated[Caller, Depends(requires("consents:read"))]
    ) -> dict[str, Any]:
        recipient, number = service.recipient(caller.merchant, body.to)
        now = service.units.clock.now()
        person, history = await service.person(caller.merchant, recipient, now)
        return {
            "recipient_id": str(recipient),
            **standing_answer(person, now),
            **_marketing_texts(history, now),
            **_sending_hours(caller.merchant, number, person, now),
            "preferences_url": links.url(caller.merchant.id, recipient, now),
        }

    @router.post("/v1/recipients/preference-links/revoke", summary="Revoke every preference link of a person")
    async def revoke_links(body: StandingBody, caller: Writer) -> dict[str, Any]:
        recipient, _number = service.recipient(caller.merchant, body.to)
        revoked_at = await service.revoke_links(caller, recipient)
        return {"recipient_id": str(recipient), "revoked_at": rfc3339(revoked_at)}

    return router


def create_imports_router(service: ImportService, quotas: Quotas) -> APIRouter:
    """Return the route of imports."""
    router = APIRouter(tags=["consent"], route_class=StrictRoute)

    @router.post(
        _IMPORTS,
        response_model=ImportAnswer,
        summary="Import consents; rows without evidence are refused one by one",
        responses={429: {"description": "Over a quota; rows that withdraw were taken all the same"}},
    )
    async def take(body: ImportBody, request: Request, caller: Writer) -> Response:
        size = len(await request.body())
        if (unread := quotas.unread_refusal(caller, _IMPORTS, size)) is not None:
            raise unread
        if body.dry_run:
            return JSONResponse(await service.tried(caller, body.rows))
        answer = await service.take(
            caller, body.rows, lambda rows: quotas.refusal(caller, QuotaUsage(_IMPORTS, rows, size))
        )
        return JSONResponse(answer)

    return router


def _marketing_texts(history: Sequence[HistoryItem], now: datetime) -> dict[str, Any]:
    """Return when marketing texts were sent, and how many of them count towards a daily cap."""
    texts = sorted(past.at for past in history if past.kind is PastKind.MARKETING)
    return {"slots_used": sum(1 for at in texts if at > now - _DAY), "marketing_texts": [rfc3339(at) for at in texts]}


def _sending_hours(merchant: Merchant, number: E164, person: RecipientState, now: datetime) -> dict[str, Any]:
    """Return the person's local times, judged by the number alone, and the next instant marketing may go."""
    rules = load_rules()
    if isinstance(rules, UnreadableRules):
        raise HTTPProblem(HTTPStatus.SERVICE_UNAVAILABLE, "rules_unreadable", "the quiet-hours table cannot be read")
    recipient = Recipient(number=facts_of_e164(number))
    consent = person.standing.consent_for(Purpose.MARKETING, now)
    setting = setting_of(Purpose.MARKETING, recipient, consent, rules, Policy.of(merchant.config))
    opening = setting.window.next_opening(now, now + _OUTLOOK)
    return {
        "local_times": [
            {"zone": clock.zone, "local_time": clock.local_time.isoformat(), "open": clock.open}
            for clock in moment_of(setting, now).zones
        ],
        "next_opening": rfc3339(opening) if opening else None,
    }
